"""StringJoinSubstitution: texts with a delimiter between them."""

from __future__ import annotations

from collections.abc import Iterable

from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions


class StringJoinSubstitution(Substitution):
    """The texts, joined as `str.join` does."""

    def __init__(
        self,
        substitutions: Iterable[SomeSubstitutionsType],
        delimiter: SomeSubstitutionsType = "",
    ) -> None:
        self.substitutions = [normalize_to_list_of_substitutions(part) for part in substitutions]
        self.delimiter = normalize_to_list_of_substitutions(delimiter)

    def describe(self) -> str:
        parts = (describe_substitutions(part) for part in self.substitutions)
        return f"StringJoin({', '.join(parts)})"

    def perform(self, context: LaunchContext) -> str:
        parts = (perform_substitutions(context, part) for part in self.substitutions)
        return perform_substitutions(context, self.delimiter).join(parts)
