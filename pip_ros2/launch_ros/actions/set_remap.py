"""SetRemap: a remapping for every node in scope."""

from __future__ import annotations

from typing import Any

from launch.action import Action
from launch.launch_context import LaunchContext
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

from ..node_scope import add_global_remap


class SetRemap(Action):
    """Remaps a name in the nodes that are started afterwards in the same scope."""

    def __init__(
        self, src: SomeSubstitutionsType, dst: SomeSubstitutionsType, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.src = normalize_to_list_of_substitutions(src)
        self.dst = normalize_to_list_of_substitutions(dst)

    def execute(self, context: LaunchContext) -> None:
        add_global_remap(
            context,
            perform_substitutions(context, self.src),
            perform_substitutions(context, self.dst),
        )
