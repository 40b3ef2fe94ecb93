from __future__ import annotations

import itertools

import numpy as np
import pytest
from act_core.policy_spec import ActionOutput, BundleError, ExecutionSpec
from act_policy.inference_worker import VirtualWorker
from act_policy.modes import MODES
from act_policy.policy_runner import HOLD_REASONS, Action, Hold, PolicyRunner, RunnerLimits
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.act_policy.policies import FunctionPolicy, make_spec, observation_at
from tests.act_policy.reference_ensemble import ReferenceEnsemble

MS = 1_000_000


def standing(observation) -> np.ndarray:
    """A plan to stay where the joints are."""
    return np.tile(observation.joint_position.astype(np.float64), (4, 1))


def make_runner(rows=standing, latency_s=0.0, limits=None, spec=None, **execution) -> PolicyRunner:
    spec = spec or make_spec()
    worker = VirtualWorker(FunctionPolicy(spec, rows), latency_s)
    return PolicyRunner(spec, worker, ExecutionSpec(**execution), limits)


def observe(runner, t_ms, position=(0.0, 0.0), seen_ms=None) -> None:
    seen_ms = t_ms if seen_ms is None else seen_ms
    runner.observe(observation_at(seen_ms * MS, position), t_ms * MS)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    chunk_size=st.integers(1, 12),
    m=st.floats(-0.2, 0.5),
    rate_hz=st.sampled_from([10.0, 30.0, 50.0]),
    steps=st.integers(1, 30),
)
def test_instant_inference_at_equal_rates_is_the_paper(seed, chunk_size, m, rate_hz, steps):
    """Whatever the chunks say: nothing is smoothed that the paper does not smooth."""
    random = np.random.default_rng(seed)
    spec = make_spec(chunk_size=chunk_size, rate_hz=rate_hz)
    chunks = [random.normal(size=(chunk_size, 2)) for _ in range(steps)]
    upcoming = iter(chunks)
    runner = make_runner(lambda _: next(upcoming), spec=spec, mode="ensemble", m=m)
    reference = ReferenceEnsemble(chunk_size, m)
    for step in range(steps):
        t_ns = round(step * 1e9 / rate_hz)
        runner.observe(observation_at(t_ns), t_ns)
        action = runner.act(t_ns)
        np.testing.assert_allclose(action.position, reference.step(chunks[step]), atol=1e-6)
        assert action.live == min(step + 1, chunk_size)


def test_rows_are_chosen_by_time_so_latency_shifts_nothing():
    """A plan that moves 1 rad/s: the command for time t is t, with 0 or 300 ms of inference."""

    def clockwork(observation):
        start_s = observation.stamp_ns * 1e-9
        return np.repeat(start_s + 0.1 * np.arange(10)[:, None], 2, axis=1)

    spec = make_spec(chunk_size=10)
    for latency_s in (0.0, 0.3):
        runner = make_runner(clockwork, latency_s, spec=spec)
        for t_ms in range(0, 2000, 10):
            if t_ms % 50 == 0:
                observe(runner, t_ms, (t_ms / 1000, t_ms / 1000))
            action = runner.act(t_ms * MS)
            if t_ms < latency_s * 1000:
                assert action == Hold("no_plan", "waiting for the first chunk")
            else:
                assert action.position == pytest.approx([t_ms / 1000] * 2, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    mode=st.sampled_from(MODES.names()),
    control_ms=st.sampled_from([2, 5, 10, 33, 100]),
    latency_ms=st.integers(1, 250),
)
def test_commands_never_jump(seed, mode, control_ms, latency_ms):
    """Random chunks, random latency, cameras that pause: consecutive commands stay within the
    policy's largest row-to-row change in that time + 5 mrad; so does the first one."""
    random = np.random.default_rng(seed)
    spec = make_spec(chunk_size=8)
    made = []

    def rows(observation):
        made.append(random.uniform(0, 1) * random.normal(size=(8, 2)))
        return made[-1]

    runner = make_runner(
        rows, lambda: latency_ms * 1e-3 * random.uniform(0.5, 1.5), spec=spec, mode=mode,
        open_loop_rows=4 if mode == "open_loop" else None,
    )  # fmt: skip
    measured = np.array([0.3, -0.2])
    last, last_ms, acted, held = measured, 0, 0, 0
    for t_ms in range(0, 4000, control_ms):
        if random.random() < 0.4 and not 1500 < t_ms < 2600:
            observe(runner, t_ms, measured, seen_ms=t_ms - 1)
        action = runner.act(t_ms * MS)
        if isinstance(action, Action):
            row_change = max(np.abs(np.diff(chunk, axis=0)).max() for chunk in made[-20:])
            rows_passed = (t_ms - last_ms) * 1e-3 * spec.rate_hz
            moved = np.abs(action.position - last).max()
            assert moved <= row_change * rows_passed + 0.005 + 1e-6  # float32 joints
            last = action.position
            acted, held = acted + 1, 0
        else:  # later than the watchdog the arm is where it is, which here is where it was
            last = measured if held * control_ms >= 200 else last
            held += 1
        last_ms = t_ms
    assert acted > 10


def test_newest_follows_the_last_chunk_and_ensemble_the_mean():
    for mode, expected in (("newest", 0.4), ("ensemble", 0.2)):
        runner = make_runner(mode=mode, m=0.0)
        observe(runner, 0, (0.0, 0.0))
        runner.act(0)
        observe(runner, 100, (0.4, 0.4))
        assert runner.act(100 * MS).position == pytest.approx([expected] * 2)


def test_open_loop_plays_its_rows_before_it_infers_again():
    runner = make_runner(mode="open_loop", open_loop_rows=3)
    seen = []
    for step in range(10):
        observe(runner, 100 * step, (step, step))
        action = runner.act(100 * step * MS)
        seen.append(action.observation_ns // (100 * MS))
    assert seen == [0, 0, 0, 3, 3, 3, 6, 6, 6, 9]


def test_open_loop_with_latency_asks_once_and_plays_on():
    runner = make_runner(latency_s=0.15, mode="open_loop", open_loop_rows=2)
    seen = []
    for t_ms in range(0, 800, 50):
        observe(runner, t_ms)
        action = runner.act(t_ms * MS)
        seen.append(None if isinstance(action, Hold) else action.observation_ns // MS)
    # asked at 0, there at 150; asked at 200, there at 350, and so on
    assert seen[:4] == [None, None, None, 0]
    assert seen[4:] == [0] * 3 + [200] * 4 + [400] * 4 + [600]


def test_open_loop_rows_must_fit_the_chunk():
    with pytest.raises(BundleError, match="open_loop_rows is 5, expected at most chunk_size, 4"):
        make_runner(mode="open_loop", open_loop_rows=5)


def test_holds_until_the_first_observation_and_the_first_chunk():
    runner = make_runner(latency_s=0.1)
    assert runner.act(0) == Hold("no_observation", "none has come yet")
    runner.unobserved("nothing from camera 'front' yet")
    assert runner.act(0) == Hold("no_observation", "nothing from camera 'front' yet")
    observe(runner, 10)
    assert runner.act(50 * MS) == Hold("no_plan", "waiting for the first chunk")
    assert runner.act(110 * MS).new_chunk is not None
    assert runner.act(120 * MS).new_chunk is None


def test_holds_when_observations_stop_and_recovers_from_fresh_ones_only():
    limits = RunnerLimits(max_observation_age_s=0.15)
    runner = make_runner(limits=limits, m=0.0)
    observe(runner, 0, (0.0, 0.0))
    assert isinstance(runner.act(150 * MS), Action)
    runner.unobserved("newest of camera 'front' is 0.16 s old")
    hold = runner.act(160 * MS)
    assert hold.reason == "no_observation"
    assert "0.16 s old (limit 0.15 s): newest of camera 'front'" in hold.detail
    # The arm stands; the first chunk would still cover this time but is not mixed in any more.
    observe(runner, 200, (0.0, 0.4))
    action = runner.act(210 * MS)
    assert action.live == 1
    assert action.position == pytest.approx([0.0, 0.005])


def test_holds_when_inference_hangs_and_recovers():
    latencies = itertools.chain([0.0, 5.0], itertools.repeat(0.0))
    limits = RunnerLimits(max_plan_age_s=0.3)
    runner = make_runner(latency_s=lambda: next(latencies), limits=limits)
    reasons = []
    for t_ms in range(0, 6000, 100):
        observe(runner, t_ms)
        action = runner.act(t_ms * MS)
        reasons.append(action.reason if isinstance(action, Hold) else "acts")
    assert reasons[:4] == ["acts"] * 4
    assert set(reasons[4:51]) == {"no_plan", "inference_late"}
    assert reasons[30] == "inference_late"
    assert reasons[51:] == ["acts"] * 9


def test_holds_while_inference_fails():
    def fails_for_a_while(observation):
        if 100 * MS <= observation.stamp_ns < 900 * MS:
            raise ValueError("no chunk today")
        return standing(observation)

    runner = make_runner(fails_for_a_while)
    reasons = []
    for t_ms in range(0, 1100, 100):
        observe(runner, t_ms)
        action = runner.act(t_ms * MS)
        reasons.append(action if isinstance(action, Hold) else "acts")
    # The first chunk, 4 rows of 100 ms, is played to its end; then there is nothing to trust.
    failed = Hold("inference_failed", "ValueError: no chunk today")
    assert reasons == ["acts"] * 4 + [failed] * 5 + ["acts"] * 2
    status = runner.status(1000 * MS)
    assert (status.inferences, status.failures) == (3, 8)
    assert status.last_failure == "ValueError: no chunk today"
    assert status.observation_age_s == 0.0


def test_starts_from_where_the_arm_is():
    runner = make_runner(lambda _: np.ones((4, 2)), latency_s=0.01)
    observe(runner, 0, (0.5, 1.0))
    assert runner.act(10 * MS).position == pytest.approx([0.505, 1.0])


@pytest.mark.parametrize(("held_ms", "start"), [(100, 0.1), (300, 0.9)])
def test_resumes_from_the_last_command_or_after_long_from_where_the_arm_is(held_ms, start):
    runner = make_runner(lambda _: np.full((4, 2), 0.1), limits=RunnerLimits(0.15, resume_s=0.2))
    observe(runner, 0)
    runner.act(0)
    for t_ms in range(160, 160 + held_ms + 1, 10):
        assert isinstance(runner.act(t_ms * MS), Hold)
    t_ms += 10
    observe(runner, t_ms - 1, (0.9, 0.9))  # somebody has moved the arm
    assert runner.act(t_ms * MS).position == pytest.approx([start] * 2, abs=0.0051)


def test_starts_on_the_plan_when_the_outputs_are_not_measured():
    spec = make_spec(output=ActionOutput("action", ("dx", "dy")))
    runner = make_runner(lambda _: np.ones((4, 2)), latency_s=0.01, spec=spec)
    observe(runner, 0, (0.5, 1.0))
    assert runner.act(10 * MS).position == pytest.approx([1.0, 1.0])


def test_stop_and_start():
    runner = make_runner()
    observe(runner, 0)
    runner.stop("e-stop is pressed")
    assert runner.act(0) == Hold("stopped", "e-stop is pressed")
    observe(runner, 10)
    runner.start(20 * MS)
    observe(runner, 25, seen_ms=19)  # from before the start
    assert runner.act(25 * MS).reason == "no_observation"
    observe(runner, 30)
    assert isinstance(runner.act(30 * MS), Action)


def test_reset_drops_the_plan_the_observations_and_inferences_from_before():
    runner = make_runner(latency_s=0.1)
    observe(runner, 0)
    assert isinstance(runner.act(100 * MS), Action)
    observe(runner, 110)
    runner.reset(150 * MS)
    observe(runner, 160, seen_ms=149)
    assert runner.act(400 * MS).reason == "no_observation"
    observe(runner, 410)
    assert runner.act(420 * MS).reason == "no_plan"
    action = runner.act(520 * MS)
    assert action.observation_ns == 410 * MS
    assert action.live == 1


def test_reset_lets_time_go_back():
    runner = make_runner()
    observe(runner, 10_000)
    runner.act(10_000 * MS)
    runner.reset(0)
    observe(runner, 5)
    assert isinstance(runner.act(5 * MS), Action)


def test_every_reason_is_documented():
    assert set(HOLD_REASONS) == {
        "stopped", "no_observation", "inference_failed", "inference_late", "no_plan"
    }  # fmt: skip


def test_a_chunk_from_before_the_reset_is_dropped_whoever_hands_it_over():
    runner = make_runner(latency_s=0.1)
    runner.reset(50 * MS)
    # As if the observation had been on its way to the worker during the reset.
    runner._worker.submit(observation_at(40 * MS), 50 * MS)
    observe(runner, 140)
    assert runner.act(155 * MS) == Hold("no_plan", "waiting for the first chunk")
    assert runner.act(260 * MS).observation_ns == 140 * MS


@pytest.mark.parametrize(
    ("mode", "options"),
    [(m, {"open_loop_rows": 4} if m == "open_loop" else {}) for m in MODES.names()],
)
def test_while_others_drive_there_is_always_a_plan_of_where_the_arm_is(mode, options):
    """The arm is moved by 1 rad/s from elsewhere; a plan to stand still is never older than its
    inference, in a mode that asks seldom, too, and there is no way back through an older one."""
    runner = make_runner(latency_s=0.05, mode=mode, **options)
    for t_ms in range(0, 500, 10):
        observe(runner, t_ms, (0.0, 0.0))
        runner.act(t_ms * MS)
    runner.stand_by(True)
    for t_ms in range(500, 1500, 10):
        where = (t_ms - 500) / 1000
        observe(runner, t_ms, (where, where))
        action = runner.act(t_ms * MS)
        if t_ms >= 700:
            assert action.live == 1
            assert action.position == pytest.approx([where] * 2, abs=0.13)
    runner.stand_by(False)
    observe(runner, 1500, (1.0, 1.0))
    for t_ms in range(1500, 1540, 10):
        action = runner.act(t_ms * MS)
        assert action.position == pytest.approx([1.0] * 2, abs=0.13)


def test_a_policy_that_is_stopped_stays_stopped_while_others_drive():
    runner = make_runner()
    runner.stop("not enabled")
    runner.stand_by(True)
    observe(runner, 0)
    assert runner.act(0) == Hold("stopped", "not enabled")
