"""GroupAction: several actions together, in a scope of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..action import Action
from ..launch_context import LaunchContext
from ..launch_description_entity import LaunchDescriptionEntity
from ..some_substitutions_type import SomeSubstitutionsType
from .pop_environment import PopEnvironment
from .pop_launch_configurations import PopLaunchConfigurations
from .push_environment import PushEnvironment
from .push_launch_configurations import PushLaunchConfigurations
from .reset_environment import ResetEnvironment
from .reset_launch_configurations import ResetLaunchConfigurations
from .set_launch_configuration import SetLaunchConfiguration


class GroupAction(Action):
    """Visits its actions in order.

    scoped: changes of launch configurations and environment end with the group.
    forwarding: the group sees the configurations and environment from outside; if not, it
        starts with the given `launch_configurations` alone and the launcher's environment.
    launch_configurations: values that are set for the group.
    """

    def __init__(
        self,
        actions: Iterable[LaunchDescriptionEntity],
        *,
        scoped: bool = True,
        forwarding: bool = True,
        launch_configurations: Mapping[SomeSubstitutionsType, SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        configurations = dict(launch_configurations or {})
        sets = [SetLaunchConfiguration(name, value) for name, value in configurations.items()]
        push = [PushLaunchConfigurations(), PushEnvironment()]
        pop = [PopEnvironment(), PopLaunchConfigurations()]
        reset = [ResetEnvironment(), ResetLaunchConfigurations(configurations)]
        if not scoped:
            self._entities = [*sets, *actions]
        else:
            self._entities = [*push, *(sets if forwarding else reset), *actions, *pop]

    def get_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return self._entities

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        return self._entities
