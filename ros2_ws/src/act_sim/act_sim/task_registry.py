"""Finds tasks by name: those that ship, those of installed packages, and any class in any file.

A name is looked for, in this order, among

- the files and folders of `act_sim.tasks`;
- what was registered by a module that is already imported (`register_task`);
- entry points of installed packages in the group ``act_sim.tasks``, e.g. in a pyproject.toml
  ``[project.entry-points."act_sim.tasks"]`` with ``push_button = "my_package.push:PushButton"``;
- and where it has a colon, it says itself where the class is: ``my_package.push:PushButton``, with
  a module that Python finds, or ``/path/to/push.py:PushButton``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import gymnasium
from act_core.errors import ConfigurationError, suggest

from act_sim import tasks
from act_sim.task import REQUIRED, Task

ENTRY_POINTS = "act_sim.tasks"
HOW_TO_ADD = (
    "; one of your own: package.module:Class or file.py:Class, see act_sim.task for what it needs"
)

C = TypeVar("C", bound=type)

_registered: dict[str, type[Task]] = {}


def register_task(name: str) -> Callable[[C], C]:
    """Class decorator: the class is the task ``name``, here and as a Gymnasium environment.

    Raises ConfigurationError when the class lacks what a task needs.
    """

    def register(task_class: C) -> C:
        check_task(task_class, name)
        other = _registered.get(name)
        if other is not None and _place(other) != _place(task_class):
            raise ConfigurationError(
                f"two tasks are called '{name}': {_place(other)} and {_place(task_class)}"
            )
        task_class.name = name  # type: ignore[attr-defined]
        _registered[name] = task_class
        register_environment(name)
        return task_class

    return register


def task_names() -> list[str]:
    """Every name that `find_task` knows. Nothing is imported for it."""
    return sorted({*_shipped(), *_registered, *_entry_points()})


def find_task(name: str) -> Task:
    """The task of that name (see above for what a name can be).

    Raises ConfigurationError with the names that exist, nearest first, and how to add one; or with
    what a class lacks that is to be a task.
    """
    if name not in _registered:
        if ":" in name:
            return _made(_class_at(name), name)
        if name in _shipped():
            importlib.import_module(f"{tasks.__name__}.{name}")
        elif name in _entry_points():
            _registered[name] = _named(_class_at(_entry_points()[name].value), name)
            register_environment(name)
    if name not in _registered:
        raise ConfigurationError(suggest("task", name, task_names()) + HOW_TO_ADD)
    return _made(_registered[name], name)


def register_environment(name: str) -> None:
    """Makes the task known to Gymnasium: pick_place as ``act_sim/PickPlace-v0``."""
    words = "".join(word.capitalize() for word in name.split("_"))
    identifier = f"act_sim/{words}-v0"
    if identifier not in gymnasium.registry:
        gymnasium.register(
            id=identifier, entry_point="act_sim.environment:So101Env", kwargs={"task": name}
        )


def _shipped() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(tasks.__path__)]


def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}


def _class_at(place: str) -> type[Task]:
    """The class at "package.module:Class" or "file.py:Class"."""
    where, _, attribute = place.rpartition(":")
    try:
        module = _module_of_file(where) if where.endswith(".py") else importlib.import_module(where)
    except (ImportError, SyntaxError, OSError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"task '{place}': cannot import '{where}': {error}; a module has to be on PYTHONPATH, "
            "a file can be given by its path"
        ) from error
    found = getattr(module, attribute, None)
    if not isinstance(found, type):
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        raise ConfigurationError(f"task '{place}': " + suggest("class", attribute, classes))
    return _named(found, getattr(found, "name", attribute))


def _module_of_file(path: str) -> ModuleType:
    file = Path(path).expanduser().resolve()
    name = f"act_sim_task_{file.stem}"
    loaded = sys.modules.get(name)
    if loaded is not None and loaded.__file__ == str(file):
        return loaded
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # so that its classes can be pickled
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _named(task_class: type, name: str) -> type[Task]:
    check_task(task_class, name)
    if getattr(task_class, "name", None) is None:
        task_class.name = name  # type: ignore[attr-defined]
    return task_class


def _place(task_class: type) -> str:
    return f"{task_class.__module__}:{task_class.__qualname__}"


def check_task(task_class: type, name: str) -> None:
    """Raises ConfigurationError, naming what is missing, for a class that is no whole task."""
    if not issubclass(task_class, Task):
        raise ConfigurationError(
            f"task '{name}': {_place(task_class)} is no subclass of act_sim.task.Task"
        )
    missing = [
        f"{member}, {what}"
        for member, what in REQUIRED.items()
        if getattr(task_class, member, None) is getattr(Task, member, None)
    ]
    if missing:
        raise ConfigurationError(f"task '{name}': {_place(task_class)} lacks {'; '.join(missing)}")


def _made(task_class: type[Task], name: str) -> Task:
    make: Any = task_class
    try:
        return make()
    except TypeError as error:
        raise ConfigurationError(
            f"task '{name}': {task_class.__qualname__} is made without arguments: {error}"
        ) from error
