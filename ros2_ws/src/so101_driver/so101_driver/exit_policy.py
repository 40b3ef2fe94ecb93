"""What happens to the torque when the driver ends, however it ends.

- ``hold``: nothing; the servos keep their goals. The motors stay warm and the arm stays stiff.
- ``release``: torque off at once. An arm in the air falls.
- ``rest``: slowly to the rest pose, folded onto itself, and then torque off.

Before the arm is there the torque goes off only if something is in its way, if a servo stays
silent, or after `REST_AT_MOST_S`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np
from act_core.errors import ConfigurationError, suggest
from act_core.limits import CommandLimiter, JointLimits
from act_core.timing import NS_PER_S, Clock, MonotonicClock, PeriodicSchedule, to_ns

from so101_driver import arm_start
from so101_driver.arm import So101Arm
from so101_driver.arm_faults import FaultMonitor
from so101_driver.bus_errors import BusError, NoReplyError, PortError
from so101_driver.leash import Leash

T = TypeVar("T")

HOLD, RELEASE, REST = "hold", "release", "rest"
EXIT_POLICIES = (HOLD, RELEASE, REST)
UNCONFIRMED = "did not confirm it"

REST_RATE_HZ = 50.0
REST_SPEED = 0.4  # of the arm's own speed limits; lower ones hold as they are
# The longest way, 3.5 rad, takes 3 s at that speed and 18 s at 0.2 rad/s. The launch file gives the
# driver this time: by itself `ros2 launch` sends SIGKILL ten seconds after Ctrl-C.
REST_AT_MOST_S = 20.0
READ_NS = to_ns(0.5 / REST_RATE_HZ)  # for one look at the joints
ARRIVAL_S = 0.5  # joints are so far behind their goals
SILENT_S = 1.0  # without an answer from every servo, before the arm is let go
REST_REACHED_RAD = 0.15  # gravity keeps a soft servo from its goal


def carry_out(
    policy: str,
    arm: So101Arm,
    limits: JointLimits | None = None,
    clock: Clock | None = None,
) -> str:
    """Does what ``policy`` says to a connected arm; returns what was done.

    Raises ConfigurationError for an unknown policy and BusError where the arm does not answer;
    torque may be on then.
    """
    if policy not in EXIT_POLICIES:
        raise ConfigurationError(suggest("exit policy", policy, EXIT_POLICIES))
    if policy == HOLD:
        return "the servos hold their goals"
    moved = ""
    if policy == REST:
        try:
            moved = _move_to_rest(arm, limits, clock if clock is not None else MonotonicClock())
        except PortError:
            raise
        except BusError as error:  # wherever it is now: torque must not stay on
            moved = f"on the way to rest: {error}; "
    unconfirmed = arm.release()
    if unconfirmed:
        return f"{moved}torque off was sent, but {', '.join(unconfirmed)} {UNCONFIRMED}"
    return f"{moved}torque is off"


def _move_to_rest(arm: So101Arm, limits: JointLimits | None, clock: Clock) -> str:
    start = _answer(partial(arm_start.start, arm), clock)
    if start.limp.any():
        return ""  # a limp arm cannot be moved
    allowed = arm.conversion.limits(limits)
    robot = arm.calibration.robot
    slow = replace(
        allowed,
        max_velocity_rad_s=np.minimum(
            REST_SPEED * robot.limits.max_velocity_rad_s, allowed.max_velocity_rad_s
        ),
        max_acceleration_rad_s2=np.minimum(
            REST_SPEED * robot.limits.max_acceleration_rad_s2, allowed.max_acceleration_rad_s2
        ),
    )
    limiter = CommandLimiter(slow, 1.0 / REST_RATE_HZ)
    sent = limiter.reset(start.goals_rad).position_rad
    nobody = np.zeros(len(sent), dtype=bool)
    leash = Leash(slow, arm.settings.p, nobody)
    leash.reset(start.here_rad, nobody)
    target = np.clip(robot.pose(REST), allowed.lower_rad, allowed.upper_rad)
    schedule = PeriodicSchedule(1.0 / REST_RATE_HZ, clock)
    monitor = FaultMonitor(1.0 / REST_RATE_HZ)
    deadline_ns = clock.now_ns() + to_ns(REST_AT_MOST_S)
    while clock.now_ns() < deadline_ns and not np.array_equal(sent, target):
        schedule.wait()
        with contextlib.suppress(NoReplyError):  # it goes on; at the end they have to answer
            state = arm.read_state(clock.now_ns() + READ_NS)
            monitor.see_state(state, sent, wanted_rad=target)
            leash.see(state.position_rad, state.heard)
        monitor.without_force()
        stuck = [fault.text for fault in monitor.faults if fault.relaxes or fault.is_latched]
        if stuck:  # against a hand, maybe
            return f"on the way to rest: {'; '.join(stuck)}; "
        limiter.limit(target)
        sent = limiter.confine(*leash.reach(nobody, stands_still=False)).position_rad
        arm.write_goals(sent)
    return _arrive(arm, target, clock, clock.now_ns() + to_ns(ARRIVAL_S))


def _arrive(arm: So101Arm, target: np.ndarray, clock: Clock, deadline_ns: int) -> str:
    """Waits until the joints have come to where their goals are, or ``deadline_ns``."""
    while True:
        state = _answer(arm.read_state, clock)
        distance = np.abs(state.position_rad - target).max()
        if distance < REST_REACHED_RAD:
            return "the arm is at rest; "
        if clock.now_ns() >= deadline_ns:
            return f"the rest pose was not reached ({distance:.2f} rad away); "
        clock.sleep_until_ns(clock.now_ns() + NS_PER_S // 50)


def _answer(question: Callable[[], T], clock: Clock) -> T:
    """Asks again and again, for `SILENT_S`: a moment of silence must not drop the arm."""
    deadline_ns = clock.now_ns() + to_ns(SILENT_S)
    while True:
        try:
            return question()
        except PortError:
            raise
        except BusError:
            if clock.now_ns() >= deadline_ns:
                raise
