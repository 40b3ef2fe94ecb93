"""Where logs go, before anything wants to write one.

Without a home folder, or with a log folder that cannot be written to, rclpy ends every node with a
traceback. So the folder is tried first, and where it does not do, another one is taken and said.
"""

from __future__ import annotations

import os
import pwd
import sys
import tempfile
from pathlib import Path


def ensure() -> None:
    """Leaves ROS_LOG_DIR or HOME in this process's environment such that logs can be written."""
    if not os.environ.get("HOME"):
        try:
            os.environ["HOME"] = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:  # a user without an entry, as in some containers
            os.environ["HOME"] = "/"
    folder = wanted()
    problem = why_not(folder)
    if problem is None:
        return
    instead = Path(tempfile.gettempdir(), f"ros_log_{os.getuid()}")
    print(f"ros2: logs go to {instead}, for {folder} cannot be used: {problem}", file=sys.stderr)
    os.environ["ROS_LOG_DIR"] = str(instead)


def wanted() -> Path:
    """The folder of all log folders: $ROS_LOG_DIR, $ROS_HOME/log or ~/.ros/log."""
    named = os.environ.get("ROS_LOG_DIR")
    if not named:
        named = os.path.join(os.environ.get("ROS_HOME") or "~/.ros", "log")
    return Path(os.path.expanduser(named))


def why_not(folder: Path) -> str | None:
    """Why nothing can be written there, or None. Makes the folder where it is missing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)
