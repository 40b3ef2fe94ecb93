"""An arm that other software moves: measured by that, commanded through gate and limiter."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.controlled_arm import ControlledArm
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES, SO101, SO101_LIMITS
from act_core.timing import FakeClock

MS = 1_000_000
PERIOD_S = 0.01


@pytest.fixture
def steady() -> FakeClock:
    return FakeClock()


@pytest.fixture
def arm(steady) -> ControlledArm:
    return ControlledArm(SO101_LIMITS, PERIOD_S, 0.2, clock=steady)


def follow(arm: ControlledArm, steady: FakeClock, target: np.ndarray, turns: int, measured=None):
    sent = []
    for _ in range(turns):
        steady.advance(PERIOD_S)
        now_ns = 10**18 + steady.now_ns()
        assert arm.command(JOINT_NAMES, target, now_ns, now_ns) is None
        arm.measured(HOME_POSE_RAD if measured is None else measured)
        sent.append(arm.turn(now_ns).applied.position_rad)
    return np.array(sent)


def test_nothing_is_sent_before_it_is_known_where_the_arm_is(arm):
    turn = arm.turn(10**18)
    assert turn.applied is None
    assert turn.why == "where the arm is has not been told yet"


def test_it_begins_where_the_arm_is_and_keeps_every_limit(arm, steady):
    arm.measured(HOME_POSE_RAD)
    np.testing.assert_allclose(arm.turn(10**18).applied.position_rad, HOME_POSE_RAD)
    goal = HOME_POSE_RAD + np.array([1.0, 0.2, 0, 0, 0, 0])
    sent = follow(arm, steady, goal, 100)
    np.testing.assert_allclose(sent[-1], goal)
    speed = np.abs(np.diff(sent, axis=0)) / PERIOD_S
    assert (speed <= SO101_LIMITS.max_velocity_rad_s + 1e-6).all()


def test_after_a_silence_it_begins_anew_where_the_arm_was_left(arm, steady):
    arm.measured(HOME_POSE_RAD)
    arm.turn(10**18)
    follow(arm, steady, HOME_POSE_RAD + 0.3, 40)
    steady.advance(2.0)
    turn = arm.turn(10**18 + steady.now_ns())
    assert turn.applied is None
    assert turn.why == "where the arm is was last told 2.0 s ago"
    pushed = HOME_POSE_RAD + np.array([-0.4, 0, 0, 0, 0, 0])
    arm.measured(pushed)
    turn = arm.turn(10**18 + steady.now_ns())
    np.testing.assert_allclose(turn.applied.position_rad, pushed)
    assert turn.why == "no command yet"  # what was commanded before does not move it


@pytest.mark.parametrize(
    ("position", "text"),
    [
        (np.degrees(HOME_POSE_RAD), "makes no sense: shoulder_lift: -57.3 rad is far outside"),
        (HOME_POSE_RAD + np.array([2.2, 0, 0, 0, 0, 0]), "shoulder_pan is at 2.200 rad, outside"),
    ],
)
def test_an_arm_that_is_outside_of_its_limits_is_not_made_to_jump(arm, position, text):
    arm.measured(position)
    turn = arm.turn(10**18)
    assert turn.applied is None
    assert text in turn.why


def test_the_e_stop_and_the_watchdog_are_the_gates(arm, steady):
    follow(arm, steady, HOME_POSE_RAD, 3)
    arm.estop(True)
    steady.advance(PERIOD_S)
    now_ns = 10**18 + steady.now_ns()
    assert arm.command(JOINT_NAMES, HOME_POSE_RAD, now_ns, now_ns).kind == "estop"
    assert arm.turn(now_ns).why == "e-stop engaged"
    arm.estop(False)
    assert arm.command(JOINT_NAMES, HOME_POSE_RAD, now_ns, now_ns) is None
    for _ in range(30):
        arm.measured(HOME_POSE_RAD)
        why = arm.turn(now_ns).why
    assert "no command for 20 control periods" in why
    arm.hold("because")
    assert arm.turn(now_ns).why == "because"
    assert arm.values()["accepted"] == "4"


def test_the_arms_urdf_is_found_where_its_package_is_installed():
    if SO101.urdf is None:
        pytest.skip("the package of the arm's meshes is not installed")
    assert SO101.urdf.is_file()
    assert SO101.prefixed("left_").urdf is None
