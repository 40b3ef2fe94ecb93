"""Reading launch files of any format."""

from __future__ import annotations

import os

from ..invalid_launch_file_error import InvalidLaunchFileError
from ..launch_description import LaunchDescription
from ..refusal import needs_distribution
from .python_launch_file_utilities import get_launch_description_from_python_launch_file


def get_launch_description_from_any_launch_file(launch_file_path: str) -> LaunchDescription:
    """Return the launch description of a Python launch file.

    Raises InvalidLaunchFileError that names the format for XML and YAML launch files.
    """
    extension = os.path.splitext(launch_file_path)[1].lower()
    if extension in (".xml", ".yaml", ".yml"):
        raise InvalidLaunchFileError(
            needs_distribution(
                f"launch file '{launch_file_path}' in {extension[1:].upper()} format"
            )
        )
    return get_launch_description_from_python_launch_file(launch_file_path)
