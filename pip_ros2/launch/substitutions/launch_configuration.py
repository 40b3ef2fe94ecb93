"""LaunchConfiguration: the value of a launch argument or launch configuration."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from ..launch_context import LaunchContext
from ..refusal import nearest
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution, SubstitutionFailure
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions


def normalize_default(default: Any) -> list[Substitution] | None:
    """Return a default as substitutions; numbers and truth values become text."""
    if default is None:
        return None
    many = isinstance(default, Iterable) and not isinstance(default, (str, os.PathLike))
    parts = default if many else [default]
    return normalize_to_list_of_substitutions(
        [part if isinstance(part, Substitution) else str(part) for part in parts]
    )


class LaunchConfiguration(Substitution):
    """The launch configuration's value; not set and no default: a failure that lists those set."""

    def __init__(self, variable_name: SomeSubstitutionsType, *, default: Any = None) -> None:
        self.variable_name = normalize_to_list_of_substitutions(variable_name)
        self._default = normalize_default(default)

    def describe(self) -> str:
        return f"LaunchConfig({describe_substitutions(self.variable_name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.variable_name)
        configurations = context.launch_configurations
        if name in configurations:
            return configurations[name]
        if self._default is None:
            raise SubstitutionFailure(
                f"launch configuration '{name}' does not exist{nearest(name, configurations)} "
                f"(set: {', '.join(sorted(configurations)) or 'none'})"
            )
        return perform_substitutions(context, self._default)
