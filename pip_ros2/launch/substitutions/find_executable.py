"""FindExecutable: the path of a program."""

from __future__ import annotations

import shutil

from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution, SubstitutionFailure
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions


class FindExecutable(Substitution):
    """The path of a program on the PATH; SubstitutionFailure if there is none."""

    def __init__(self, *, name: SomeSubstitutionsType) -> None:
        self.name = normalize_to_list_of_substitutions(name)

    def describe(self) -> str:
        return f"FindExec({describe_substitutions(self.name)})"

    def perform(self, context: LaunchContext) -> str:
        name = perform_substitutions(context, self.name)
        path = shutil.which(name)
        if path is None:
            raise SubstitutionFailure(f"executable '{name}' not found on the PATH")
        return path
