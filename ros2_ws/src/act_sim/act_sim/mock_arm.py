"""A robot that is nothing but its data: it is where the limiter lets it go. No physics, no ROS."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from act_core.command_gate import Applied
from act_core.gated_arm import GatedArm
from act_core.robot import Robot
from act_core.stamps import StampCheck
from numpy.typing import NDArray

Vector = NDArray[np.float64]
HOME = "home"


class MockSample(NamedTuple):
    """The robot after one control period."""

    position_rad: Vector  # (J,)
    velocity_rad_s: Vector  # (J,)
    applied: Applied


class MockArm(GatedArm):
    """The backend of an `ArmNode` for any robot: perfect servos behind the `CommandGate`.

    It starts in the pose ``home``, where the robot has one, else in the middle of each range.

    Args:
        robot: joints and limits.
        period_s, timeout_s, stamps: as for `GatedArm`.
    """

    def __init__(
        self, robot: Robot, period_s: float, timeout_s: float, stamps: StampCheck | None = None
    ) -> None:
        super().__init__(robot.limits, period_s, timeout_s, stamps)
        self.robot = robot
        self._period_s = period_s
        middle = (robot.limits.lower_rad + robot.limits.upper_rad) / 2
        self._position = np.array(robot.poses.get(HOME, middle))
        self._gate.reset(self._position, epoch_ns=0)

    def tick(self) -> MockSample:
        """Runs one control period."""
        with self._lock:
            applied = self._gate.next()
        velocity = (applied.position_rad - self._position) / self._period_s
        self._position = applied.position_rad
        return MockSample(self._position, velocity, applied)
