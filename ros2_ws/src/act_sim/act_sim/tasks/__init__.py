"""The table of tasks: one file each."""

from __future__ import annotations

from act_core.errors import ConfigurationError, suggest

from act_sim.task import Task
from act_sim.tasks.lift_cube import LiftCube
from act_sim.tasks.pick_place import PickPlace
from act_sim.tasks.reach import Reach

TASKS: dict[str, Task] = {task.name: task for task in (PickPlace(), LiftCube(), Reach())}


def find_task(name: str) -> Task:
    """The task of that name. Raises ConfigurationError with the nearest name that exists."""
    if name not in TASKS:
        raise ConfigurationError(suggest("task", name, TASKS))
    return TASKS[name]
