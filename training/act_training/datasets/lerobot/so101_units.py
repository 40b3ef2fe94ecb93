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

import math
from dataclasses import dataclass

import numpy as np
from act_core.errors import suggest
from act_core.so101 import JOINT_NAMES, JOINTS
from numpy.typing import NDArray
from so101_driver.calibration import RAD_PER_COUNT, Calibration

from act_training.datasets.errors import DatasetError

DEGREES = "degrees"
PERCENT = "percent"
OLD_DEGREES = "old_degrees"  # before LeRobot's pull request 777 of June 2025: another zero
RAD = "rad"
SCHEMES = (DEGREES, PERCENT, OLD_DEGREES, RAD)

COUNTS_PER_LEROBOT_TURN = 4095
RAD_PER_DEGREE = COUNTS_PER_LEROBOT_TURN / 360 * RAD_PER_COUNT
CLIPPED_SHARE = 1e-3  # of a recording: more values at exactly +-100 than this are a clipped range


@dataclass(frozen=True, eq=False)
class So101Units:
    """One of LeRobot's ways to say a pose: rad = offset + scale * value, for each joint.

    Attributes:
        scheme: one of `SCHEMES`.
        scale: (6,) rad per unit, in the order of `act_core.so101.JOINT_NAMES`.
        offset: (6,) rad.
    """

    scheme: str
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]

    def to_rad(self, values: NDArray) -> NDArray[np.float32]:
        """(..., 6) in LeRobot's units -> (..., 6) rad."""
        return (self.offset + self.scale * values.astype(np.float64)).astype(np.float32)

    def from_rad(self, position_rad: NDArray) -> NDArray[np.float32]:
        """(..., 6) rad -> (..., 6) in LeRobot's units."""
        values = (position_rad.astype(np.float64) - self.offset) / self.scale
        return values.astype(np.float32)


def so101_units(scheme: str, calibration: Calibration | None = None) -> So101Units:
    """The conversion of one scheme; DatasetError for an unknown one.

    Args:
        scheme: one of `SCHEMES`.
        calibration: of the arm that recorded; percent of its ranges are exact only with it. Without
            it the ranges are the model's, but a full turn for wrist_roll, as LeRobot's calibration
            writes it.
    """
    if scheme not in SCHEMES:
        raise DatasetError(suggest("units", scheme, SCHEMES))
    scale, offset = np.ones(len(JOINTS)), np.zeros(len(JOINTS))
    if scheme == RAD:
        return So101Units(scheme, scale, offset)
    if scheme == PERCENT:
        scale = _half_ranges_rad(calibration) / 100
    else:
        # LeRobot ignores drive_mode in degrees; the driver of this project does not.
        turned = [calibration is not None and calibration[name].drive_mode for name in JOINT_NAMES]
        scale = np.where(turned, -1.0, 1.0) * RAD_PER_DEGREE
    if scheme == OLD_DEGREES:  # new lift = -(old - 90), new elbow = old - 90
        lift, elbow = JOINT_NAMES.index("shoulder_lift"), JOINT_NAMES.index("elbow_flex")
        offset[lift], offset[elbow] = 90 * scale[lift], -90 * scale[elbow]
        scale[lift] = -scale[lift]
    gripper = JOINTS[-1]
    scale[-1] = (gripper.upper_rad - gripper.lower_rad) / 100
    offset[-1] = gripper.lower_rad
    return So101Units(scheme, scale, offset)


def _half_ranges_rad(calibration: Calibration | None) -> NDArray[np.float64]:
    if calibration is not None:
        joints = [calibration[name] for name in JOINT_NAMES]
        return np.array([j.range_max - j.range_min for j in joints]) / 2 * RAD_PER_COUNT
    full_turn = COUNTS_PER_LEROBOT_TURN * RAD_PER_COUNT
    return np.array(
        [
            (full_turn if joint.name == "wrist_roll" else joint.upper_rad - joint.lower_rad) / 2
            for joint in JOINTS
        ]
    )


def find_scheme(told: str | None, values: NDArray) -> str:
    """The scheme that a person told, else the one that the values (N, 6) prove.

    Raises DatasetError when they prove none.
    """
    scheme = told or guess_scheme(values)
    if scheme is None:
        raise DatasetError(
            "no file says in which units this arm was recorded, and its values fit several: "
            "say --units degrees (LeRobot's default since 0.4.4), --units percent (its "
            f"default before, -100..100), or another of {', '.join(SCHEMES)}"
        )
    return scheme


def scheme_notes(scheme: str, calibration: Calibration | None) -> list[str]:
    """What a person should know of values that are turned to rad."""
    notes = []
    if scheme != RAD:
        notes.append(f"values of the arm read as {scheme}, gripper 0..100, turned to rad")
    if scheme == PERCENT and calibration is None:
        notes.append("percentages are of the model's ranges: with --calibration they are exact")
    return notes


def guess_scheme(values: NDArray) -> str | None:
    """What the recorded values (N, 6) prove about their units; None when they prove nothing.

    Beyond 100 no value can be a percentage; many at exactly 100 or -100 are a range that was
    clipped, which LeRobot does to percentages only; below 0 no gripper can be a percentage, so a
    recording within 2 pi whose gripper is negative at times is in rad.
    """
    largest = np.abs(values[:, :-1]).max(initial=0.0)
    if largest > 100:
        return DEGREES
    if (np.abs(values[:, :-1]) == 100).mean() > CLIPPED_SHARE:
        return PERCENT
    if np.abs(values).max(initial=0.0) <= 2 * math.pi and (values[:, -1] < 0).any():
        return RAD
    return None
