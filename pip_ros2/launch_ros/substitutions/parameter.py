"""Parameter: the value of a parameter that SetParameter has set."""

from __future__ import annotations

from typing import Any

from launch.launch_context import LaunchContext
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitution import Substitution, SubstitutionFailure
from launch.substitutions.launch_configuration import normalize_default
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions
from launch.utilities.substitution_lists import describe_substitutions

from ..node_scope import GlobalParameter, global_parameters


class Parameter(Substitution):
    """The value as text; not set in this scope and no default: a failure."""

    def __init__(self, name: SomeSubstitutionsType, *, default: Any = None) -> None:
        self.name = normalize_to_list_of_substitutions(name)
        self._default = normalize_default(default)

    def describe(self) -> str:
        return f"Parameter(name={describe_substitutions(self.name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.name)
        for parameter in global_parameters(context):
            if isinstance(parameter, GlobalParameter) and parameter.name == name:
                return str(parameter.value)
        if self._default is None:
            raise SubstitutionFailure(f"parameter '{name}' not found")
        return perform_substitutions(context, self._default)
