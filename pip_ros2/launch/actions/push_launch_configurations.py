"""PushLaunchConfigurations: the beginning of a scope."""

from __future__ import annotations

from ..action import Action
from ..launch_context import LaunchContext


class PushLaunchConfigurations(Action):
    """Saves the launch configurations on a stack."""

    def execute(self, context: LaunchContext) -> None:
        context._push_launch_configurations()
