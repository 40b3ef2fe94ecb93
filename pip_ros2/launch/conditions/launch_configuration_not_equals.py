"""LaunchConfigurationNotEquals: a launch configuration has another value."""

from __future__ import annotations

from ..launch_context import LaunchContext
from .launch_configuration_equals import LaunchConfigurationEquals


class LaunchConfigurationNotEquals(LaunchConfigurationEquals):
    """The opposite of `LaunchConfigurationEquals`."""

    def _predicate_func(self, context: LaunchContext) -> bool:
        return not super()._predicate_func(context)
