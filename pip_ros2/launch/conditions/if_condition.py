"""IfCondition: true where a text is true."""

from __future__ import annotations

from ..condition import Condition
from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..utilities import normalize_to_list_of_substitutions
from .condition_expression import evaluate_condition_expression


class IfCondition(Condition):
    """True where the text is 'true' or '1', false where it is 'false' or '0'."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        super().__init__(predicate=self._predicate_func)
        self._expression = normalize_to_list_of_substitutions(predicate_expression)

    def _predicate_func(self, context: LaunchContext) -> bool:
        return evaluate_condition_expression(context, self._expression)
