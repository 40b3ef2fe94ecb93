"""Joints that are simulated elsewhere, by a program that takes targets and tells positions."""

from __future__ import annotations

import numpy as np
from act_core.limits import JointLimits, far_outside
from act_core.robots.so101 import SO101_LIMITS
from numpy.typing import ArrayLike, NDArray

from so101_driver.calibration import RAD_PER_COUNT
from so101_driver.emulator.joint import Drive

Vector = NDArray[np.float64]

FASTEST_RAD_S = 100.0  # a servo without load does 5.4 rad/s; a joint that falls is slower than this
PLACED_RAD = 0.1  # between two reports: no joint moves that fast, somebody put the arm there


class RemoteJoint:
    """A `JointModel` that moves only when it is told where it is now."""

    def __init__(self) -> None:
        self.position_rad = 0.0
        self.velocity_rad_s = 0.0
        self.powered = False
        self.target_rad = 0.0
        self.was_limp = True  # since whoever uses this set it to false; never missed, however short

    def step(self, drive: Drive, dt_s: float) -> None:
        self.powered, self.target_rad = drive.powered, drive.target_rad
        self.was_limp |= not drive.powered


class RemoteArm:
    """Six of them, in the order of their limits, told and asked as a whole.

    Left out: force. The other program drives its joints with servos of its own; an arm without
    torque stands still there instead of falling.
    """

    def __init__(self, limits: JointLimits = SO101_LIMITS) -> None:
        self._limits = limits
        self.joints = [RemoteJoint() for _ in limits.names]
        self._at_rest: Vector | None = None  # targets when torque came on; None: it is off
        self._commanded = False  # since then
        self._placed = False  # and torque has been on all the time since
        self._heard = False

    def report(self, position_rad: ArrayLike, velocity_rad_s: ArrayLike) -> bool:
        """Takes in where the joints are (6,); true if somebody has put them there.

        Raises ValueError for what no arm can be or do; nothing is taken in then.
        """
        here, speed = np.asarray(position_rad), np.asarray(velocity_rad_s)
        wrong = far_outside(here, self._limits)
        if wrong is None and not (np.abs(speed) <= FASTEST_RAD_S).all():
            odd = int(np.argmin(np.abs(speed) <= FASTEST_RAD_S))
            wrong = f"{self._limits.names[odd]} moves at {speed[odd]:.4g} rad/s"
        if wrong is not None:
            raise ValueError(wrong)
        before = np.array([joint.position_rad for joint in self.joints])
        placed = self._heard and bool((np.abs(here - before) > PLACED_RAD).any())
        self._heard = True
        if placed:
            self._placed = True
            for joint in self.joints:
                joint.was_limp = False
        for joint, position, velocity in zip(self.joints, here, speed, strict=True):
            joint.position_rad, joint.velocity_rad_s = float(position), float(velocity)
        return placed

    def targets(self) -> Vector | None:
        """Where the servos want the joints to be (6,) [rad].

        None without torque; as long as the servos only hold what they found, because nobody has
        asked for a motion yet; and after the arm was put elsewhere, until torque was off: the
        servos do not know yet that they are far from their goals.
        """
        if self._placed and not all(joint.was_limp for joint in self.joints):
            return None
        if self._placed or not all(joint.powered for joint in self.joints):
            self._at_rest, self._commanded, self._placed = None, False, False
            return None
        targets = np.array([joint.target_rad for joint in self.joints])
        if self._at_rest is None:
            self._at_rest = targets
        self._commanded |= bool((np.abs(targets - self._at_rest) > 1.5 * RAD_PER_COUNT).any())
        return targets if self._commanded else None
