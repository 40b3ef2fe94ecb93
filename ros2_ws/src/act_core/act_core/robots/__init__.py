"""Robots by name: one module for each, or a file of one's own.

``find_robot`` takes a name (``so101``, or that of an entry point in the group ``act_core.robots``),
``package.module:NAME`` and ``file.py:NAME`` of a `Robot`, or a YAML file (see
`act_core.robot_file`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from act_core.door import Door
from act_core.robot import Robot
from act_core.robot_file import read_robot


def _problem(thing: Any) -> str | None:
    return None if isinstance(thing, Robot) else "is no act_core.robot.Robot"


ROBOTS: Door[Robot] = Door("robot", __name__, _problem, "or a YAML file, see act_core.robot_file")


def find_robot(name: str) -> Robot:
    """The robot of that name or file; ConfigurationError with what exists and how to add one."""
    if name.endswith((".yaml", ".yml")):
        return read_robot(Path(name))
    return ROBOTS.find(name)
