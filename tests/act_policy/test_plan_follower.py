from __future__ import annotations

import numpy as np
import pytest
from act_policy.chunk import Chunk
from act_policy.chunk_buffer import ChunkBuffer
from act_policy.plan_follower import PlanFollower
from act_policy.temporal_ensemble import TemporalEnsemble
from hypothesis import given, settings
from hypothesis import strategies as st

MS = 1_000_000


def standing(stamp_ms: int, value: float) -> Chunk:
    return Chunk(stamp_ms * MS, 10.0, np.full((30, 1), value))


def test_the_example_of_the_docstring():
    plan, follower = ChunkBuffer(), PlanFollower(max_jump=0.005)
    plan.add(standing(0, 0.0))
    commands = []
    for tick in range(7):
        if tick == 2:
            plan.add(standing(1, 0.020))
        commands.append(follower.follow(plan, tick * 10 * MS).item())
    assert commands == pytest.approx([0, 0, 0.005, 0.010, 0.015, 0.020, 0.020])


def test_a_large_difference_fades_in_time_at_the_speed_of_the_policy():
    plan, follower = ChunkBuffer(), PlanFollower(max_jump=0.005, fade_s=0.1)
    follower.reset(np.array([1.0]), 0)
    fast = np.zeros((40, 1))
    fast[-2:] = [[0.5], [1.0]]  # it can move 5 rad/s, later on
    plan.add(Chunk(0, 10.0, fast))
    commands = [follower.follow(plan, tick * 10 * MS).item() for tick in range(1, 101)]
    assert commands[0] == pytest.approx(1.0 - 1.0 * 0.010 / 0.1 + 0.045, abs=1e-9)  # reach 0.055
    assert commands[10] == pytest.approx(0.45, abs=0.1)
    assert commands[50] == pytest.approx(0.0, abs=1e-9)
    assert np.all(np.diff(commands) <= 0)


def test_a_plan_is_followed_exactly_once_its_offset_is_gone():
    plan, follower = TemporalEnsemble(), PlanFollower(max_jump=0.005)
    rows = np.cumsum(np.random.default_rng(1).normal(size=(30, 2)), axis=0)
    plan.add(Chunk(0, 10.0, rows))
    for tick in range(200):
        t_ns = tick * 10 * MS
        np.testing.assert_allclose(follower.follow(plan, t_ns), plan.target(t_ns), atol=1e-12)


def test_starts_from_the_position_that_is_given():
    plan, follower = ChunkBuffer(), PlanFollower(max_jump=0.005)
    plan.add(standing(0, 1.0))
    follower.reset(np.array([0.9]), 0)
    assert follower.follow(plan, 0).item() == pytest.approx(0.905)
    follower.reset()
    assert follower.follow(plan, 0).item() == pytest.approx(1.0)


def test_a_pause_does_not_widen_the_step():
    """After a hold the arm stands at the last command, so the pause gives no room to jump."""
    plan, follower = ChunkBuffer(), PlanFollower(max_jump=0.005, fade_s=0.15)
    plan.add(standing(0, 0.0))
    follower.follow(plan, 0)
    plan.add(standing(1, 1.0))
    follower.hold(2_000 * MS)
    assert follower.follow(plan, 2_010 * MS).item() == pytest.approx(0.005)


def test_no_bound_for_actions_that_are_no_positions():
    plan, follower = ChunkBuffer(), PlanFollower(max_jump=None)
    plan.add(standing(0, 0.0))
    follower.follow(plan, 0)
    plan.add(standing(1, 1.0))
    assert follower.follow(plan, 10 * MS).item() == 1.0


@pytest.mark.parametrize(("arguments", "text"), [
    ({"max_jump": 0.0}, "max_jump must be above 0 or None, got 0.0"),
    ({"max_jump": 0.005, "fade_s": 0.0}, "fade_s must be above 0, got 0.0"),
])  # fmt: skip
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        PlanFollower(**arguments)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    ensemble=st.booleans(),
    rate_hz=st.sampled_from([10.0, 30.0, 50.0]),
    control_hz=st.sampled_from([10, 30, 100, 250, 500]),
    scale=st.sampled_from([0.01, 0.3, 3.0]),
)
def test_no_jump_whatever_the_chunks_say(seed, ensemble, rate_hz, control_hz, scale):
    """The bound of the docstring, for chunks that come and disagree at random, with lost ticks."""
    random = np.random.default_rng(seed)
    plan = TemporalEnsemble() if ensemble else ChunkBuffer()
    follower, max_jump = PlanFollower(max_jump=0.005), 0.005
    plan.add(Chunk(0, rate_hz, scale * random.normal(size=(8, 2))))
    last, last_ns, t_ns = follower.follow(plan, 0), 0, 0
    for _ in range(150):
        t_ns += round(1e9 / control_hz) * int(random.integers(1, 3))
        if random.random() < 0.3:
            late_ns = int(random.integers(0, round(5e9 / rate_hz)))
            plan.add(Chunk(t_ns - late_ns, rate_hz, scale * random.normal(size=(8, 2))))
        plan.expire(t_ns)
        if not plan.live:
            follower.hold(t_ns)
            last_ns = t_ns
            continue
        command = follower.follow(plan, t_ns)
        row_change = plan.top_speed() / rate_hz  # (2,) the largest, row to row
        rows_passed = (t_ns - last_ns) * 1e-9 * rate_hz
        assert (np.abs(command - last) <= row_change * rows_passed + max_jump + 1e-9).all()
        last, last_ns = command, t_ns
