"""LeRobot's units for the SO-101 arm, to radians and back; the only place that knows them.

LeRobot stores body joints in degrees (its default since 0.4.4) or as -100..100 of each joint's
calibrated range (before), and the gripper as 0..100 always. No file says which of them it is.

    degrees   (counts - middle of the range) * 360 / 4095
    percent   (counts - range_min) / (range_max - range_min) * 200 - 100
    gripper   (counts - range_min) / (range_max - range_min) * 100

Sources: huggingface/lerobot, motors/motors_bus.py and docs/source/backwardcomp.mdx. Here a count is
2 pi / 4096 rad (so101_driver/calibration.py), so that 90 degrees of LeRobot are 1.5704 rad.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from act_core.errors import suggest
from act_core.robot import Joint
from act_core.robots.so101 import JOINTS, SO101
from numpy.typing import NDArray
from so101_driver.calibration import RAD_PER_COUNT, Calibration

from act_training.datasets.errors import DatasetError

DEGREES = "degrees"
PERCENT = "percent"
OLD_DEGREES = "old_degrees"  # before LeRobot's pull request 777 of June 2025: another zero
RAD = "rad"
SCHEMES = (DEGREES, PERCENT, OLD_DEGREES, RAD)
CONVERTED = (DEGREES, PERCENT, OLD_DEGREES)  # those that mean something for an SO-101 only

COUNTS_PER_LEROBOT_TURN = 4095
RAD_PER_DEGREE = COUNTS_PER_LEROBOT_TURN / 360 * RAD_PER_COUNT
(GRIPPER,) = SO101.grippers
GRIPPER_OPEN = 100.0  # LeRobot's value of the open gripper


@dataclass(frozen=True, eq=False)
class So101Units:
    """One of LeRobot's ways to say a pose: rad = offset + scale * value, for each of n joints.

    Attributes:
        scheme: one of `SCHEMES`.
        scale: (n,) rad per unit.
        offset: (n,) rad.
    """

    scheme: str
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]

    def to_rad(self, values: NDArray) -> NDArray[np.float32]:
        """(..., n) in LeRobot's units -> (..., n) rad."""
        return (self.offset + self.scale * values.astype(np.float64)).astype(np.float32)

    def from_rad(self, position_rad: NDArray) -> NDArray[np.float32]:
        """(..., n) rad -> (..., n) in LeRobot's units."""
        values = (position_rad.astype(np.float64) - self.offset) / self.scale
        return values.astype(np.float32)


def so101_units(
    scheme: str,
    calibration: Calibration | None = None,
    joints: Sequence[Joint] = JOINTS,
    gripper_open: float = GRIPPER_OPEN,
) -> So101Units:
    """The conversion of one scheme; DatasetError for an unknown one.

    Args:
        scheme: one of `SCHEMES`.
        calibration: of the arm that recorded; percent of its ranges are exact only with it. Without
            it the ranges are the model's, but a full turn for wrist_roll, as LeRobot's calibration
            writes it.
        joints: what each value is.
        gripper_open: value of the open gripper, whose closed one is 0.
    """
    if scheme not in SCHEMES:
        raise DatasetError(suggest("units", scheme, SCHEMES))
    if not 0 < gripper_open < np.inf:
        raise DatasetError(f"--gripper-open is {gripper_open:g}, expected a positive number")
    rows = [_scale_and_offset(scheme, joint, calibration, gripper_open) for joint in joints]
    scale, offset = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    return So101Units(scheme, scale, offset)


def _scale_and_offset(
    scheme: str, joint: Joint, calibration: Calibration | None, gripper_open: float
) -> tuple[float, float]:
    """rad per unit, and rad at zero."""
    if scheme == RAD:
        return 1.0, 0.0
    if joint.name == GRIPPER:
        return (joint.upper_rad - joint.lower_rad) / gripper_open, joint.lower_rad
    if scheme == PERCENT:
        return _half_range_rad(joint, calibration) / 100, 0.0
    # LeRobot ignores drive_mode in degrees; the driver of this project does not.
    turned = calibration is not None and calibration[joint.name].drive_mode
    scale = -RAD_PER_DEGREE if turned else RAD_PER_DEGREE
    if scheme == OLD_DEGREES and joint.name == "shoulder_lift":  # new lift = -(old - 90)
        return -scale, 90 * scale
    if scheme == OLD_DEGREES and joint.name == "elbow_flex":  # new elbow = old - 90
        return scale, -90 * scale
    return scale, 0.0


def _half_range_rad(joint: Joint, calibration: Calibration | None) -> float:
    if calibration is not None:
        ends = calibration[joint.name]
        return (ends.range_max - ends.range_min) / 2 * RAD_PER_COUNT
    if joint.name == "wrist_roll":
        return COUNTS_PER_LEROBOT_TURN * RAD_PER_COUNT / 2
    return (joint.upper_rad - joint.lower_rad) / 2


def scheme_notes(scheme: str, calibration: Calibration | None) -> list[str]:
    """What a person should know of values that are turned to rad."""
    notes = []
    if scheme != RAD:
        notes.append(f"values of the arm read as {scheme}, gripper 0..100, turned to rad")
    if scheme == PERCENT and calibration is None:
        notes.append("percentages are of the model's ranges: with --calibration they are exact")
    return notes
