"""ResetEnvironment: a clean environment."""

from __future__ import annotations

from ..action import Action
from ..launch_context import LaunchContext


class ResetEnvironment(Action):
    """Restores the environment in which the launch began."""

    def execute(self, context: LaunchContext) -> None:
        context._reset_environment()
