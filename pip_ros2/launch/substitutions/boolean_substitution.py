"""Not, And, Or, Any, All: 'true' or 'false' from texts that are true or false."""

from __future__ import annotations

from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution, SubstitutionFailure
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions
from ..utilities.type_utils import coerce_to_type


def perform_bool(context: LaunchContext, value: list[Substitution]) -> bool:
    """Return the truth value that YAML gives the text ('1' and '0' count too).

    Raises SubstitutionFailure for any other text.
    """
    text = perform_substitutions(context, value)
    try:
        return coerce_to_type(text, bool)
    except ValueError as error:
        raise SubstitutionFailure(f"'{text}' is neither true nor false") from error


def bool_text(value: bool) -> str:
    """Return 'true' or 'false'."""
    return "true" if value else "false"


class _BooleanSubstitution(Substitution):
    """Combines truth values; subclasses define `_combine`."""

    def __init__(self, *values: SomeSubstitutionsType) -> None:
        self.args = [normalize_to_list_of_substitutions(value) for value in values]

    def describe(self) -> str:
        values = [describe_substitutions(value) for value in self.args]
        return f"{type(self).__name__}({', '.join(values)})"

    def perform(self, context: LaunchContext) -> str:
        return bool_text(self._combine([perform_bool(context, value) for value in self.args]))

    def _combine(self, values: list[bool]) -> bool:
        raise TypeError(f"{type(self).__name__} must define _combine")


class NotSubstitution(_BooleanSubstitution):
    """'true' if the value is false."""

    def __init__(self, value: SomeSubstitutionsType) -> None:
        super().__init__(value)

    def _combine(self, values: list[bool]) -> bool:
        return not values[0]


class AndSubstitution(_BooleanSubstitution):
    """'true' if both values are true."""

    def __init__(self, left: SomeSubstitutionsType, right: SomeSubstitutionsType) -> None:
        super().__init__(left, right)

    def _combine(self, values: list[bool]) -> bool:
        return all(values)


class OrSubstitution(_BooleanSubstitution):
    """'true' if at least one of both values is true."""

    def __init__(self, left: SomeSubstitutionsType, right: SomeSubstitutionsType) -> None:
        super().__init__(left, right)

    def _combine(self, values: list[bool]) -> bool:
        return any(values)


class AnySubstitution(_BooleanSubstitution):
    """'true' if at least one of the values is true."""

    def _combine(self, values: list[bool]) -> bool:
        return any(values)


class AllSubstitution(_BooleanSubstitution):
    """'true' if all values are true."""

    def _combine(self, values: list[bool]) -> bool:
        return all(values)
