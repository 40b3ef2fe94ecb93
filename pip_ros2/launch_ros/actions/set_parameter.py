"""SetParameter: a parameter for every node in scope."""

from __future__ import annotations

from typing import Any

from launch.action import Action
from launch.launch_context import LaunchContext
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions

from ..node_scope import GlobalParameter, add_global_parameters
from ..parameters import evaluate_parameter_dict, normalize_parameter_dict


class SetParameter(Action):
    """Sets a parameter of the nodes that are started afterwards in the same scope."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = value
        self._parameters = normalize_parameter_dict({tuple(self.name): value})

    def execute(self, context: LaunchContext) -> None:
        values = evaluate_parameter_dict(context, self._parameters)
        add_global_parameters(context, [GlobalParameter(*item) for item in values.items()])
