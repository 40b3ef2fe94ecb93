"""Condition: decides, when the launch runs, whether an action is executed."""

from __future__ import annotations

from collections.abc import Callable

from .launch_context import LaunchContext


class Condition:
    """Wraps a predicate of the launch context; without one it is never true."""

    def __init__(self, *, predicate: Callable[[LaunchContext], bool] | None = None) -> None:
        self._predicate = predicate

    def describe(self) -> str:
        """Return a short text for listings."""
        return repr(self)

    def evaluate(self, context: LaunchContext) -> bool:
        """Return whether the action is to be executed."""
        return self._predicate is not None and self._predicate(context)
