"""What a launch file returns, and how it is read."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

from . import logging
from .bases import (
    LaunchContext,
    LaunchDescriptionEntity,
    SomeSubstitutionsType,
    Text,
    as_entities,
)
from .refusal import needs_distribution


class LaunchDescription(LaunchDescriptionEntity):
    """A list of entities that are visited in order."""

    def __init__(self, initial_entities: Iterable[LaunchDescriptionEntity] | None = None) -> None:
        self.entities: list[LaunchDescriptionEntity] = list(initial_entities or ())

    def add_entity(self, entity: LaunchDescriptionEntity) -> None:
        """Append an entity."""
        self.entities.append(entity)

    add_action = add_entity

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        return self.entities

    def may_lead_to(self) -> list[tuple[bool, Iterable[LaunchDescriptionEntity]]]:
        return [(False, self.entities)]

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

        def search(entities: Any, conditional: bool, includes: list[Any]) -> None:
            entity: Any
            for entity in as_entities(entities, self):
                if entity.is_argument and entity.name not in found:
                    entity._conditionally_included = conditional or entity.condition is not None
                    found[entity.name] = (entity, includes or None)
                for perhaps, inner in entity.may_lead_to():
                    within = [*includes, entity] if entity.is_include else includes
                    search(inner, conditional or perhaps, within)

        search(self.entities, conditional_inclusion, [])
        return list(found.values())


class LaunchDescriptionSource:
    """A launch description that is given, or is read from `location` when it is needed."""

    def __init__(
        self,
        launch_description: LaunchDescription | None = None,
        location: SomeSubstitutionsType = "<string>",
    ) -> None:
        self._launch_description = launch_description
        self._location = Text(location)
        self._expanded_location: str | None = None

    @property
    def location(self) -> str:
        """The path, or a description of it as long as it has not been needed."""
        if self._expanded_location is None:
            return self._location.describe()
        return self._expanded_location

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        """Return the launch description, read at the first call."""
        if self._expanded_location is None:
            self._expanded_location = self._location.perform(context)
        if self._launch_description is None:
            self._launch_description = self._get_launch_description(self._expanded_location)
        return self._launch_description

    def try_get_launch_description_without_context(self) -> LaunchDescription | None:
        """Return the launch description if its path does not depend on a running launch."""
        if self._launch_description is not None:
            return self._launch_description
        try:
            location = self._location.perform(LaunchContext())
            return self._get_launch_description(location)
        except Exception as error:
            # For a listing only: whatever is wrong with the file is reported when it is launched.
            logging.get_logger("launch").debug("cannot list %s: %s", self.location, error)
            return None

    def _get_launch_description(self, location: str) -> LaunchDescription:
        return get_launch_description_from_any_launch_file(location)


class PythonLaunchDescriptionSource(LaunchDescriptionSource):
    """A Python launch file; the path may hold substitutions."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        super().__init__(None, launch_file_path)

    def _get_launch_description(self, location: str) -> LaunchDescription:
        return get_launch_description_from_python_launch_file(location)


class AnyLaunchDescriptionSource(LaunchDescriptionSource):
    """A launch file; the path may hold substitutions."""

    def __init__(self, launch_file_path: SomeSubstitutionsType) -> None:
        super().__init__(None, launch_file_path)


class InvalidLaunchFileError(Exception):
    """The launch file does not exist, has an error, or is in a format that is not supported."""


class InvalidPythonLaunchFileError(InvalidLaunchFileError):
    """A Python launch file does not exist, or lacks `generate_launch_description`."""


def load_python_launch_file_as_module(python_launch_file_path: str) -> ModuleType:
    """Return the launch file as a module that is not in `sys.modules`."""
    path = Path(python_launch_file_path)
    if not path.is_file():
        beside = ", ".join(sorted(other.name for other in path.parent.glob("*.launch.py")))
        raise InvalidPythonLaunchFileError(
            f"launch file '{path}' does not exist; launch files there: {beside or 'none'}"
        )
    loader = SourceFileLoader("python_launch_file", str(path))
    module = module_from_spec(spec_from_loader(loader.name, loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    return module


def get_launch_description_from_python_launch_file(
    python_launch_file_path: str,
) -> LaunchDescription:
    """Return what `generate_launch_description()` of the launch file returns."""
    module = load_python_launch_file_as_module(python_launch_file_path)
    if not hasattr(module, "generate_launch_description"):
        raise InvalidPythonLaunchFileError(
            f"launch file '{python_launch_file_path}' has no function generate_launch_description()"
        )
    return module.generate_launch_description()


def get_launch_description_from_any_launch_file(launch_file_path: str) -> LaunchDescription:
    """Return the launch description of a Python launch file.

    Raises InvalidLaunchFileError that names the format for XML and YAML launch files.
    """
    extension = Path(launch_file_path).suffix[1:].upper()
    if extension in ("XML", "YAML", "YML"):
        what = f"launch file '{launch_file_path}' in {extension} format"
        raise InvalidLaunchFileError(needs_distribution(what))
    return get_launch_description_from_python_launch_file(launch_file_path)
