"""An arm that is moved by hand: where its joints are, whatever happens to its cable.

One whose servos have power may be moved softly as well, while no hand wants it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
from act_core.robots.so101 import JOINT_NAMES
from act_core.timing import Clock, MonotonicClock, to_ns

from so101_driver import registers as reg
from so101_driver.arm import ArmState, So101Arm
from so101_driver.arm_checks import open_checked
from so101_driver.bus_errors import ArmError, BusError, NoReplyError
from so101_driver.calibration import Vector
from so101_driver.leader_follow import FOLLOWING_JOINTS

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 5.0
LOST_IN_A_ROW = 100  # readings; then the port is opened anew
_OTHERS = np.array([name not in FOLLOWING_JOINTS for name in JOINT_NAMES])


class LeaderArm:
    """Reads a calibrated arm, whose torque is off but for what `drive` does.

    The port is opened, and opened again when it is gone, by `read`, with growing pauses. An arm
    whose servos do not hold the calibration is not read: the follower would go somewhere else.

    Args:
        open_arm: opens the port; raises BusError.
        clock: monotonic.
    """

    def __init__(self, open_arm: Callable[[], So101Arm], clock: Clock | None = None) -> None:
        self._open_arm = open_arm
        self._clock = clock if clock is not None else MonotonicClock()
        self._retry_s = FIRST_RETRY_S
        self._retry_ns = 0
        self._lost = 0
        self.arm: So101Arm | None = None
        self.problem: str | None = None  # why `read` has nothing to say
        self.has_force = False  # servos have torque, or nobody knows better

    def read(self) -> ArmState | None:
        """Where the joints are, or None: see ``problem``. Blocks while the port is opened."""
        try:
            if self.arm is None:
                if self._clock.now_ns() < self._retry_ns:
                    return None
                self.arm = self._open()
            return self._read(self.arm)
        except BusError as error:
            self._lose(error)
            return None

    def drive(self, goals_rad: Vector | None, torque: float) -> None:
        """Moves `FOLLOWING_JOINTS` to goals (6,) [rad] with a share ``torque`` of their force, or
        takes that from them, at once and until they confirm it. After `read`, in its thread."""
        arm = self.arm
        if arm is None:
            return
        try:
            if goals_rad is None:
                self.has_force = self.has_force and bool(arm.release(FOLLOWING_JOINTS))
                return
            if not self.has_force:
                for joint in FOLLOWING_JOINTS:
                    servo_id = arm.servo_ids[JOINT_NAMES.index(joint)]
                    arm.bus.write_checked(servo_id, reg.TORQUE_LIMIT, round(1000 * torque))
                self.has_force = True
                arm.enable_torque(FOLLOWING_JOINTS)
            arm.write_goals(goals_rad, but=_OTHERS)
        except BusError as error:
            self._lose(error)

    def close(self) -> None:
        """Closes the port; `read` opens it again."""
        arm, self.arm = self.arm, None
        if arm is None:
            return
        if self.has_force:
            with suppress(BusError):  # it is opened with its torque off
                arm.release(FOLLOWING_JOINTS)
        self.has_force = False
        arm.bus.close()

    def _lose(self, error: BusError) -> None:
        self.problem = str(error)
        self.close()
        self._retry_ns = self._clock.now_ns() + to_ns(self._retry_s)
        self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)

    def _open(self) -> So101Arm:
        arm = open_checked(self._open_arm, _slacken)
        self._lost = 0
        return arm

    def _read(self, arm: So101Arm) -> ArmState | None:
        try:
            state = arm.read_state()
        except NoReplyError as error:
            self._lost += 1
            self.problem = str(error)
            if self._lost >= LOST_IN_A_ROW:
                raise
            return None
        self._lost, self._retry_s, self.problem = 0, FIRST_RETRY_S, None
        return state


def _slacken(arm: So101Arm) -> None:
    if stiff := arm.release():
        raise ArmError(f"torque off is not confirmed by {', '.join(stiff)}")
