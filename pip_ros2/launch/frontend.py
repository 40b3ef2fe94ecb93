"""What packages import that offer their actions to launch files in XML and YAML.

MoveIt's `moveit_configs_utils` and others decorate their classes with these names when they are
imported. Launch files in XML and YAML are not read here, so the decorators return the class as it
is, and nobody ever makes a parser.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .refusal import needs_distribution

_C = TypeVar("_C")


def expose_action(name: str) -> Callable[[_C], _C]:
    """Decorator of an action that XML and YAML call `name`."""
    return lambda exposed: exposed


def expose_substitution(name: str) -> Callable[[_C], _C]:
    """Decorator of a substitution that XML and YAML call `name`."""
    return lambda exposed: exposed


class Entity:
    """One element of a launch file in XML or YAML; for annotations."""


class Parser:
    """Reads launch files in XML or YAML; for annotations."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError(needs_distribution("a launch file in XML or YAML"))
