"""A trajectory in time: tolerances, pauses, ends."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.timing import to_ns
from act_core.trajectory import (
    GOAL_TOLERANCE_VIOLATED,
    INVALID_GOAL,
    INVALID_JOINTS,
    PATH_TOLERANCE_VIOLATED,
    Trajectory,
    TrajectoryError,
)
from act_core.trajectory_follower import ABORTED, SUCCEEDED, Following, Tolerances

JOINTS = ("pan", "lift")
TOLERANCES = Tolerances(np.array([0.5, np.inf]), np.array([0.1, np.inf]), 2.0)
PERIOD_NS = to_ns(0.01)


class Arm:
    """Follows with the joints ``off`` from where they should be."""

    def __init__(self, tolerances: Tolerances = TOLERANCES) -> None:
        way = Trajectory(np.array([0.0, 1.0]), np.array([[0.0, 0.0], [1.0, -1.0]]))
        self.now_ns = 0
        self.off = np.zeros(2)
        self.following = Following(way, tolerances, JOINTS, self.now_ns)
        self.outcome = None

    def run(self, seconds: float) -> None:
        end_ns = self.now_ns + to_ns(seconds)
        while self.outcome is None and self.now_ns < end_ns:
            self.turn(PERIOD_NS)

    def turn(self, step_ns: int) -> None:
        self.now_ns += step_ns
        here = self.following.desired.position + self.off
        self.outcome = self.following.turn(self.now_ns, here)


def test_it_succeeds_at_the_end_and_sends_the_goal_last():
    arm = Arm()
    arm.run(0.5)
    np.testing.assert_allclose(arm.following.desired.position, [0.5, -0.5])
    arm.off = np.array([0.05, 3.0])  # whose tolerance does not count
    arm.run(1.0)
    assert arm.outcome.state == SUCCEEDED
    assert arm.outcome.code == 0
    np.testing.assert_allclose(arm.following.desired.position, [1.0, -1.0])


def test_a_joint_that_leaves_its_path_ends_it():
    arm = Arm()
    arm.run(0.3)
    arm.off = np.array([0.6, 0.0])
    arm.run(0.1)
    assert (arm.outcome.state, arm.outcome.code) == (ABORTED, PATH_TOLERANCE_VIOLATED)
    assert arm.outcome.text == "pan is 0.59 rad (at most 0.5) away from its path at 0.31 s"


def test_a_joint_that_never_arrives_has_some_time_for_it():
    arm = Arm()
    arm.off = np.array([0.2, 0.0])
    arm.run(2.9)
    assert arm.outcome is None
    arm.off = np.zeros(2)
    arm.run(0.05)
    assert arm.outcome.state == SUCCEEDED
    late = Arm()
    late.off = np.array([0.2, 0.0])
    late.run(4.0)
    assert (late.outcome.state, late.outcome.code) == (ABORTED, GOAL_TOLERANCE_VIOLATED)
    assert late.outcome.text == "pan is 0.20 rad (at most 0.1) away from its goal 2 s after it"


def test_after_a_pause_it_goes_on_where_it_was_and_time_never_goes_back():
    arm = Arm()
    arm.run(0.3)
    arm.turn(to_ns(50.0))  # the machine slept, or its clock stepped
    assert arm.following.elapsed_s == pytest.approx(0.4)
    arm.turn(-to_ns(3000.0))
    assert arm.following.elapsed_s == pytest.approx(0.4)
    arm.run(0.2)
    assert arm.following.elapsed_s == pytest.approx(0.6)


def test_a_goal_changes_tolerances_as_the_action_has_it():
    changed = TOLERANCES.with_changes(
        JOINTS, [("pan", 0.0), ("lift", 0.3)], [("pan", -1.0)], goal_time_s=0.0
    )
    np.testing.assert_array_equal(changed.path_rad, [0.5, 0.3])
    np.testing.assert_array_equal(changed.goal_rad, [np.inf, np.inf])
    assert changed.goal_time_s == 2.0
    assert TOLERANCES.with_changes(JOINTS, [], [], 0.7).goal_time_s == 0.7
    assert TOLERANCES.with_changes(JOINTS, [], [], -1.0).goal_time_s == np.inf
    np.testing.assert_array_equal(TOLERANCES.path_rad, [0.5, np.inf])  # as it was
    with pytest.raises(TrajectoryError, match="goal_tolerance: unknown joint 'lft'") as refused:
        TOLERANCES.with_changes(JOINTS, [], [("lft", 0.1)], 0.0)
    assert refused.value.code == INVALID_JOINTS
    with pytest.raises(TrajectoryError, match="path_tolerance of pan is nan") as refused:
        TOLERANCES.with_changes(JOINTS, [("pan", np.nan)], [], 0.0)
    assert refused.value.code == INVALID_GOAL
