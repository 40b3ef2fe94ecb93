"""Shows ``lift_cube``: take the cube, raise it and hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from act_sim.experts.cartesian_control import CartesianController, Goal
from act_sim.experts.grasp import CLOSED_RAD, FAST_M_S, MIDDLE_SPIN_RAD, Grasp
from act_sim.objects import CUBE

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

_MARGIN_M = 0.03


class LiftCubeExpert:
    """Closed-loop demonstrator; see `act_sim.experts`."""

    def __init__(self, sim: Simulation, height_m: float) -> None:
        """Args: height_m: how high above the table the cube's underside is to be."""
        self._sim, self._height_m = sim, height_m
        self._controller = CartesianController(sim)
        self._grasp = Grasp(sim, self._controller)

    @property
    def done(self) -> bool:
        return self._sim.report.finished

    def act(self) -> NDArray[np.float64]:
        taking = self._grasp.goal()
        if taking is not None:
            return self._controller.command(taking)
        raised = self._controller.position()
        raised[2] = self._height_m + self._sim.half_size(CUBE) + _MARGIN_M
        return self._controller.command(Goal(raised, MIDDLE_SPIN_RAD, CLOSED_RAD, FAST_M_S))
