"""Scripted demonstrators: what they are to everybody, and the skills that tasks make them of.

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

from act_core.errors import ConfigurationError

from act_sim.simulation import Simulation
from act_sim.task import Expert


def make_expert(sim: Simulation) -> Expert:
    """An expert for the episode that ``sim`` is in. Raises ConfigurationError if there is none."""
    if sim.mirrored:
        raise ConfigurationError("no expert moves a mirrored arm: they know the other one's joints")
    return sim.task.make_expert(sim)
