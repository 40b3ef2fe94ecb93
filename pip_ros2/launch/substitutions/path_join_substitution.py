"""PathJoinSubstitution and PathSubstitution: paths from parts."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..launch_context import LaunchContext
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import Substitution
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from ..utilities.substitution_lists import describe_substitutions


class PathJoinSubstitution(Substitution):
    """Parts joined to a path; `/` adds another, as with pathlib.

    A part may be a list that makes one name: `["config_", LaunchConfiguration("map"), ".yaml"]`.
    """

    def __init__(self, substitutions: Iterable[SomeSubstitutionsType]) -> None:
        self.substitutions = [normalize_to_list_of_substitutions(part) for part in substitutions]

    def describe(self) -> str:
        parts = (describe_substitutions(part) for part in self.substitutions)
        return f"PathJoin({', '.join(parts)})"

    def perform(self, context: LaunchContext) -> str:
        return os.path.join(*(perform_substitutions(context, part) for part in self.substitutions))

    def __truediv__(self, additional_path: SomeSubstitutionsType) -> PathJoinSubstitution:
        return PathJoinSubstitution([*self.substitutions, additional_path])


class PathSubstitution(PathJoinSubstitution):
    """A path to go on from with `/`: `PathSubstitution(FindPackageShare("pkg")) / "config"`."""

    def __init__(self, path: SomeSubstitutionsType) -> None:
        super().__init__(normalize_to_list_of_substitutions(path))
