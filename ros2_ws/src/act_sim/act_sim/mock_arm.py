"""A robot that is nothing but its data: it is where the limiter lets it go. No physics, no ROS."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from act_core.command_gate import Applied, CommandGate, Motion, Refusal
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


class MockArm:
    """The backend of an `ArmNode` for any robot: perfect servos behind the `CommandGate`.

    It starts in the pose ``home``, where the robot has one, else in the middle of each range. Its
    methods may be called from any thread.

    Args:
        robot: joints and limits.
        period_s: of the control loop.
        timeout_s: without a command for so long it holds.
        stamps: what judges the stamps of commands.
    """

    def __init__(
        self, robot: Robot, period_s: float, timeout_s: float, stamps: StampCheck | None = None
    ) -> None:
        self.robot = robot
        self._period_s = period_s
        self._lock = threading.Lock()
        self._gate = CommandGate(robot.limits, period_s, timeout_s, stamps)
        middle = (robot.limits.lower_rad + robot.limits.upper_rad) / 2
        self._position = np.array(robot.poses.get(HOME, middle))
        self._gate.reset(self._position, epoch_ns=0)

    def command(
        self, names: Sequence[str], position_rad: Sequence[float], stamp_ns: int, now_ns: int
    ) -> Refusal | None:
        """See `CommandGate.command`."""
        with self._lock:
            return self._gate.command(names, position_rad, stamp_ns, now_ns)

    def estop(self, engage: bool) -> None:
        """Engages or releases the e-stop."""
        with self._lock:
            self._gate.estop(engage)

    def hold(self, reason: str) -> None:
        """Drops the command in force."""
        with self._lock:
            self._gate.hold(reason)

    @property
    def motion(self) -> Motion:
        """See `CommandGate.motion`."""
        with self._lock:
            return self._gate.motion

    def values(self) -> Mapping[str, str]:
        """Counts for a diagnostics message, as text."""
        with self._lock:
            return self._gate.counts()

    def tick(self) -> MockSample:
        """Runs one control period."""
        with self._lock:
            applied = self._gate.next()
        velocity = (applied.position_rad - self._position) / self._period_s
        self._position = applied.position_rad
        return MockSample(self._position, velocity, applied)
