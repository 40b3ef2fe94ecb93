"""FileContent: the text of a file."""

from __future__ import annotations

from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution, SubstitutionFailure
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions


class FileContent(Substitution):
    """The text of a file; SubstitutionFailure if it cannot be read."""

    def __init__(self, path: SomeSubstitutionsType) -> None:
        self.path = normalize_to_list_of_substitutions(path)

    def describe(self) -> str:
        return f"FileContent({describe_substitutions(self.path)})"

    def perform(self, context: LaunchContext) -> str:
        path = perform_substitutions(context, self.path)
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except OSError as error:
            raise SubstitutionFailure(f"cannot read file '{path}': {error}") from error
