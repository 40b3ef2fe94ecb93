"""LocalSubstitution: a value of the event that is being handled."""

from __future__ import annotations

from ..launch_context import LaunchContext
from ..substitution import Substitution


class LocalSubstitution(Substitution):
    """A Python expression on `context.locals`, such as 'event.returncode'."""

    def __init__(self, expression: str, description: str | None = None) -> None:
        if not isinstance(expression, str):
            raise TypeError(f"LocalSubstitution: expression must be a str, got {expression!r}")
        self.expression = expression
        self.description = description

    def describe(self) -> str:
        return f"LocalVar('{self.description or self.expression}')"

    def perform(self, context: LaunchContext) -> str:
        # The expression comes from the launch file, which is itself Python code.
        return str(eval(f"_locals.{self.expression}", {"_locals": context.locals}))
