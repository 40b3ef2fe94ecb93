"""How the driver takes over an arm: without moving it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from act_core.so101 import JOINT_NAMES

from so101_driver import arm_checks
from so101_driver.arm import So101Arm
from so101_driver.calibration import Vector
from so101_driver.ready_gate import ReadyGate

NO_GOAL_JUMP_RAD = 0.35  # a goal further from its joint than this is not one that it was following


class Start(NamedTuple):
    """Where control begins."""

    goals_rad: Vector  # (6,)
    limp: tuple[str, ...]  # joints without torque


def energise(arm: So101Arm, gate: ReadyGate, tolerance_rad: float, now_ns: int) -> Start:
    """Torque on at the present position, or left on as it was.

    Raises ArmError for a joint that is further past its limit than ``tolerance_rad``; torque is as
    it was then.
    """
    arm_checks.check_position(arm.read_state(), gate.limits, tolerance_rad)
    _, torque = arm.read_goals()
    if not torque.all():
        arm.enable_torque()
    return take_over(arm, gate, now_ns)


def take_over(arm: So101Arm, gate: ReadyGate, now_ns: int) -> Start:
    """The limiter starts from the goals that the servos hold or, where those are not theirs (a
    servo restarted), from the measured positions; earlier commands are refused."""
    goals, torque = arm.read_goals()
    here = arm.read_state().position_rad
    kept = torque & (np.abs(goals - here) <= NO_GOAL_JUMP_RAD)
    start = gate.reset(np.where(kept, goals, here), now_ns)
    limp = tuple(joint for joint, on in zip(JOINT_NAMES, torque, strict=True) if not on)
    return Start(start, limp)
