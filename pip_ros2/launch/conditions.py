"""Conditions of actions, and texts as truth values."""

from __future__ import annotations

from .bases import Condition, LaunchContext, SomeSubstitutionsType, Substitution, Text, optional

_VALUES = {"true": True, "1": True, "false": False, "0": False}


class InvalidConditionExpressionError(ValueError):
    """A condition is neither true nor false."""


def evaluate_condition_expression(context: LaunchContext, expression: list[Substitution]) -> bool:
    """Return the truth value of a text, in any case of letters.

    Raises InvalidConditionExpressionError for any other text, the empty one included.
    """
    source = Text(expression)
    text = source.perform(context).strip().lower()
    if text not in _VALUES:
        raise InvalidConditionExpressionError(
            f"condition '{text}' (from {source.describe()}) is not one of {', '.join(_VALUES)}"
        )
    return _VALUES[text]


class IfCondition(Condition):
    """True where the text is 'true' or '1', false where it is 'false' or '0'."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        self._expression = Text(predicate_expression)

    def evaluate(self, context: LaunchContext) -> bool:
        return evaluate_condition_expression(context, self._expression)


class UnlessCondition(IfCondition):
    """The opposite of `IfCondition`."""

    def evaluate(self, context: LaunchContext) -> bool:
        return not super().evaluate(context)


class LaunchConfigurationEquals(Condition):
    """True where the launch configuration has the value; None stands for 'is not set'."""

    def __init__(
        self, launch_configuration_name: str, expected_value: SomeSubstitutionsType | None
    ) -> None:
        self._name = launch_configuration_name
        self._expected = optional(expected_value)

    def evaluate(self, context: LaunchContext) -> bool:
        value = context.launch_configurations.get(self._name)
        return value == (self._expected.perform(context) if self._expected is not None else None)


class LaunchConfigurationNotEquals(LaunchConfigurationEquals):
    """The opposite of `LaunchConfigurationEquals`."""

    def evaluate(self, context: LaunchContext) -> bool:
        return not super().evaluate(context)
