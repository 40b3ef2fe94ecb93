"""LaunchLogDir: the folder of this launch's log files."""

from __future__ import annotations

from .. import logging
from ..launch_context import LaunchContext
from .path_join_substitution import PathSubstitution


class LaunchLogDir(PathSubstitution):
    """The folder of this launch's log files."""

    def __init__(self) -> None:
        super().__init__(self)

    def describe(self) -> str:
        return "LaunchLogDir()"

    def perform(self, context: LaunchContext) -> str:
        return logging.launch_config.log_dir
