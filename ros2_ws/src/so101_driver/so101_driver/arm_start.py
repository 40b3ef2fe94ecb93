"""How the driver takes over an arm: without moving it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from act_core.so101 import JOINT_NAMES
from numpy.typing import NDArray

from so101_driver import arm_checks
from so101_driver.arm import So101Arm
from so101_driver.bus_errors import ArmError
from so101_driver.calibration import Vector
from so101_driver.ready_gate import ReadyGate

Reading = TypeVar("Reading", bound=tuple[Any, ...])

NO_GOAL_JUMP_RAD = 0.35  # a goal further from its joint than this is not one that it was following
# One damaged packet in 256 has a right checksum by chance. What control starts from must not hang
# on one reading: two in a row have to agree, by so much. (5 rad/s, faster than the servo, moves a
# joint by 0.05 rad in a control period; two readings are a fraction of one apart.)
AGREES_RAD = 0.05


class Start(NamedTuple):
    """Where control begins."""

    goals_rad: Vector  # (6,)
    limp: tuple[str, ...]  # joints without torque


def energise(arm: So101Arm, gate: ReadyGate, tolerance_rad: float, now_ns: int) -> Start:
    """Torque on at the present position, or left on as it was.

    Raises ArmError for a joint that is further past its limit than ``tolerance_rad``; torque is as
    it was then.
    """
    arm_checks.check_position(_position(arm), gate.limits, tolerance_rad)
    _, torque = arm.read_goals()
    if not torque.all():
        arm.enable_torque()
    return take_over(arm, gate, now_ns)


def take_over(arm: So101Arm, gate: ReadyGate, now_ns: int) -> Start:
    """The limiter starts from the goals that the servos hold or, where those are not theirs (a
    servo restarted), from the measured positions; earlier commands are refused."""
    goals, torque = held_goals(arm)
    start = gate.reset(goals, now_ns)
    limp = tuple(joint for joint, on in zip(JOINT_NAMES, torque, strict=True) if not on)
    return Start(start, limp)


def held_goals(arm: So101Arm) -> tuple[Vector, NDArray[np.bool_]]:
    """Where the arm is held (6,) [rad], or is where nothing holds it, and (6,) whether torque is
    on. Raises ArmError where readings do not agree."""
    goals, torque = _twice(arm.read_goals)
    here = _position(arm)
    kept = torque & (np.abs(goals - here) <= NO_GOAL_JUMP_RAD)
    return np.where(kept, goals, here), torque


def _position(arm: So101Arm) -> Vector:
    (here,) = _twice(lambda: (arm.read_state().position_rad,))
    return here


def _twice(read: Callable[[], Reading]) -> Reading:
    """A reading that the one before it confirms. Raises ArmError where none does."""
    before = read()
    for _ in range(5):
        reading = read()
        pairs = zip(before, reading, strict=True)
        if all(np.abs(np.subtract(b, a, dtype=float)).max() <= AGREES_RAD for b, a in pairs):
            return reading
        before = reading
    raise ArmError("readings of the joints do not agree with each other")
