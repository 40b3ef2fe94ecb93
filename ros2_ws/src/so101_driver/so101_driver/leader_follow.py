"""A leader with motors goes where the arm goes while the policy drives: so it is there already when
its person takes over."""

from __future__ import annotations

import numpy as np
from act_core.robots.so101 import JOINT_NAMES, SO101

from so101_driver.calibration import Vector

SPEED_RAD_S = 0.6  # of each joint: nobody who stands beside it is surprised
LEASH_RAD = 0.15  # between a goal and its joint: what is held does not pull harder and harder
GIVES_WAY_S = 0.5  # at the end of the leash; then a person holds it, and it lets go
# The gripper stays without force: it is the person's sign.
FOLLOWING_JOINTS = tuple(name for name in JOINT_NAMES if name not in SO101.grippers)
_FOLLOWING = np.array([name in FOLLOWING_JOINTS for name in JOINT_NAMES])


class LeaderFollow:
    """The goals of a leader's servos, once in each control period.

    It lets go at once when it may not follow, and for the rest of the time that the policy drives
    where somebody holds it.

    Example at 100 Hz, leader at 0 and arm at 1 rad: goals of 0.006, 0.012, 0.018 ... rad. A hand
    that keeps it at 0: the goal stays at 0.15 rad, and half a second later there is none.

    Args:
        period_s: of the control loop.
    """

    def __init__(self, period_s: float) -> None:
        self._step_rad = SPEED_RAD_S * period_s
        self._patience = round(GIVES_WAY_S / period_s)
        self._goals: Vector | None = None
        self._held_periods = 0
        self.gave_way = False  # somebody holds it

    def next(self, here_rad: Vector, arm_rad: Vector | None, may_follow: bool) -> Vector | None:
        """Goals (6,) [rad] of the servos, the gripper's without meaning; None: no force.

        here_rad: (6,) where the leader is.
        arm_rad: (6,) where the arm is; None where nobody tells.
        may_follow: whether the policy drives and nobody wants the arm.
        """
        if not may_follow:
            self.gave_way = False
        if not may_follow or arm_rad is None or self.gave_way:
            self._goals, self._held_periods = None, 0
            return None
        goals = here_rad if self._goals is None else self._goals
        goals = goals + np.clip(arm_rad - goals, -self._step_rad, self._step_rad)
        within = np.clip(goals, here_rad - LEASH_RAD, here_rad + LEASH_RAD)
        is_held = bool((within != goals)[_FOLLOWING].any())
        self._held_periods = self._held_periods + 1 if is_held else 0
        self.gave_way = self._held_periods >= self._patience
        self._goals = within
        return None if self.gave_way else within
