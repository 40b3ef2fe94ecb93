"""EqualsSubstitution: whether two values are equal."""

from __future__ import annotations

import math
from typing import Any

from ..launch_context import LaunchContext
from ..substitution import Substitution
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions
from ..utilities.type_utils import is_substitution
from .boolean_substitution import bool_text

_TRUE, _FALSE = ("true", "1"), ("false", "0")


class EqualsSubstitution(Substitution):
    """'true' if both values are equal: as truth values, as numbers, otherwise as texts."""

    def __init__(self, left: Any, right: Any) -> None:
        self.left = _normalize(left)
        self.right = _normalize(right)

    def describe(self) -> str:
        left, right = (describe_substitutions(side) for side in (self.left, self.right))
        return f"{type(self).__name__}({left}, {right})"

    def perform(self, context: LaunchContext) -> str:
        return bool_text(self._equal(context))

    def _equal(self, context: LaunchContext) -> bool:
        left = perform_substitutions(context, self.left)
        right = perform_substitutions(context, self.right)
        if left.lower() in _TRUE + _FALSE and right.lower() in _TRUE + _FALSE:
            return (left.lower() in _TRUE) == (right.lower() in _TRUE)
        try:
            return math.isclose(float(left), float(right))
        except ValueError:
            return left == right


def _normalize(value: Any) -> list[Substitution]:
    if is_substitution(value):
        return normalize_to_list_of_substitutions(value)
    if value is None:
        return normalize_to_list_of_substitutions("")
    if isinstance(value, bool):
        return normalize_to_list_of_substitutions(bool_text(value))
    return normalize_to_list_of_substitutions(str(value))
