"""IfElseSubstitution: one of two texts."""

from __future__ import annotations

from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions
from .boolean_substitution import perform_bool


class IfElseSubstitution(Substitution):
    """`if_value` if the condition is true, else `else_value`."""

    def __init__(
        self,
        condition: SomeSubstitutionsType,
        if_value: SomeSubstitutionsType = "",
        else_value: SomeSubstitutionsType = "",
    ) -> None:
        if if_value == "" and else_value == "":
            raise RuntimeError("IfElseSubstitution: if_value or else_value must be given")
        self.condition = normalize_to_list_of_substitutions(condition)
        self.if_value = normalize_to_list_of_substitutions(if_value)
        self.else_value = normalize_to_list_of_substitutions(else_value)

    def describe(self) -> str:
        values = (
            describe_substitutions(value)
            for value in (self.condition, self.if_value, self.else_value)
        )
        return f"IfElseSubstitution({', '.join(values)})"

    def perform(self, context: LaunchContext) -> str:
        chosen = self.if_value if perform_bool(context, self.condition) else self.else_value
        return perform_substitutions(context, chosen)
