"""PopLaunchConfigurations: the end of a scope."""

from __future__ import annotations

from ..action import Action
from ..launch_context import LaunchContext


class PopLaunchConfigurations(Action):
    """Restores the launch configurations that were saved last."""

    def execute(self, context: LaunchContext) -> None:
        context._pop_launch_configurations()
