"""Can this calibration be that of this arm? And which program writes files that look like that?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from act_core.errors import ConfigurationError
from act_core.robot import Joint, Robot
from act_core.robots.so101 import JOINT_NAMES, SO101

from so101_driver.registers import COUNTS_PER_TURN, MIDDLE_COUNT
from so101_driver.so_arm import servo_joints

# A published arm (legalaspro) goes 3 to 18 degrees further than the model has it, or 12 less.
MORE_DEG = 35.0  # than the model's travel: not recorded on this joint
LESS_SHARE = 0.5  # of it: not moved to both ends, or kept from there on purpose
# Calibration begins with every joint in its middle, which becomes count 2047. A careless hand is
# 20 degrees off. Not the gripper: many hold it closed.
ODD_MIDDLE_DEG, WRONG_MIDDLE_DEG = 30.0, 60.0
AGAIN = "calibrate again (so101-setup calibrate)"

# What other programs' files have at the top, and what they are.
LAYOUTS: dict[frozenset[str], str] = {
    frozenset({"homing_offset", "start_pos", "end_pos", "calib_mode", "motor_names"}): (
        "lists of LeRobot from before June 2025, with other zeros and signs"
    ),
    frozenset({"servos_offsets", "servos_calibration_position"}): "phosphobot's",
    frozenset({"waist", "shoulder", "elbow", "forearm_roll"}): "that of an ALOHA arm (ViperX)",
}
# Joints as others name them; their zeros may be elsewhere, too.
NAMES: dict[tuple[str, ...], str] = {
    ("rotation", "pitch", "elbow", "wrist_pitch", "wrist_roll", "jaw"): "the SO-100 model",
    tuple(f"main_{name}" for name in JOINT_NAMES): "LeRobot from before June 2025",
    tuple(f"{name}_joint" for name in JOINT_NAMES): "ROS packages for this arm",
    tuple(f"{name}.pos" for name in JOINT_NAMES): "LeRobot's data sets",
}


class StoredJoint(Protocol):
    """What is looked at of a joint's calibration; see `calibration.JointCalibration`."""

    @property
    def id(self) -> int: ...

    @property
    def drive_mode(self) -> int: ...

    @property
    def range_min(self) -> int: ...

    @property
    def range_max(self) -> int: ...


def check_layout(content: Mapping[str, Any]) -> None:
    """Raises ConfigurationError for a file that another program wrote, with its name."""
    keys = {str(key).lower() for key in content}
    expected = f"expected LeRobot's file of today, with an object for each of {_list(JOINT_NAMES)}"
    for marks, what in LAYOUTS.items():
        if marks <= keys:
            raise ConfigurationError(f"the layout is {what}; {expected}: {AGAIN}")
    for names, whose in NAMES.items():
        if keys == set(names):
            raise ConfigurationError(
                f"the joints are named as in {whose} ({_list(names)}); {expected}: {AGAIN}"
            )
    sides = ("left_", "right_")
    if keys and all(key.startswith(sides) and key.split("_", 1)[1] in JOINT_NAMES for key in keys):
        raise ConfigurationError(
            f"the joints have sides ({', '.join(sorted(keys)[:2])}, ...); {expected}: one file for "
            "each arm"
        )


def check_travel(calibration: Mapping[str, StoredJoint], robot: Robot = SO101) -> None:
    """Raises ConfigurationError for a joint that cannot go where the calibration says."""
    for joint in robot.joints:
        stored = calibration[joint.name]
        travel = _travel_deg(joint)
        if joint.name != "wrist_roll" and _range_deg(stored) > travel + MORE_DEG:
            raise ConfigurationError(
                f"{joint.name}: the range is {_range(stored)}, but this joint goes about "
                f"{travel:.0f} degrees: it was not recorded on this joint; {AGAIN}"
            )
        if joint.name != "gripper" and abs(_middle_deg(stored)) > WRONG_MIDDLE_DEG:
            raise ConfigurationError(
                f"{joint.name}: the middle of the range {_range(stored)} is "
                f"{abs(_middle_deg(stored)):.0f} degrees from count {MIDDLE_COUNT}, where every "
                f"joint's middle is: it is another joint's, or its homing offset has changed; "
                f"{AGAIN}, with every joint in its middle at first"
            )


def doubts(calibration: Mapping[str, StoredJoint], robot: Robot = SO101) -> list[str]:
    """What can be but rarely is, with what to do; for warnings."""
    texts = []
    servo_of = {joint.servo_id: joint.name for joint in servo_joints(robot)}
    for joint in servo_joints(robot):
        stored = calibration[joint.name]
        travel = _travel_deg(joint)
        if _range_deg(stored) < LESS_SHARE * travel:
            texts.append(
                f"{joint.name}: the range is {_range(stored)}, less than half of this joint's "
                f"{travel:.0f} degrees; unless it is blocked on purpose, its zero is wrong: {AGAIN}"
            )
        if joint.name != "gripper" and abs(_middle_deg(stored)) > ODD_MIDDLE_DEG:
            texts.append(
                f"{joint.name}: the middle of the range {_range(stored)} is "
                f"{abs(_middle_deg(stored)):.0f} degrees from count {MIDDLE_COUNT}, where "
                f"calibration puts it; if the arm is not where it is shown to be: {AGAIN}"
            )
        if stored.id != joint.servo_id and stored.id in servo_of:
            texts.append(
                f"{joint.name}: its servo is {stored.id}, which LeRobot always has as "
                f"{servo_of[stored.id]}: unless the servos were given their ids in another order, "
                "the joints are mixed up in this file; so101-setup scan shows which is which"
            )
        if stored.drive_mode:
            texts.append(
                f"{joint.name}: drive_mode is 1, so its angles are turned round here, though "
                "LeRobot never writes that for this arm and ignores it in degrees; 0 if it was "
                "changed by hand"
            )
    return texts


def _travel_deg(joint: Joint) -> float:
    return math.degrees(joint.upper_rad - joint.lower_rad)


def _range_deg(stored: StoredJoint) -> float:
    return _degrees(stored.range_max - stored.range_min)


def _middle_deg(stored: StoredJoint) -> float:
    return _degrees((stored.range_min + stored.range_max) / 2 - MIDDLE_COUNT)


def _range(stored: StoredJoint) -> str:
    return f"{stored.range_min} to {stored.range_max} ({_range_deg(stored):.0f} degrees)"


def _degrees(counts: float) -> float:
    return counts * 360 / COUNTS_PER_TURN


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names)
