"""What is said about everything that this subset of `launch` and `launch_ros` leaves out.

A launch file that uses more than the subset must fail with the name of the thing it misses, not
with an error from the depths. Three doors lead out of the subset, and each has its guard here:

- an unknown name or submodule: `from launch.actions import OpaqueCoroutine`, `import
  launch.frontend` (`_SubsetFinder`, asked by Python when nothing else provides the name) and
  `launch.actions.OpaqueCoroutine` (`module_getattr`);
- an unknown keyword argument: `Node(..., extensions=[])` (`unknown_arguments`);
- an unknown value: a launch file in XML (raised where it is read, with `needs_distribution`).
"""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Iterable
from importlib.abc import MetaPathFinder
from typing import Any, NoReturn

_PACKAGES = ("launch", "launch_ros")


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'X'?"` for the nearest of the known names, or nothing."""
    matches = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean '{matches[0]}'?" if matches else ""


def needs_distribution(what: str) -> str:
    """Return the sentence that names what is missing and says where it is to be had."""
    return (
        f"{what} is not part of the launch subset that is used with the PyPI wheels of ROS 2; "
        "it needs a ROS 2 distribution (https://docs.ros.org)"
    )


def module_getattr(module: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of a public module: names what it lacks and the nearest it has."""

    def refuse(name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        known = getattr(sys.modules[module], "__all__", ())
        raise AttributeError(needs_distribution(f"{module}.{name}") + nearest(name, known))

    return refuse


class _SubsetFinder(MetaPathFinder):
    """Explains a name or submodule of `launch` or `launch_ros` that does not exist here.

    It is last on `sys.meta_path`. `from package import name` also comes by here when `name` is
    neither an attribute nor a submodule, so one message serves both.
    """

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        package, _, name = fullname.rpartition(".")
        if fullname.partition(".")[0] in _PACKAGES and package and not name.startswith("_"):
            known = getattr(sys.modules.get(package), "__all__", ())
            # Without `name=`, as otherwise Python replaces the message of a `from` import.
            raise ModuleNotFoundError(needs_distribution(fullname) + nearest(name, known))


def unknown_arguments(cls: type, names: Iterable[str]) -> TypeError:
    """Return the error for keyword arguments that no constructor of the class takes."""
    known: dict[str, None] = {}
    for base in cls.__mro__:
        for parameter in inspect.signature(base).parameters.values():
            if (
                parameter.name != "self"
                and parameter.name[0] != "_"
                and parameter.kind
                in (
                    parameter.POSITIONAL_OR_KEYWORD,
                    parameter.KEYWORD_ONLY,
                )
            ):
                known[parameter.name] = None
    listed = ", ".join(f"'{name}'" for name in names)
    hint = "".join(nearest(name, known) for name in names)
    return TypeError(
        f"{cls.__name__}: unknown argument {listed}{hint} (known: {', '.join(known)}). "
        "If it is an argument of the real class: "
        + needs_distribution(f"{cls.__name__}({', '.join(f'{name}=' for name in names)})")
    )


if not any(isinstance(finder, _SubsetFinder) for finder in sys.meta_path):
    sys.meta_path.append(_SubsetFinder())
