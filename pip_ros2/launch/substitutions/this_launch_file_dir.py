"""ThisLaunchFileDir: the folder of the launch file."""

from __future__ import annotations

from .this_launch_file import ThisLaunchFile


class ThisLaunchFileDir(ThisLaunchFile):
    """The absolute path of the folder of the launch file that is being visited."""

    _local = "current_launch_file_directory"
