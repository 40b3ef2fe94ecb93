"""LaunchDescriptionSource: where a launch description comes from."""

from __future__ import annotations

from . import logging
from .launch_context import LaunchContext
from .launch_description import LaunchDescription
from .some_substitutions_type import SomeSubstitutionsType
from .utilities import normalize_to_list_of_substitutions, perform_substitutions
from .utilities.substitution_lists import describe_substitutions


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
