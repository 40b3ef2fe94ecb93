"""The command limiter: known answers, and properties over a million random commands."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.limits import CommandLimiter, JointLimits
from act_core.robots.so101 import JOINT_NAMES, SO101_LIMITS
from hypothesis import example, given, settings
from hypothesis import strategies as st

PERIOD_S = 0.01


def one_joint(**changes) -> JointLimits:
    values = {
        "names": ("a",),
        "lower_rad": [-1.0],
        "upper_rad": [1.0],
        "max_velocity_rad_s": [2.0],
        "max_acceleration_rad_s2": [100.0],
    }
    return JointLimits(**{**values, **changes})


def limiter_at(position, limits: JointLimits | None = None) -> CommandLimiter:
    limiter = CommandLimiter(limits or one_joint(), PERIOD_S)
    limiter.reset(position)
    return limiter


def test_worked_example_of_the_docstring():
    limiter = limiter_at([0.0])
    sent = [limiter.limit([0.06]) for _ in range(5)]
    assert np.allclose([s.position_rad[0] for s in sent], [0.01, 0.03, 0.05, 0.06, 0.06])
    assert [s.limited[0].rule if s.limited else None for s in sent] == [
        "acceleration",
        "velocity",
        "velocity",
        None,
        None,
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_non_finite_number_refuses_the_whole_command_and_stops(bad):
    limiter = CommandLimiter(SO101_LIMITS, PERIOD_S)
    limiter.reset(np.zeros(6))
    for _ in range(20):
        moving = limiter.limit(np.full(6, 1.0))
    target = np.full(6, 1.0)
    target[2] = bad
    previous = moving.position_rad
    steps = []
    for _ in range(20):
        command = limiter.limit(target)
        assert np.isfinite(command.position_rad).all()
        assert [(r.joint, r.rule) for r in command.limited] == [("elbow_flex", "non_finite")]
        steps.append(command.position_rad - previous)
        previous = command.position_rad
    assert "elbow_flex: non-finite target" in str(command.limited[0])
    assert np.abs(steps[0]).max() > 0, "the arm cannot stop within one period"
    assert np.array_equal(steps[-1], np.zeros(6)), "the arm stands still"


def test_a_target_past_a_position_limit_is_reached_at_the_limit():
    limiter = limiter_at([0.9])
    for _ in range(30):
        command = limiter.limit([1.5])
    assert command.position_rad[0] == 1.0
    assert command.limited[0][:3] == ("a", "position", 1.5)
    assert str(command.limited[0]) == "a: position limit, wanted 1.5000, sent 1.0000"


def test_a_start_past_a_limit_is_reported_and_moved_onto_it():
    limiter = CommandLimiter(one_joint(), PERIOD_S)
    start = limiter.reset([1.2])
    assert start.position_rad[0] == 1.0
    assert start.limited[0][:3] == ("a", "position", 1.2)
    assert limiter.limit([0.999]).position_rad[0] == 0.999


def test_a_stream_inside_the_limits_passes_unchanged_and_without_delay():
    limiter = CommandLimiter(SO101_LIMITS, PERIOD_S)
    limiter.reset(np.full(6, 0.5))
    time_s = np.arange(1000) * PERIOD_S
    # Starts at rest; never above 2.7 rad/s and 21 rad/s^2.
    stream = 0.5 + 0.45 * np.sin(3.0 * time_s - np.sin(3.0 * time_s))
    for target in stream:
        command = limiter.limit(np.full(6, target))
        assert np.array_equal(command.position_rad, np.full(6, target))
        assert command.limited == ()


@settings(max_examples=40, deadline=None)
@given(
    start=st.floats(-1, 1),
    target=st.floats(-1, 1),
    velocity=st.floats(0.5, 10),
    acceleration=st.floats(1, 500),
)
@example(start=1.0, target=-5.960464477539063e-08, velocity=1.0, acceleration=1.0)
def test_a_resting_target_is_reached_without_overshoot(start, target, velocity, acceleration):
    limits = one_joint(max_velocity_rad_s=[velocity], max_acceleration_rad_s2=[acceleration])
    limiter = limiter_at([start], limits)
    # The way at full speed, plus speeding up and braking.
    longest_s = 2 / velocity + 2 * velocity / acceleration + 2 * (2 / acceleration) ** 0.5
    periods = 10 + int(longest_s / PERIOD_S)
    sent = [start, *(limiter.limit([target]).position_rad[0] for _ in range(periods))]
    assert sent[-1] == target
    towards = np.diff(sent) * np.sign(target - start)
    assert (towards >= -1e-12).all(), "never turns back"


def check_motion(limits: JointLimits, sent: np.ndarray, start: np.ndarray) -> None:
    """Every rule of the limiter, on a whole sequence of sent targets (N, J)."""
    assert np.isfinite(sent).all()
    assert (sent >= limits.lower_rad).all()
    assert (sent <= limits.upper_rad).all()
    steps = np.diff(np.vstack([start, sent]), axis=0)
    assert (np.abs(steps) <= limits.max_velocity_rad_s * PERIOD_S + 1e-8).all()
    changes = np.diff(np.vstack([np.zeros_like(start), steps]), axis=0)
    assert (np.abs(changes) <= limits.max_acceleration_rad_s2 * PERIOD_S**2 + 1e-8).all()


def test_a_million_random_commands_never_pass_a_limit():
    """Steps, noise, slow drifts, huge values, NaN and infinity in one stream."""
    rng = np.random.default_rng(20260101)
    count = 170_000  # x 6 joints
    limits = SO101_LIMITS
    limiter = CommandLimiter(limits, PERIOD_S)
    start = limiter.reset(rng.uniform(limits.lower_rad, limits.upper_rad)).position_rad
    scale = rng.choice([0.01, 0.3, 3.0, 100.0, 1e300], p=[0.3, 0.3, 0.3, 0.05, 0.05], size=count)
    hold = rng.random(count) < 0.5
    poison = rng.random(count) < 0.02
    target = start.copy()
    sent = np.empty((count, 6))
    for k in range(count):
        if not hold[k]:
            target = rng.normal(size=6) * scale[k]
        if poison[k]:
            target = target.copy()
            target[rng.integers(6)] = rng.choice([np.nan, np.inf, -np.inf])
        sent[k] = limiter.limit(target).position_rad
    check_motion(limits, sent, start)
    assert np.ptp(sent, axis=0).min() > 1.5, "the stream did move every joint"


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_limits_and_any_commands(data):
    count = data.draw(st.integers(1, 3))
    numbers = st.lists(st.floats(0.01, 1000), min_size=count, max_size=count)
    lower = np.array(data.draw(st.lists(st.floats(-10, 10), min_size=count, max_size=count)))
    limits = JointLimits(
        tuple(f"j{i}" for i in range(count)),
        lower,
        lower + np.array(data.draw(numbers)),
        np.array(data.draw(numbers)),
        np.array(data.draw(numbers)),
    )
    limiter = CommandLimiter(limits, PERIOD_S)
    anything = st.lists(
        st.floats(allow_nan=True, allow_infinity=True), min_size=count, max_size=count
    )
    nearby = st.lists(st.floats(-20, 20), min_size=count, max_size=count)
    start = limiter.reset(data.draw(nearby)).position_rad
    commands = data.draw(st.lists(st.one_of(anything, nearby), min_size=1, max_size=60))
    sent = np.array([limiter.limit(command).position_rad for command in commands])
    check_motion(limits, sent, start)


def test_the_result_is_the_callers_own():
    limiter = limiter_at([0.0])
    limiter.limit([0.5]).position_rad[:] = 99.0
    assert limiter.limit([0.5]).position_rad[0] <= 0.03 + 1e-12


def test_wrong_use_is_refused():
    limiter = CommandLimiter(SO101_LIMITS, PERIOD_S)
    with pytest.raises(ValueError, match="reset the limiter to the measured joint positions"):
        limiter.limit(np.zeros(6))
    with pytest.raises(ValueError, match=r"got shape \(5,\), expected \(6,\).*shoulder_pan"):
        limiter.reset(np.zeros(5))
    with pytest.raises(ValueError, match="start position must be finite"):
        limiter.reset([np.nan] * 6)
    with pytest.raises(ValueError, match="period_s must be finite and above zero, got 0"):
        CommandLimiter(SO101_LIMITS, 0.0)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"lower_rad": [2.0]}, "a: lower limit 2.0 is not below upper limit 1.0"),
        ({"max_velocity_rad_s": [0.0]}, "max_velocity_rad_s must be above zero"),
        ({"max_acceleration_rad_s2": [np.inf]}, "max_acceleration_rad_s2 must be finite"),
        ({"upper_rad": [1.0, 2.0]}, r"upper_rad has shape \(2,\), expected \(1,\)"),
    ],
)
def test_impossible_limits_are_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        one_joint(**changes)


def test_the_table_of_the_arm():
    assert JOINT_NAMES == (
        "shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper",
    )  # fmt: skip
    with pytest.raises(ValueError, match="read-only"):
        SO101_LIMITS.lower_rad[0] = 0.0
