"""Shows ``pick_place``: take the cube, carry it over the bowl, let go, move away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from act_sim.experts.cartesian_control import CartesianController, Goal
from act_sim.experts.grasp import (
    CLOSED_RAD,
    FAST_M_S,
    MIDDLE_SPIN_RAD,
    OPEN_RAD,
    SLOW_M_S,
    Grasp,
    rise_first,
)
from act_sim.objects import BOWL, CUBE, distance_from_bowl, is_in_bowl

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

CARRY_M = 0.095  # height of the cube on the way: its underside clears the rim
RELEASE_M = 0.075
OVER_BOWL_M = 0.015
RETREAT_M = 0.12


class PickPlaceExpert:
    """Closed-loop demonstrator; see `act_sim.experts`."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._controller = CartesianController(sim)
        self._grasp = Grasp(sim, self._controller)

    @property
    def done(self) -> bool:
        return self._sim.report.finished

    def act(self) -> NDArray[np.float64]:
        return self._controller.command(self._goal())

    def _goal(self) -> Goal:
        cube, bowl = self._sim.position(CUBE), self._sim.position(BOWL)
        here = self._controller.position()
        if is_in_bowl(self._sim):
            away = np.array([bowl[0], bowl[1], RETREAT_M])
            return Goal(away, MIDDLE_SPIN_RAD, OPEN_RAD, FAST_M_S)
        taking = self._grasp.goal()
        if taking is not None:
            return taking
        # Steer the cube, not the gripper, to the bowl: it is seldom held exactly in the middle.
        carried = bowl + here - cube
        if distance_from_bowl(self._sim) > OVER_BOWL_M:
            carried[2] = CARRY_M
            return Goal(rise_first(here, carried), MIDDLE_SPIN_RAD, CLOSED_RAD, FAST_M_S)
        carried[2] = RELEASE_M
        opening = OPEN_RAD if here[2] < RELEASE_M + 0.01 else CLOSED_RAD
        return Goal(carried, MIDDLE_SPIN_RAD, opening, SLOW_M_S)
