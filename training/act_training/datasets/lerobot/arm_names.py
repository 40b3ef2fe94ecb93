"""Which values of a stored vector are the joints of an SO-101 arm, told by their names.

    stored   elbow_flex.pos  gripper.pos  shoulder_lift.pos  shoulder_pan.pos  ...  shoulder_pan.vel
    joints   shoulder_pan    shoulder_lift  elbow_flex  wrist_flex  wrist_roll  gripper
    columns  3               2              0           ...

Recorders put joints in orders of their own (ROS in the alphabet's), and speeds or currents beside
them. Names are read as LeRobot and its forks write them: "main_shoulder_pan" (before June 2025),
"shoulder_pan.pos", "left_shoulder_pan.pos" of two arms. A name that holds a joint's name in
another way may mean anything ("delta_shoulder_pan"), so it is refused. Fewer than five of the
joints are another robot: many have a "gripper".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from act_core.robot import Joint
from act_core.robots.so101 import JOINT_NAMES, JOINTS

from act_training.datasets.errors import DatasetError

OLD_PREFIX = "main_"  # of joint names before LeRobot's pull request 777
SUFFIX = ".pos"  # since then
_JOINT = "|".join(JOINT_NAMES)
_POSITION = re.compile(
    rf"(?:(?P<side>left|right)(?:_arm|_follower)?[_./ ])?(?:{OLD_PREFIX})?(?P<joint>{_JOINT})"
    r"(?:[._](?:q?pos|position|joint))?",
    re.IGNORECASE,
)
_OTHER_QUANTITY = re.compile(  # measured beside the position; no target is one
    rf".*(?:{_JOINT}).*[._](?:q?vel|velocity|speed|current|load|torque|effort|temperature|voltage)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class ArmColumns:
    """The joints of one arm or of two in a stored vector, in the order of `act_core.robots.so101`.

    Attributes:
        names: as here: "shoulder_pan", or "left_shoulder_pan" of two arms.
        kinds: what each of them is.
        columns: where each of them is in the stored vector.
        left_out: stored names that are no joint positions.
    """

    names: tuple[str, ...]
    kinds: tuple[Joint, ...]
    columns: tuple[int, ...]
    left_out: tuple[str, ...]


def find_arm(stored: Sequence[str]) -> ArmColumns | None:
    """The SO-101's joints among the names of a vector; None when it is of another robot.

    Raises DatasetError for a joint that is there twice, and for a name that holds a joint's name
    and is not understood.
    """
    found: dict[tuple[str, str], int] = {}
    left_out, unclear, twice = [], [], []
    for column, name in enumerate(stored):
        match = _POSITION.fullmatch(name.strip())
        if match is not None:
            key = ((match["side"] or "").lower(), match["joint"].lower())
            if key in found:
                twice.append((stored[found[key]], name))
            found[key] = column
        elif _OTHER_QUANTITY.fullmatch(name) or not re.search(_JOINT, name, re.IGNORECASE):
            left_out.append(name)
        else:
            unclear.append(name)
    named = {joint for name in stored for joint in re.findall(_JOINT, name.lower())}
    if len(named) < len(JOINTS) - 1:
        return None
    if twice:
        raise DatasetError(
            f"'{twice[0][0]}' and '{twice[0][1]}' are one joint: name the values in their order "
            "with --joint-names (and --action-names)"
        )
    if unclear:
        raise DatasetError(
            f"'{unclear[0]}' is not understood: expected a position such as "
            f"'shoulder_pan{SUFFIX}'. If it is one, name the values in their order with "
            "--joint-names (and --action-names)"
        )
    if len({joint for _, joint in found}) < len(JOINTS) - 1:
        return None
    sides = list(dict.fromkeys(side for side, _ in found))
    order = [(side, kind) for side in sides for kind in JOINTS if (side, kind.name) in found]
    return ArmColumns(
        names=tuple(f"{side}_{kind.name}" if side else kind.name for side, kind in order),
        kinds=tuple(kind for _, kind in order),
        columns=tuple(found[side, kind.name] for side, kind in order),
        left_out=tuple(left_out),
    )


def plain_name(name: str) -> str:
    """A value's name without what LeRobot puts before and behind it."""
    return name.removeprefix(OLD_PREFIX).removesuffix(SUFFIX)
