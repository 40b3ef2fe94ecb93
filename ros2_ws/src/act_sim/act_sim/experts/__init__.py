"""Scripted demonstrators: one per task, named like it.

    sim = Simulation("pick_place")
    sim.reset(seed=0)
    expert = make_expert(sim)          # one expert per episode
    while not expert.done:
        label = expert.act()           # (J,) joint targets [rad]: what a policy should say now
        sim.step(label)                # or label + noise: the expert answers from where it lands

An expert sees the true state of the simulation but acts only through the joint targets that a
policy would send, one per control period. `act` is called once per period.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from act_core.errors import ConfigurationError, suggest
from numpy.typing import NDArray

from act_sim.experts.lift_cube import LiftCubeExpert
from act_sim.experts.pick_place import PickPlaceExpert
from act_sim.experts.reach import ReachExpert
from act_sim.simulation import Simulation


class Expert(Protocol):
    """A demonstrator of one episode."""

    @property
    def done(self) -> bool:
        """Whether the episode is over, with or without success."""

    def act(self) -> NDArray[np.float64]:
        """The joint targets (J,) [rad] for the next control period."""


EXPERTS: dict[str, Callable[[Simulation], Expert]] = {
    "pick_place": PickPlaceExpert,
    "lift_cube": LiftCubeExpert,
    "reach": ReachExpert,
}


def make_expert(sim: Simulation) -> Expert:
    """An expert for the episode that ``sim`` is in. Raises ConfigurationError if there is none."""
    if sim.task.name not in EXPERTS:
        raise ConfigurationError(suggest("expert", sim.task.name, EXPERTS))
    return EXPERTS[sim.task.name](sim)
