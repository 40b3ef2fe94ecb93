"""Texts as truth values: 'true' and '1', 'false' and '0'."""

from __future__ import annotations

from ..launch_context import LaunchContext
from ..substitution import Substitution
from ..utilities import perform_substitutions
from ..utilities.substitution_lists import describe_substitutions

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
