"""Watches the joints of an emulated arm: what moves them, and was that commanded?

Everything is measured at the joint, not at what was sent. A servo moves its joint where the torque
of its motor acts in the direction of the motion: not while the joint falls, not where the motor
brakes, and not while a hand pushes the joint that way. Its servo may not move it faster than the
limiter allows. Without a command in force it may only settle: by what gravity bends it and by the
leash of a goal that holds (`so101_driver.leash`), once for each time that it was at rest, that a
command ended, that something took hold of the joint or let go of it, or that the driver could
begin to talk to the servo.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from act_core.robots.so101 import JOINT_NAMES, JOINTS
from numpy.typing import ArrayLike
from so101_driver.emulator.arm import GRAVITY_NM, emulated_servos, stops_rad
from so101_driver.emulator.joint import TORQUE_CONSTANT, Drive, LocalJoint
from so101_driver.emulator.servo import EmulatedServo

# Of the speed limit. Where a joint catches up with its goal, the position loop alone reaches 1.14
# in motion without faults.
OVERSHOOT = 1.2
# The leash of a goal that holds, 0.2 rad, and how far the position loop overshoots or gravity bends
# the joint. Of the gripper twice as much: its leash is that of a moving joint, 0.43 rad, so that it
# stays pressed on what it holds.
SETTLES_RAD = 0.3
AT_REST_RAD_S, AT_REST_S = 0.05, 0.15
# A command that ends at 3 rad/s: 0.08 s until the goal stands, 0.12 s for the 0.37 rad by which the
# joint is behind it, 0.1 s to stop.
CATCHES_UP_S = 0.3
# After an outage the driver reads the joints twice, switches the torque off for a period, and the
# motor brakes for 0.1 s; replies get lost in these scripts.
LOOKS_S = 0.25


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
        self._reached_s = 0.0  # since when the driver can talk to the servo
        self._in_reach = True
        self.motions: list[Motion] = []
        self._driven_rad = 0.0
        self._held = (0.0, False)  # by a hand, by what blocks it
        self._still_s = 0.0
        self._began_away = False
        self._told: dict[tuple[str, bool], float] = {}  # by kind and reach

    def step(self, drive: Drive, dt_s: float) -> None:
        before = self.position_rad
        super().step(drive, dt_s)
        self.time_s += dt_s
        moved = self.position_rad - before
        current = drive.duty * drive.volts - TORQUE_CONSTANT * self.velocity_rad_s  # x resistance
        drives = drive.powered and current * moved > 0.0 and self.push_nm * moved <= 0.0
        resting = abs(self.velocity_rad_s) < AT_REST_RAD_S
        self._still_s = self._still_s + dt_s if resting else 0.0
        if not self._in_reach:
            self._began_away = True  # until it has been stopped
        elif self._still_s > AT_REST_S or self.time_s - self._reached_s > LOOKS_S:
            self._began_away = False
        if drives and abs(self.velocity_rad_s) > self._allowed_rad_s:
            self._tell("fast", abs(self.velocity_rad_s))
        commanded = self.time_s - self.commanded_s < CATCHES_UP_S
        held, self._held = self._held, (self.push_nm, self.blocked)
        if commanded or self._still_s > AT_REST_S or held != self._held or not drive.powered:
            self._driven_rad = 0.0
        elif drives:
            self._driven_rad += abs(moved)
            if self._driven_rad > self._settles_rad:
                self._tell("uncommanded", self._driven_rad)
        if drives and not self._began_away:
            self.fastest = max(self.fastest, abs(self.velocity_rad_s))
            self.most = max(self.most, self._driven_rad)

    def reach(self, in_reach: bool) -> None:
        """Whether the driver can talk to the servo."""
        if in_reach and not self._in_reach:
            self._reached_s, self._driven_rad = self.time_s, 0.0
        self._in_reach = in_reach

    def _tell(self, kind: str, value: float) -> None:
        """Once for each incident."""
        key = kind, self._began_away
        if self.time_s - self._told.get(key, -1.0) > 0.5:
            self.motions.append(Motion(self.name, round(self.time_s, 3), kind, value, key[1]))
        self._told[key] = self.time_s


def watched_arm(position_rad: ArrayLike) -> tuple[list[EmulatedServo], list[WatchedJoint]]:
    """Six calibrated servos on watched joints."""
    start = np.asarray(position_rad, dtype=np.float64)
    joints = [WatchedJoint(index, float(start[index])) for index in range(len(JOINT_NAMES))]
    return emulated_servos(start, joints), joints
