"""Trajectories of scripts and planners: what is refused, and what is made of the rest."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.robots import find_robot
from act_core.timing import to_ns
from act_core.trajectory import (
    INVALID_GOAL,
    INVALID_JOINTS,
    MOST_POINTS,
    OLD_HEADER_TIMESTAMP,
    Asked,
    State,
    Trajectory,
    TrajectoryError,
    planned,
)

SO101 = find_robot("so101")
NAMES, LIMITS = SO101.joint_names, SO101.limits
HOME = SO101.pose("home")
REST = State(HOME, np.zeros(6))
NOW_NS = to_ns(1e9)
TO = (HOME + 0.4).tolist()


def ask(*points: tuple[float, list], joints=NAMES, **more) -> Asked:
    return Asked(joints, [s for s, _ in points], [list(p) for _, p in points], **more)


def plan(asked: Asked, start: State = REST, now_ns: int = NOW_NS) -> Trajectory:
    return planned(asked, LIMITS, start, now_ns)


def refusal(asked: Asked, start: State = REST) -> TrajectoryError:
    with pytest.raises(TrajectoryError) as refused:
        plan(asked, start)
    return refused.value


def test_positions_alone_are_straight_lines_from_where_the_arm_is_sent_to():
    made = plan(ask((1.0, TO), (3.0, HOME.tolist())))
    assert made.length_s == 3.0
    np.testing.assert_allclose(made.at(0.0).position, HOME)
    np.testing.assert_allclose(made.at(0.25).position, HOME + 0.1)
    np.testing.assert_allclose(made.at(0.25).velocity, 0.4)
    np.testing.assert_allclose(made.at(2.0).position, HOME + 0.2)
    np.testing.assert_allclose(made.at(9.0).position, HOME)
    np.testing.assert_allclose(made.at(9.0).velocity, 0.0)


def test_joints_come_in_any_order_and_those_that_are_not_named_stay():
    made = plan(ask((1.0, [0.7, 0.2]), joints=("gripper", "shoulder_pan")))
    np.testing.assert_allclose(made.at(2.0).position, [0.2, *HOME[1:5], 0.7])


@pytest.mark.parametrize("with_acceleration", [False, True])
def test_velocities_and_accelerations_are_met_at_each_point(with_acceleration):
    velocity = [[0.3] * 6, [0.0] * 6]
    acceleration = [[-0.2] * 6, [0.0] * 6] if with_acceleration else ()
    asked = ask((1.0, TO), (2.0, TO), velocities=velocity, accelerations=acceleration)
    made = plan(asked, State(HOME, np.full(6, 0.1)))
    np.testing.assert_allclose(made.at(0.0).velocity, 0.1)
    for before, after in ((1.0 - 1e-7, 1.0 + 1e-7), (2.0 - 1e-7, 2.0 + 1e-7)):
        np.testing.assert_allclose(made.at(before).position, TO, atol=1e-6)
        np.testing.assert_allclose(made.at(before).position, made.at(after).position, atol=1e-6)
        np.testing.assert_allclose(made.at(before).velocity, made.at(after).velocity, atol=1e-5)
    np.testing.assert_allclose(made.at(1.0).velocity, 0.3, atol=1e-6)
    slope = (made.at(1.0 + 1e-4).velocity - made.at(1.0).velocity) / 1e-4
    if with_acceleration:
        np.testing.assert_allclose(slope, -0.2, atol=1e-2)


def test_a_point_that_is_due_at_once_must_be_where_the_arm_is():
    made = plan(ask((0.0, (HOME + 0.03).tolist()), (1.0, TO)))
    np.testing.assert_allclose(made.at(0.0).position, HOME + 0.03)
    lone = plan(ask((0.0, (HOME + 0.03).tolist())))
    np.testing.assert_allclose(lone.at(1.0).position, HOME + 0.03)
    far = refusal(ask((0.0, TO)))
    assert far.code == INVALID_GOAL
    assert "due at once, but " in str(far)
    assert str(far).endswith("give it a time_from_start of 0.14 s or more")  # 0.4 rad at 3 rad/s


def test_a_stamp_says_when_it_begins():
    asked = ask((1.0, TO), stamp_ns=NOW_NS + to_ns(2.0))
    made = plan(asked)
    np.testing.assert_allclose(made.at(1.9).position, HOME)
    np.testing.assert_allclose(made.at(2.5).position, HOME + 0.2)
    assert made.length_s == pytest.approx(3.0)
    late = ask((1.0, TO), (2.0, (HOME + 0.1).tolist()), stamp_ns=NOW_NS - to_ns(1.5))
    made = plan(late)  # the first point is over
    assert made.length_s == pytest.approx(0.5)
    np.testing.assert_allclose(made.at(0.5).position, HOME + 0.1)
    over = refusal(ask((1.0, TO), stamp_ns=NOW_NS - to_ns(3.0)))
    assert (over.code, str(over)) == (
        OLD_HEADER_TIMESTAMP, "all of it is over: the last point was due 2 s ago",
    )  # fmt: skip
    assert "another clock" in str(refusal(ask((1.0, TO), stamp_ns=NOW_NS + to_ns(1e6))))


@pytest.mark.parametrize(
    ("asked", "code", "text"),
    [
        (ask((1.0, []), joints=()), INVALID_JOINTS, "it names no joints, expected shoulder_pan"),
        (ask((1.0, [0.0]), joints=("sholder_pan",)), INVALID_JOINTS,
         "unknown joint 'sholder_pan'; did you mean 'shoulder_pan'"),
        (ask((1.0, [0.0, 0.0]), joints=("gripper", "gripper")), INVALID_JOINTS, "one joint twice"),
        (ask(), INVALID_GOAL, f"0 points, expected 1 to {MOST_POINTS}"),
        (ask(*[(i + 1.0, TO) for i in range(MOST_POINTS + 1)]), INVALID_GOAL, "10001 points"),
        (ask((1.0, TO), (1.0, TO)), INVALID_GOAL, "point 1 is due at 1 s after 1 s, expected"),
        (ask((-1.0, TO)), INVALID_GOAL, "point 0 is due at -1 s, expected times that rise"),
        (ask((4000.0, TO)), INVALID_GOAL, "it takes 1.1 h, at most 3600 s"),
        (ask((1.0, TO[:5])), INVALID_GOAL, "point 0 has 5 positions for 6 joints"),
        (ask((1.0, [*TO[:5], np.nan])), INVALID_GOAL, "point 0: gripper is nan in its positions"),
        (ask((1.0, np.rad2deg(TO))), INVALID_GOAL, "probably degrees, expected radians"),
        (ask((1.0, [2.2, *TO[1:]])), INVALID_GOAL,
         "point 0: shoulder_pan at 2.200 rad, expected -1.920 to 1.920"),
        (ask((0.1, TO)), INVALID_GOAL,
         "would move at 4.00 rad/s before 0.10 s, at most 3: give it 0.13 s in place of 0.10"),
        (ask((1.0, TO), has_effort=True), INVALID_GOAL, "it has efforts, expected positions"),
        (ask((1.0, TO), (2.0, TO), velocities=[[0.0] * 6, []]), INVALID_GOAL,
         "point 1 has no velocities, others do: give all or none"),
        (ask((1.0, TO), accelerations=[[0.0] * 6]), INVALID_GOAL, "accelerations but no"),
        (ask((1.0, TO), velocities=[[0.5] * 6]), INVALID_GOAL, "the last point has a velocity"),
        (ask((1.0, TO), velocities=[[np.inf] * 6]), INVALID_GOAL, "is inf in its velocities"),
        (ask((1.0, [1.9, *TO[1:]]), (2.0, [1.9, *TO[1:]]), velocities=[[1.0] * 6, [0.0] * 6]),
         INVALID_GOAL, "shoulder_pan would swing past its limit between two points, before 2.00 s"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_or_done_is_refused_with_its_reason(asked, code, text):
    refused = refusal(asked)
    assert text in str(refused)
    assert refused.code == code


def test_a_planner_may_use_a_limit_to_the_last():
    plan(ask((1.0, [LIMITS.upper_rad[0], *HOME[1:]])))
    plan(ask((0.4 / 3.0, TO)))
