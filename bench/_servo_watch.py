"""Watches the joints of an emulated arm: what moves them, and was that commanded?

Everything is measured at the joint, not at what was sent. A joint falls as fast as it likes while
its servo has no force. Its servo may not move it faster than the limiter allows, and without a
command in force it may only settle: by what gravity bends it, and by the leash of a goal that holds
(`so101_driver.leash`) once something lets go of the joint.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from act_core.robots.so101 import JOINT_NAMES, JOINTS
from numpy.typing import ArrayLike
from so101_driver.emulator.arm import GRAVITY_NM, emulated_servos, stops_rad
from so101_driver.emulator.joint import Drive, LocalJoint
from so101_driver.emulator.servo import EmulatedServo

OVERSHOOT = (
    1.25  # of the speed limit: the position loop overshoots where it catches up, faults or not
)
SETTLES_RAD = 0.3  # of the gripper twice as much: it stays pressed on what it holds
AT_REST_RAD_S, AT_REST_S = 0.05, 0.15
# After a command the joints catch up. After an outage the driver reads the arm twice, and stops
# what moves: with the losses of these scripts within so long.
CATCHES_UP_S, LOOKS_S = 0.4, 0.4


@dataclass(frozen=True)
class Motion:
    """Something that a servo should not have done."""

    joint: str
    at_s: float
    kind: str  # "fast" or "uncommanded"
    value: float  # rad/s, rad
    out_of_reach: bool  # the driver could not talk to the servo


class WatchedJoint(LocalJoint):
    """Notes how fast and how far its servo moves it."""

    def __init__(self, index: int, position_rad: float) -> None:
        super().__init__(*stops_rad(index), position_rad, GRAVITY_NM[index])
        self.name = JOINT_NAMES[index]
        self.fastest = 0.0  # rad/s, under its servo's force
        self.most = 0.0  # rad, without a command
        self._allowed_rad_s = OVERSHOOT * JOINTS[index].max_velocity_rad_s
        self._settles_rad = SETTLES_RAD * (2 if self.name == "gripper" else 1)
        self.time_s = 0.0
        self.commanded_s = 0.0  # when a command was last in force
        self.reached_s = 0.0  # since when the driver can talk to the servo
        self.in_reach = True
        self.motions: list[Motion] = []
        self._driven_rad = 0.0
        self._still_s = 0.0
        self._began_away = False
        self._told = {"fast": -1.0, "uncommanded": -1.0}

    def step(self, drive: Drive, dt_s: float) -> None:
        before = self.position_rad
        super().step(drive, dt_s)
        self.time_s += dt_s
        moved = self.position_rad - before
        drives = drive.powered and drive.duty * moved > 0.0  # not: falls, brakes
        drives &= self.push_nm * moved <= 0.0  # a hand does
        resting = abs(self.velocity_rad_s) < AT_REST_RAD_S
        self._still_s = self._still_s + dt_s if resting else 0.0
        if not self.in_reach:
            self._began_away = True  # until it has been stopped
        elif self._still_s > AT_REST_S or self.time_s - self.reached_s > LOOKS_S:
            self._began_away = False
        if drives and abs(self.velocity_rad_s) > self._allowed_rad_s:
            self._tell("fast", abs(self.velocity_rad_s))
        commanded = self.time_s - self.commanded_s < CATCHES_UP_S
        if commanded or self._still_s > AT_REST_S or not drive.powered:
            self._driven_rad = 0.0
        elif drives:
            self._driven_rad += abs(moved)
            if self._driven_rad > self._settles_rad:
                self._tell("uncommanded", self._driven_rad)
        if drives and not self._began_away:
            self.fastest = max(self.fastest, abs(self.velocity_rad_s))
            self.most = max(self.most, self._driven_rad)

    def _tell(self, kind: str, value: float) -> None:
        """Once for each incident."""
        if self.time_s - self._told[kind] > 0.5:
            at_s = round(self.time_s, 3)
            self.motions.append(Motion(self.name, at_s, kind, value, self._began_away))
        self._told[kind] = self.time_s


def watched_arm(position_rad: ArrayLike) -> tuple[list[EmulatedServo], list[WatchedJoint]]:
    """Six calibrated servos on watched joints."""
    start = np.asarray(position_rad, dtype=np.float64)
    joints = [WatchedJoint(index, float(start[index])) for index in range(len(JOINT_NAMES))]
    return emulated_servos(start, joints), joints
