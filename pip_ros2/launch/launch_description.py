"""What a launch file returns, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import logging
from .bases import Action, LaunchContext, LaunchDescriptionEntity, SomeSubstitutionsType
from .utilities import (
    describe_substitutions,
    normalize_to_list_of_substitutions,
    perform_substitutions,
)


class LaunchDescription(LaunchDescriptionEntity):
    """A list of entities that are visited in order."""

    def __init__(
        self,
        initial_entities: Iterable[LaunchDescriptionEntity] | None = None,
        *,
        deprecated_reason: str | None = None,
    ) -> None:
        self.entities: list[LaunchDescriptionEntity] = list(initial_entities or ())
        self.deprecated_reason = deprecated_reason

    @property
    def deprecated(self) -> bool:
        """Whether launching it logs a warning."""
        return self.deprecated_reason is not None

    def add_entity(self, entity: LaunchDescriptionEntity) -> None:
        """Append an entity."""
        self.entities.append(entity)

    def add_action(self, action: Action) -> None:
        """Append an action."""
        self.add_entity(action)

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        if self.deprecated_reason is not None:
            where = context.get_locals_as_dict().get("current_launch_file_path")
            subject = f"launch file [{where}] is deprecated" if where else "deprecated description"
            logging.get_logger("launch").warning("%s: %s", subject, self.deprecated_reason)
        return self.entities

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return self.entities

    def get_launch_arguments(self, conditional_inclusion: bool = False) -> list[Any]:
        """Return the declared arguments, those of included files too, each name once.

        `argument._conditionally_included` tells whether it is declared under a condition.
        """
        pairs = self.get_launch_arguments_with_include_launch_description_actions(
            conditional_inclusion
        )
        return [argument for argument, _ in pairs]

    def get_launch_arguments_with_include_launch_description_actions(
        self, conditional_inclusion: bool = False
    ) -> list[tuple[Any, list[Any] | None]]:
        """Return (argument, includes that lead to it or None) for every declared argument.

        Nothing is executed: an included file whose path depends on the running launch cannot
        be read and its arguments are left out. The first declaration of a name counts.
        """
        found: dict[str, tuple[Any, list[Any] | None]] = {}

        def search(entities: Iterable[Any], conditional: bool, includes: list[Any]) -> None:
            for entity in entities:
                if entity.hides_arguments:
                    return
                if entity.is_argument and entity.name not in found:
                    entity._conditionally_included = conditional or entity.condition is not None
                    found[entity.name] = (entity, includes or None)
                inner = [*includes, entity] if entity.is_include else includes
                search(entity.describe_sub_entities(), conditional, inner)
                for _, branch in entity.describe_conditional_sub_entities():
                    search(branch, True, inner)

        search(self.entities, conditional_inclusion, [])
        return list(found.values())


class LaunchDescriptionSource:
    """A launch description that is given, or is read from `location` when it is needed."""

    def __init__(
        self,
        launch_description: LaunchDescription | None = None,
        location: SomeSubstitutionsType = "<string>",
        method: str = "unspecified mechanism from a script",
    ) -> None:
        self._launch_description = launch_description
        self._location = normalize_to_list_of_substitutions(location)
        self._expanded_location: str | None = None
        self.method = method

    @property
    def location(self) -> str:
        """The path, or a description of it as long as it has not been needed."""
        if self._expanded_location is None:
            return describe_substitutions(self._location)
        return self._expanded_location

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        """Return the launch description, read at the first call."""
        if self._expanded_location is None:
            self._expanded_location = perform_substitutions(context, self._location)
        if self._launch_description is None:
            self._launch_description = self._get_launch_description(self._expanded_location)
        return self._launch_description

    def try_get_launch_description_without_context(self) -> LaunchDescription | None:
        """Return the launch description if its path does not depend on a running launch."""
        if self._launch_description is not None:
            return self._launch_description
        try:
            location = perform_substitutions(LaunchContext(), self._location)
            return self._get_launch_description(location)
        except Exception as error:
            # For a listing only: whatever is wrong with the file is reported when it is launched.
            logging.get_logger("launch").debug("cannot list %s: %s", self.location, error)
            return None

    def _get_launch_description(self, location: str) -> LaunchDescription:
        raise RuntimeError(f"no launch description was given for '{location}'")
