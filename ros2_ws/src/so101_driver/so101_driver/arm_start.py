"""How the driver takes over an arm: without moving it, and stopping what moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from act_core.limits import JointLimits
from act_core.robots.so101 import JOINT_NAMES
from act_core.timing import to_ns
from numpy.typing import NDArray

from so101_driver import arm_checks
from so101_driver.arm import ArmState, HeldGoals, So101Arm
from so101_driver.arm_faults import lacks_force
from so101_driver.bus_errors import ArmError
from so101_driver.calibration import Vector
from so101_driver.registers import Status

Reading = TypeVar("Reading", bound=tuple[Any, ...])

# A goal further from its joint than this is not one that it was following (a servo restarted), or
# something is in the joint's way.
NO_GOAL_JUMP_RAD = 0.35
# One damaged packet in 256 has a right checksum by chance. What control starts from must not hang
# on one reading: two in a row have to agree, by so much. (5 rad/s, faster than the servo, moves a
# joint by 0.05 rad in a control period; two readings are a fraction of one apart.)
AGREES_RAD = 0.05

STANDS_RAD_S = 0.1
# A servo that was switched on just now moves within 30 ms.
CALM_LOOKS, CALM_PAUSE_S = 8, 0.01


class Start(NamedTuple):
    """Where control begins; arrays (6,)."""

    goals_rad: Vector  # what the servos are to hold
    here_rad: Vector  # where the joints are
    limp: NDArray[np.bool_]  # torque is off
    strays: NDArray[np.bool_]  # torque is on, at a goal that is not kept
    blind: NDArray[np.bool_]  # the servo says that it cannot read its angle
    falls: NDArray[np.bool_]  # moves, and not towards a goal


def calm(arm: So101Arm) -> None:
    """Switches off the servos that run to goals far from their joints: before anything else is
    asked of an arm, which may take a second on a bus that loses packets.

    One that stands, because something is in its way, is left as it is. Two readings have to say
    so, since a packet may be damaged.
    """
    before = np.zeros(len(JOINT_NAMES), dtype=bool)
    for _ in range(CALM_LOOKS):
        held, state = arm.read_goals_partly(None), arm.read_partly()
        found = strays(held, state)
        if not found.any():
            return
        runs = found & (np.abs(state.velocity_rad_s) > STANDS_RAD_S)
        confirmed, before = before & runs, runs
        if confirmed.any():
            arm.slacken(names_of(confirmed))
        arm.bus.clock.sleep_until_ns(arm.bus.clock.now_ns() + to_ns(CALM_PAUSE_S))


def strays(held: HeldGoals, state: ArmState) -> NDArray[np.bool_]:
    """(6,) whose servos have torque and goals that their joints are far from."""
    far = np.abs(held.goals_rad - state.position_rad) > NO_GOAL_JUMP_RAD
    return held.heard & state.heard & held.torque & far


def look(arm: So101Arm) -> Start:
    """Goals where the arm is held and where it is, compared: a goal is kept only where its servo
    pushes towards it, and not far; else it is where the joint is. Nothing is written.

    Raises ArmError where readings do not agree.
    """
    goals, torque = _twice(arm.read_goals)
    state = _state(arm)
    here = state.position_rad
    blind = np.array([bool(status & Status.ENCODER) for status in state.status])
    near = np.abs(goals - here) <= NO_GOAL_JUMP_RAD
    kept = torque & near & ~lacks_force(state, goals) & ~blind
    falls = ~kept & (np.abs(state.velocity_rad_s) > STANDS_RAD_S)
    return Start(np.where(kept, goals, here), here, ~torque, torque & ~kept, blind, falls)


def start(arm: So101Arm) -> Start:
    """What `look` finds, once no servo strays: one that holds a goal which is not kept may be on
    its way there, with a setpoint of its own that a new goal brings back only slowly. Its torque is
    switched off, and on where the joint is; of one that does not know where that is, only off.

    Raises ArmError where readings do not agree.
    """
    found = look(arm)
    if not found.strays.any():
        return found
    arm.slacken(names_of(found.strays))
    arm.enable_torque(names_of(found.strays & ~found.blind))
    again = look(arm)
    return again._replace(falls=again.falls | found.strays)


def energise(arm: So101Arm, limits: JointLimits, tolerance_rad: float) -> Start:
    """Torque on at the present position where it is off, or left on as it was; not of a servo that
    cannot read its angle.

    Raises ArmError for a joint that is further past its limit than ``tolerance_rad``; torque is as
    it was then.
    """
    found = start(arm)
    arm_checks.check_position(found.here_rad, limits, tolerance_rad)
    limp = found.limp & ~found.blind
    if not limp.any():
        return found
    arm.enable_torque(names_of(limp))
    return start(arm)


def names_of(joints: NDArray[np.bool_]) -> list[str]:
    """The joints that are marked (6,)."""
    return [joint for joint, there in zip(JOINT_NAMES, joints, strict=True) if there]


def _state(arm: So101Arm) -> ArmState:
    """Readings of the joints that agree; the later one."""
    seen: list[ArmState] = []

    def position() -> tuple[Vector]:
        seen.append(arm.read_state())
        return (seen[-1].position_rad,)

    _twice(position)
    return seen[-1]


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
