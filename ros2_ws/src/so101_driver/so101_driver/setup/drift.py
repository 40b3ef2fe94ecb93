"""Whether an arm still is as its calibration says."""

from __future__ import annotations

from typing import NamedTuple

from so101_driver import registers as reg
from so101_driver.bus import Bus
from so101_driver.calibration import Calibration
from so101_driver.setup.sweep import Sweep, degrees, swept_joints

# A gear's backlash is 0.9 to 1.3 degrees (measured, SO-ARM100 #134), a spline of the servo's horn
# 360 / 25 = 14.4: more than backlash is a calibration done carelessly, much more a horn that
# slipped or was put on again.
DRIFT_WARN_DEG = 3.0
DRIFT_ERROR_DEG = 7.0


class Drift(NamedTuple):
    """How far the ends of a joint's travel are from where the file has them."""

    joint: str
    lower_deg: float
    upper_deg: float

    @property
    def worst_deg(self) -> float:
        return max(abs(self.lower_deg), abs(self.upper_deg))

    @property
    def verdict(self) -> str:
        if self.worst_deg >= DRIFT_ERROR_DEG:
            return "calibrate again: a horn has slipped, or this is another arm's calibration"
        return "drifted" if self.worst_deg >= DRIFT_WARN_DEG else "good"

    def __str__(self) -> str:
        return (
            f"{self.joint:13s}  lower end {self.lower_deg:+6.1f}\N{DEGREE SIGN}  "
            f"upper end {self.upper_deg:+6.1f}\N{DEGREE SIGN}  {self.verdict}"
        )


def outside_range(bus: Bus, calibration: Calibration) -> list[str]:
    """Joints that are now where the calibration says that they cannot be."""
    texts = []
    for name, joint in calibration.items():
        # The better of two readings: one may be damaged.
        readings = [bus.read(joint.id, reg.PRESENT_POSITION) for _ in range(2)]
        beyond, position = min(
            (max(joint.range_min - position, position - joint.range_max), position)
            for position in readings
        )
        if degrees(beyond) > DRIFT_WARN_DEG:
            texts.append(
                f"{name} is at {position} counts, {degrees(beyond):.1f} degrees past its range of "
                f"{joint.range_min} to {joint.range_max}"
            )
    return texts


def drifts(recording: Sweep, calibration: Calibration) -> list[Drift]:
    """The ends of travel that were just recorded, against those of the file."""
    found = []
    for joint in swept_joints(calibration.robot):
        if joint.servo_id in recording.ranges:
            here, stored = recording.ranges[joint.servo_id], calibration[joint.name]
            found.append(
                Drift(
                    joint.name,
                    degrees(here.lowest - stored.range_min),
                    degrees(here.highest - stored.range_max),
                )
            )
    return found
