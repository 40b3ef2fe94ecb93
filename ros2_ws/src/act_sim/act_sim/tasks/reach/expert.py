"""Shows ``reach``: go straight to the ball."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from act_sim.experts.cartesian_control import CartesianController, Goal
from act_sim.experts.grasp import FAST_M_S, MIDDLE_SPIN_RAD
from act_sim.objects import MARKER

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

_OPENING_RAD = 0.3


class ReachExpert:
    """Closed-loop demonstrator; see `act_sim.experts`."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        self._controller = CartesianController(sim)

    @property
    def done(self) -> bool:
        return self._sim.report.finished

    def act(self) -> NDArray[np.float64]:
        marker = self._sim.position(MARKER)
        return self._controller.command(Goal(marker, MIDDLE_SPIN_RAD, _OPENING_RAD, FAST_M_S))
