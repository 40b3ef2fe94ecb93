"""IncludeLaunchDescription: launches another launch file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..action import Action
from ..launch_context import LaunchContext
from ..launch_description import LaunchDescription
from ..launch_description_entity import LaunchDescriptionEntity
from ..launch_description_source import LaunchDescriptionSource
from ..launch_description_sources import AnyLaunchDescriptionSource
from ..some_substitutions_type import SomeSubstitutionsType
from ..substitution import SubstitutionFailure
from ..utilities import normalize_to_list_of_substitutions, perform_substitutions
from .opaque_function import OpaqueFunction
from .set_launch_configuration import SetLaunchConfiguration

_FILE, _FOLDER = "current_launch_file_path", "current_launch_file_directory"


class IncludeLaunchDescription(Action):
    """Visits the launch description of a source after setting the given arguments.

    The arguments are launch configurations, and the included file shares all of them with the
    including one, in both directions, unless a `GroupAction` limits them.
    """

    def __init__(
        self,
        launch_description_source: LaunchDescriptionSource | SomeSubstitutionsType,
        *,
        launch_arguments: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]]
        | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(launch_description_source, LaunchDescriptionSource):
            launch_description_source = AnyLaunchDescriptionSource(launch_description_source)
        self.launch_description_source = launch_description_source
        if isinstance(launch_arguments, Mapping):
            raise TypeError(
                "IncludeLaunchDescription: launch_arguments must be (name, value) pairs, "
                "got a dictionary; use .items()"
            )
        self.launch_arguments = tuple(launch_arguments or ())

    def describe(self) -> str:
        return f"IncludeLaunchDescription({self.launch_description_source.location})"

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        description = self.launch_description_source.try_get_launch_description_without_context()
        return [] if description is None else [description]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        description = self.launch_description_source.get_launch_description(context)
        outside = context.get_locals_as_dict()
        location = os.path.abspath(self.launch_description_source.location)
        if os.path.exists(location):
            context.extend_locals({_FILE: location, _FOLDER: os.path.dirname(location)})
        self._check_required_arguments(context, description)
        return [
            *(SetLaunchConfiguration(name, value) for name, value in self.launch_arguments),
            description,
            # 'This launch file' is the including one again.
            OpaqueFunction(function=_restore_file, args=[outside]),
        ]

    def _check_required_arguments(
        self, context: LaunchContext, description: LaunchDescription
    ) -> None:
        """Raise RuntimeError for an argument without default that nobody gives.

        Best effort, before anything is started: an argument under a condition, or whose name
        is only known later, is found when it is executed.
        """
        given = self._argument_names(context)
        arguments = description.get_launch_arguments_with_include_launch_description_actions()
        for argument, includes in arguments:
            if argument._conditionally_included or argument.default_value is not None:
                continue
            names = set(given)
            for include in includes or ():
                names.update(include._argument_names(LaunchContext()))
            if argument.name not in names:
                raise RuntimeError(
                    f"Included launch description missing required argument '{argument.name}' "
                    f"(description: '{argument.description}'), given: [{', '.join(given)}]"
                )

    def _argument_names(self, context: LaunchContext) -> list[str]:
        names = []
        for name, _ in self.launch_arguments:
            try:
                names.append(
                    perform_substitutions(context, normalize_to_list_of_substitutions(name))
                )
            except SubstitutionFailure:
                continue
        return names


def _restore_file(context: LaunchContext, outside: dict[str, Any]) -> None:
    for name in (_FILE, _FOLDER):
        if name in outside:
            context.extend_locals({name: outside[name]})
        else:
            context._locals.pop(name, None)
