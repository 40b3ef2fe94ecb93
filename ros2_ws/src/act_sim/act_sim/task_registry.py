"""Finds tasks by name: those that ship, those of installed packages, and any class in any file.

`act_core.door` tells where a name is looked for; the group of entry points is ``act_sim.tasks``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import gymnasium
from act_core.door import Door, place
from act_core.errors import ConfigurationError

from act_sim.task import REQUIRED, Task

C = TypeVar("C", bound=type)


def _problem(task_class: Any) -> str | None:
    if not (isinstance(task_class, type) and issubclass(task_class, Task)):
        return "is no subclass of act_sim.task.Task"
    missing = [
        f"{member}, {what}"
        for member, what in REQUIRED.items()
        if getattr(task_class, member, None) is getattr(Task, member, None)
    ]
    return f"lacks {'; '.join(missing)}" if missing else None


TASKS: Door[type[Task]] = Door(
    "task", "act_sim.tasks", _problem, "see act_sim.task for what it needs"
)


def register_task(name: str) -> Callable[[C], C]:
    """Class decorator: the class is the task ``name``, here and as a Gymnasium environment.

    Raises ConfigurationError when the class lacks what a task needs.
    """

    def register(task_class: C) -> C:
        TASKS.register(name)(task_class)
        task_class.name = name  # type: ignore[attr-defined]
        register_environment(name)
        return task_class

    return register


def task_names() -> list[str]:
    """Every name that `find_task` knows. Nothing is imported for it."""
    return TASKS.names()


def find_task(name: str) -> Task:
    """The task of that name.

    Raises ConfigurationError with the names that exist, nearest first, and how to add one; or with
    what a class lacks that is to be a task.
    """
    task_class: Any = TASKS.find(name)
    if getattr(task_class, "name", None) is None:
        task_class.name = name.rpartition(":")[2]
    try:
        return task_class()
    except TypeError as error:
        raise ConfigurationError(
            f"task '{name}': {place(task_class)} is made without arguments: {error}"
        ) from error


def check_task(task_class: type, name: str) -> None:
    """Raises ConfigurationError, naming what is missing, for a class that is no whole task."""
    TASKS.checked(task_class, name)


def register_environment(name: str) -> None:
    """Makes the task known to Gymnasium: pick_place as ``act_sim/PickPlace-v0``."""
    words = "".join(word.capitalize() for word in name.split("_"))
    identifier = f"act_sim/{words}-v0"
    if identifier not in gymnasium.registry:
        gymnasium.register(
            id=identifier, entry_point="act_sim.environment:So101Env", kwargs={"task": name}
        )
