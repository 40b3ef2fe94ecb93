"""AppendEnvironmentVariable: adds to a list such as PATH."""

from __future__ import annotations

import os
from typing import Any

from ..action import Action
from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.type_utils import normalize_typed_substitution, perform_typed_substitution


class AppendEnvironmentVariable(Action):
    """Appends (or prepends) a value with a separator; sets a variable that does not exist."""

    def __init__(
        self,
        name: SomeSubstitutionsType,
        value: SomeSubstitutionsType,
        prepend: bool | SomeSubstitutionsType = False,
        separator: SomeSubstitutionsType = os.pathsep,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = normalize_to_list_of_substitutions(value)
        self.prepend = normalize_typed_substitution(prepend, bool)
        self.separator = normalize_to_list_of_substitutions(separator)

    def execute(self, context: LaunchContext) -> None:
        name = perform_substitutions(context, self.name)
        value = perform_substitutions(context, self.value)
        if name in context.environment:
            parts = [context.environment[name], value]
            if perform_typed_substitution(context, self.prepend, bool):
                parts.reverse()
            value = perform_substitutions(context, self.separator).join(parts)
        context.environment[name] = value
