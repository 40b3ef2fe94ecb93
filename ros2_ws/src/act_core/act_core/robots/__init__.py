"""Robots by name: one module for each, or a file of one's own.

``find_robot`` takes a name (``so101``; ``so_arm100``, of a file here; that of an entry point in the
group ``act_core.robots``),
``package.module:NAME`` and ``file.py:NAME`` of a `Robot`, or a YAML file (see
`act_core.robot_file`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from act_core.door import Door
from act_core.robot import Joint, Robot
from act_core.robot_file import read_robot

# What a parameter that takes one says of itself.
ROBOT = "so101, so101_bimanual, so_arm100, a YAML file or one of your own"
FILES = {file.stem: file for file in sorted(Path(__file__).parent.glob("*.yaml"))}


def _problem(thing: Any) -> str | None:
    return None if isinstance(thing, Robot) else "is no act_core.robot.Robot"


ROBOTS: Door[Robot] = Door(
    "robot", __name__, _problem, "or a YAML file, see act_core.robot_file", FILES
)


def find_robot(name: str) -> Robot:
    """The robot of that name or file; ConfigurationError with what exists and how to add one."""
    if name.endswith((".yaml", ".yml")):
        return read_robot(Path(name))
    if name in FILES:
        return read_robot(FILES[name])
    return ROBOTS.find(name)


def known_joints(names: Sequence[str]) -> dict[str, Joint]:
    """The joints of a robot that is known here, by the names that they have in a message, a bag or
    a policy: bare, of an arm of several (``left_shoulder_pan``), with LeRobot's ending (``.pos``).

    A robot is known if it ships or if something has found it before. It is recognised by all of its
    joints but one, because many a robot has a ``gripper``. They come in the robot's own order, arm
    by arm; none where no robot is recognised.
    """
    best: dict[str, Joint] = {}
    for robot in ROBOTS.here():
        pattern = re.compile(
            rf"(.*[_./])?({'|'.join(map(re.escape, robot.joint_names))})(?:\.pos)?"
        )
        matches = {name: match for name in names if (match := pattern.fullmatch(name))}
        prefixes = [match.group(1) for match in matches.values()]
        places = {name: robot.index(match.group(2)) for name, match in matches.items()}
        if len(set(places.values())) < len(robot.joints) - 1 or len(matches) < len(best):
            continue
        in_order = sorted(matches, key=lambda n: (prefixes.index(matches[n].group(1)), places[n]))
        best = {name: robot.joints[places[name]] for name in in_order}
    return best
