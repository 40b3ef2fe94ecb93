"""NotEqualsSubstitution: whether two values differ."""

from __future__ import annotations

from ..launch_context import LaunchContext
from .boolean_substitution import bool_text
from .equals_substitution import EqualsSubstitution


class NotEqualsSubstitution(EqualsSubstitution):
    """The opposite of `EqualsSubstitution`."""

    def perform(self, context: LaunchContext) -> str:
        return bool_text(not self._equal(context))
