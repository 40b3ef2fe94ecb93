"""UnlessCondition: true where a text is false."""

from __future__ import annotations

from ..launch_context import LaunchContext
from .if_condition import IfCondition


class UnlessCondition(IfCondition):
    """The opposite of `IfCondition`."""

    def _predicate_func(self, context: LaunchContext) -> bool:
        return not super()._predicate_func(context)
