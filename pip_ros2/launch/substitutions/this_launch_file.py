"""ThisLaunchFile: the path of the launch file."""

from __future__ import annotations

from ..launch_context import LaunchContext
from ..substitution import SubstitutionFailure
from .path_join_substitution import PathSubstitution


class ThisLaunchFile(PathSubstitution):
    """The absolute path of the launch file that is being visited."""

    _local = "current_launch_file_path"

    def __init__(self) -> None:
        super().__init__(self)

    def describe(self) -> str:
        return f"{type(self).__name__}()"

    def perform(self, context: LaunchContext) -> str:
        values = context.get_locals_as_dict()
        if self._local not in values:
            raise SubstitutionFailure(f"{type(self).__name__} used outside of a launch file")
        return values[self._local]
