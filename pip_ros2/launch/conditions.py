"""Conditions of actions, and texts as truth values."""

from __future__ import annotations

from .bases import Condition, LaunchContext, SomeSubstitutionsType, Substitution
from .utilities import (
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)

__all__ = [
    "IfCondition",
    "InvalidConditionExpressionError",
    "LaunchConfigurationEquals",
    "LaunchConfigurationNotEquals",
    "UnlessCondition",
    "evaluate_condition_expression",
]


_VALUES = {"true": True, "1": True, "false": False, "0": False}


class InvalidConditionExpressionError(ValueError):
    """A condition is neither true nor false."""


def evaluate_condition_expression(context: LaunchContext, expression: list[Substitution]) -> bool:
    """Return the truth value of a text, in any case of letters.

    Raises InvalidConditionExpressionError for any other text, the empty one included.
    """
    text = perform_substitutions(context, expression).strip().lower()
    if text not in _VALUES:
        source = describe_substitutions(expression)
        raise InvalidConditionExpressionError(
            f"condition '{text}' (from {source}) is not one of {', '.join(_VALUES)}"
        )
    return _VALUES[text]


class IfCondition(Condition):
    """True where the text is 'true' or '1', false where it is 'false' or '0'."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        super().__init__(predicate=self._predicate_func)
        self._expression = normalize_to_list_of_substitutions(predicate_expression)

    def _predicate_func(self, context: LaunchContext) -> bool:
        return evaluate_condition_expression(context, self._expression)


class UnlessCondition(IfCondition):
    """The opposite of `IfCondition`."""

    def _predicate_func(self, context: LaunchContext) -> bool:
        return not super()._predicate_func(context)


class LaunchConfigurationEquals(Condition):
    """True where the launch configuration has the value; None stands for 'is not set'."""

    def __init__(
        self, launch_configuration_name: str, expected_value: SomeSubstitutionsType | None
    ) -> None:
        super().__init__(predicate=self._predicate_func)
        self._name = launch_configuration_name
        self._expected = (
            None if expected_value is None else normalize_to_list_of_substitutions(expected_value)
        )

    def _predicate_func(self, context: LaunchContext) -> bool:
        value = context.launch_configurations.get(self._name)
        if self._expected is None:
            return value is None
        return value == perform_substitutions(context, self._expected)


class LaunchConfigurationNotEquals(LaunchConfigurationEquals):
    """The opposite of `LaunchConfigurationEquals`."""

    def _predicate_func(self, context: LaunchContext) -> bool:
        return not super()._predicate_func(context)
