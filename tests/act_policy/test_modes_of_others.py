"""The modes of other programs against their rules, written down literally: queues of rows, counted
in steps of the control loop, which there has the policy's rate."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.policy_spec import BundleError, ExecutionSpec
from act_policy.inference_worker import VirtualWorker
from act_policy.modes import make_mode, text_of
from act_policy.policy_runner import Action, PolicyRunner

from tests.act_policy.policies import FunctionPolicy, make_spec, observation_at

K = 8
STEP_NS = 100_000_000  # 10 Hz


def random_rows(step: int) -> np.ndarray:
    """(K, 2) that the policy predicts from the observation of a step."""
    return np.random.default_rng(step).uniform(-1, 1, (K, 2))


def commands(mode: str, latency_steps: int, steps: int = 40, rows=random_rows, **options):
    """Of the runner, one a step; None where it holds."""
    spec = make_spec(chunk_size=K)
    policy = FunctionPolicy(spec, lambda seen: rows(seen.stamp_ns // STEP_NS))
    execution = ExecutionSpec(mode, max_jump=None, options=options)
    runner = PolicyRunner(spec, VirtualWorker(policy, latency_steps * 0.1), execution)
    found = []
    for step in range(steps):
        runner.observe(observation_at(step * STEP_NS), step * STEP_NS)
        action = runner.act(step * STEP_NS)
        found.append(action.position if isinstance(action, Action) else None)
    return found


def by_queue(latency, played=K, threshold=0, steps=40):
    """LeRobot's queue: at `threshold` rows or fewer a chunk is asked for, which is appended."""
    queue, asked, found = [], None, []
    for step in range(steps):
        if asked is not None and step - asked >= latency:
            queue, asked = queue + list(random_rows(asked)[:played]), None
        if asked is None and len(queue) <= threshold:
            asked = step
            if latency == 0:
                queue, asked = queue + list(random_rows(step)[:played]), None
        found.append(queue.pop(0) if queue else None)
    return found


def by_overlap(latency, merge, threshold=None, steps=40):
    """LeRobot's client: rows keyed by their step, merged where both say something."""
    queue, asked, found = {}, None, []
    for step in range(steps):
        if latency > 0:
            queue, asked = receive(queue, asked, latency, step, merge)
        if asked is None and (threshold is None or len(queue) <= threshold):
            asked = step
        if latency == 0:
            queue, asked = receive(queue, asked, latency, step, merge)
        found.append(queue.pop(step, None))
    return found


def receive(queue, asked, latency, step, merge):
    """What is there after what was asked for, if it has come."""
    if asked is None or step - asked < latency:
        return queue, asked
    left = sum(i >= step for i in queue)
    new = {asked + i: row for i, row in enumerate(random_rows(asked)) if asked + i >= step}
    return {
        i: merge(queue[i], row, i - step, left) if i in queue else row for i, row in new.items()
    }, None


def assert_same(found, expected):
    assert [row is None for row in found] == [row is None for row in expected]
    for a, b in zip(found, expected, strict=True):
        if a is not None:
            np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("latency", [0, 1, 3])
@pytest.mark.parametrize("threshold", [0, 2, 5])
def test_append_is_the_queue_of_lerobot(latency, threshold):
    assert_same(commands("append", latency, queue_rows=threshold), by_queue(latency, K, threshold))


@pytest.mark.parametrize("latency", [0, 1, 3])
@pytest.mark.parametrize("rows", [1, 3, K])
def test_replan_is_the_queue_of_select_action(latency, rows):
    assert_same(commands("replan", latency, replan_rows=rows), by_queue(latency, rows))


@pytest.mark.parametrize("latency", [0, 1, 3])
def test_newest_without_a_fade_is_what_is_called_aligned(latency):
    assert_same(commands("newest", latency), by_overlap(latency, lambda old, new, j, left: new))


@pytest.mark.parametrize("latency", [0, 1, 3])
@pytest.mark.parametrize("k", [1, 3, 20])
def test_blended_is_a_ramp_over_k_rows(latency, k):
    def ramp(old, new, j, left):
        n = min(k, left)
        w = min((j + 1) / (n + 1), 1.0)
        return (1 - w) * old + w * new

    assert_same(commands("blended", latency, blend_rows=k), by_overlap(latency, ramp))


@pytest.mark.parametrize("latency", [0, 1, 3])
@pytest.mark.parametrize("queue_share", [0.5, 1.0])
def test_weighted_is_the_mean_of_the_asynchronous_client(latency, queue_share):
    expected = by_overlap(latency, lambda old, new, j, left: 0.3 * old + 0.7 * new, queue_share * K)
    assert_same(commands("weighted", latency, queue_share=queue_share), expected)


def plain(value: float):
    return np.full((K, 2), value)


def test_a_late_chunk_begins_at_its_first_row_in_a_queue_and_at_now_by_time():
    """A ramp of 0.1 a step, seen at step 0, there at step 3: the queue is three steps behind."""

    def ramp(step):
        return np.repeat(0.1 * (step + np.arange(K))[:, None], 2, axis=1)

    late = [c if c is None else round(float(c[0]), 6) for c in commands("replan", 3, 6, ramp)]
    timed = [c if c is None else round(float(c[0]), 6) for c in commands("blended", 3, 6, ramp)]
    assert late == [None, None, None, 0.0, 0.1, 0.2]
    assert timed == [None, None, None, 0.3, 0.4, 0.5]


def test_the_ramp_in_numbers():
    """At 0 until a chunk of 1 comes: over 4 rows that is 0.2, 0.4, 0.6, 0.8, then 1."""
    mode = make_mode(ExecutionSpec("blended", options={"blend_rows": 4}), make_spec(chunk_size=K))
    policy = FunctionPolicy(make_spec(chunk_size=K), lambda seen: plain(float(seen.stamp_ns > 0)))
    for step in (0, 1):
        mode.add(policy.infer(observation_at(step * STEP_NS)).chunk)
        mode.expire(step * STEP_NS)
    ramp = [float(mode.target((1 + j) * STEP_NS)[0]) for j in range(6)]
    assert ramp == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_between_rows_and_off_their_times_a_queue_interpolates_within_a_chunk():
    mode = make_mode(ExecutionSpec("append"), make_spec(chunk_size=2))
    policy = FunctionPolicy(make_spec(chunk_size=2), lambda seen: np.array([[0.0], [1.0]]))
    mode.add(policy.infer(observation_at(0)).chunk)
    mode.expire(30_000_000)  # 30 ms: its rows are at 30 and 130 ms, and it ends at 230 ms
    assert float(mode.target(80_000_000)[0]) == pytest.approx(0.5)
    assert float(mode.target(180_000_000)[0]) == pytest.approx(1.0)
    assert not mode.wants_inference(229_000_000)
    assert mode.wants_inference(230_000_000)
    mode.expire(230_000_000)
    assert (mode.live, mode.newest) == (0, None)


def test_what_they_are_called():
    assert text_of(ExecutionSpec("append")) == "append, asks at 0 rows"
    assert text_of(ExecutionSpec("replan")) == "replan, after all rows"
    assert text_of(ExecutionSpec("blended")) == "blended over 5 rows"
    assert text_of(ExecutionSpec("weighted")) == "weighted, 0.3 old + 0.7 new, asks at 50%"


@pytest.mark.parametrize(
    ("mode", "options", "text"),
    [
        ("replan", {"replan_rows": 9}, "replan_rows is 9, expected at most chunk_size, 8"),
        ("replan", {"replan_rows": -1}, "replan_rows"),
        ("blended", {"blend_rows": 0}, "blend_rows"),
        ("weighted", {"new_share": 1.5}, "new_share"),
        ("append", {"rows": 3}, "unknown parameter 'rows'"),
    ],
)
def test_options_that_cannot_be(mode, options, text):
    with pytest.raises((ConfigurationError, BundleError), match=text):
        make_mode(ExecutionSpec(mode, options=options), make_spec(chunk_size=K))
