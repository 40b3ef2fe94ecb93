"""SetLaunchConfiguration: sets a launch configuration."""

from __future__ import annotations

from typing import Any

from ..action import Action
from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions


class SetLaunchConfiguration(Action):
    """Sets a launch configuration for what is visited afterwards."""

    def __init__(
        self, name: SomeSubstitutionsType, value: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = normalize_to_list_of_substitutions(value)

    def describe(self) -> str:
        name, value = describe_substitutions(self.name), describe_substitutions(self.value)
        return f"SetLaunchConfiguration({name}, {value})"

    def execute(self, context: LaunchContext) -> None:
        name = perform_substitutions(context, self.name)
        context.launch_configurations[name] = perform_substitutions(context, self.value)
