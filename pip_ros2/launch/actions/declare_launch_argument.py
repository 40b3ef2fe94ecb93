"""DeclareLaunchArgument: an argument that a launch file takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..action import Action
from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions


class DeclareLaunchArgument(Action):
    """Gives the launch configuration `name` its default value unless it has been set.

    Without a default value it must be set: by `name:=value`, by the including file, or before.
    A value that is not among the choices is an error.
    """

    def __init__(
        self,
        name: str,
        *,
        default_value: SomeSubstitutionsType | None = None,
        description: str | None = None,
        choices: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if choices is not None and not choices:
            raise RuntimeError(f"launch argument '{name}': choices are empty; use None for any")
        if choices is not None and isinstance(default_value, str) and default_value not in choices:
            raise RuntimeError(
                f"launch argument '{name}': default value '{default_value}' is not one of the "
                f"choices: {', '.join(choices)}"
            )
        self.name = name
        self.default_value = (
            None if default_value is None else normalize_to_list_of_substitutions(default_value)
        )
        self.description = _describe(description, choices)
        self.choices = choices
        # Set by LaunchDescription.get_launch_arguments.
        self._conditionally_included = False

    def describe(self) -> str:
        if self.default_value is None:
            return f"DeclareLaunchArgument('{self.name}')"
        default = describe_substitutions(self.default_value)
        return f"DeclareLaunchArgument('{self.name}', default_value={default})"

    def execute(self, context: LaunchContext) -> None:
        configurations = context.launch_configurations
        if self.name not in configurations:
            if self.default_value is None:
                raise RuntimeError(
                    f"Required launch argument '{self.name}' (description: "
                    f"'{self.description}') was not provided"
                )
            configurations[self.name] = perform_substitutions(context, self.default_value)
        value = configurations[self.name]
        if self.choices is not None and value not in self.choices:
            raise RuntimeError(
                f"Argument '{self.name}' provided value '{value}' is not valid. "
                f"Valid options are: {', '.join(self.choices)}"
            )


def _describe(description: str | None, choices: Sequence[str] | None) -> str:
    if choices is None:
        return "no description given" if description is None else description
    if description is None:
        return f"One of: {list(choices)}"
    end = "" if description.endswith(".") else "."
    return f"{description}{end} Valid choices are: {list(choices)}"
