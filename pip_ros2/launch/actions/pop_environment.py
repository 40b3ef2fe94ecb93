"""PopEnvironment: the end of a scope."""

from __future__ import annotations

from ..action import Action
from ..launch_context import LaunchContext


class PopEnvironment(Action):
    """Restores the environment that was saved last."""

    def execute(self, context: LaunchContext) -> None:
        context._pop_environment()
