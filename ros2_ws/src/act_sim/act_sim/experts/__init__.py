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

from contextlib import suppress
from difflib import SequenceMatcher

from act_core.errors import ConfigurationError

from act_sim.simulation import Simulation
from act_sim.task import Expert, Task
from act_sim.task_registry import find_task, task_names


def make_expert(sim: Simulation) -> Expert:
    """An expert for the episode that ``sim`` is in. Raises ConfigurationError if there is none."""
    if sim.mirrored:
        raise ConfigurationError("no expert moves a mirrored arm: they know the other one's joints")
    if not _has_expert(sim.task):
        others = ", ".join(_tasks_with_expert(sim.task.name))
        raise ConfigurationError(
            f"the task '{sim.task.name}' has no scripted expert: its class defines no "
            f"make_expert(sim); tasks that have one, nearest first: {others}"
        )
    return sim.task.make_expert(sim)


def _has_expert(task: Task) -> bool:
    return type(task).make_expert is not Task.make_expert


def _tasks_with_expert(name: str) -> list[str]:
    """Those that are known by name, most like ``name`` first."""
    found = []
    for other in task_names():
        with suppress(ConfigurationError):  # one of somebody else's that cannot be had
            if _has_expert(find_task(other)):
                found.append(other)
    return sorted(found, key=lambda other: -SequenceMatcher(None, name, other).ratio())


def warning_of_expert(sim: Simulation) -> str | None:
    """What a user has to know who lets the expert act at the level of ``sim``, if anything."""
    masters = sim.task.expert_level
    if sim.level <= masters:
        return None
    return (
        f"level {sim.level}: the scripted expert of {sim.task.name} masters levels 0 to {masters} "
        "and often fails at this one; what it shows there is of the starts that suit it"
    )
