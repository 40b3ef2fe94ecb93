"""SetParametersFromFile: a parameter file for every node in scope."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from launch.action import Action
from launch.launch_context import LaunchContext
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

from ..node_scope import add_global_parameters


class SetParametersFromFile(Action):
    """Gives a parameter file to the nodes that are started afterwards in the same scope."""

    def __init__(self, filename: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._filename = normalize_to_list_of_substitutions(filename)

    def execute(self, context: LaunchContext) -> None:
        path = Path(perform_substitutions(context, self._filename))
        if not path.is_file():
            raise FileNotFoundError(f"SetParametersFromFile: '{path}' is not a file")
        add_global_parameters(context, [path])
