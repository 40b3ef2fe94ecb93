from __future__ import annotations

import threading

import numpy as np
import pytest
from act_core.timing import FakeClock
from act_policy.inference_worker import Failure, ThreadWorker, VirtualWorker
from act_policy.mailbox import Mailbox
from act_policy.policy import PolicyError

from tests.act_policy.policies import FunctionPolicy, make_spec, observation_at
from tests.ros_rig import PATIENCE_S

MS = 1_000_000
DEADLINE_S = PATIENCE_S


def zeros(observation) -> np.ndarray:
    return np.zeros((4, 2))


def virtual(latency_s=0.0, rows=zeros) -> tuple[VirtualWorker, FunctionPolicy]:
    policy = FunctionPolicy(make_spec(), rows)
    return VirtualWorker(policy, latency_s), policy


def stamps_ms(outcomes) -> list[float]:
    return [outcome.chunk.stamp_ns / MS for outcome in outcomes]


def test_virtual_inference_takes_its_latency_in_the_callers_time():
    worker, _ = virtual(0.1)
    worker.submit(observation_at(0), 0)
    assert worker.busy_s(40 * MS) == pytest.approx(0.04)
    assert worker.collect(99 * MS) == []
    (done,) = worker.collect(100 * MS)
    assert done.chunk.stamp_ns == 0
    assert done.latency_s == 0.1
    assert worker.busy_s(100 * MS) is None
    assert worker.collect(100 * MS) == []


def test_virtual_inference_without_latency_is_there_at_once():
    worker, _ = virtual(0.0)
    worker.submit(observation_at(5 * MS), 5 * MS)
    assert stamps_ms(worker.collect(5 * MS)) == [5]


def test_virtual_mailbox_keeps_the_newest_and_never_interrupts():
    worker, policy = virtual(0.1)
    for t_ms in (0, 31, 62, 93):
        worker.submit(observation_at(t_ms * MS), t_ms * MS)
    # The first ends at 100 ms; then the newest that waited starts, and ends at 200 ms.
    assert stamps_ms(worker.collect(250 * MS)) == [0, 93]
    assert policy.seen == [0, 93 * MS]


def test_the_example_of_the_mailbox():
    frames_ms = (0, 33, 67, 100)
    for inference_s, second in ((0.075, 67), (0.095, 100)):
        worker, policy = virtual(inference_s)
        for t_ms in frames_ms:
            worker.submit(observation_at(t_ms * MS), t_ms * MS)
        worker.collect(100 * MS)
        assert policy.seen == [0, second * MS]


def test_a_single_observation_waits_for_as_long_as_it_takes():
    mailbox = Mailbox()
    assert mailbox.take(0) is None
    mailbox.put(observation_at(1), 0)
    assert mailbox.take(10**12).stamp_ns == 1
    assert mailbox.take(10**12) is None
    mailbox.put(observation_at(2), 2 * 10**12)
    mailbox.clear()
    assert mailbox.take(2 * 10**12) is None


def test_virtual_latency_may_vary():
    latencies = iter([0.1, 0.02])
    worker, _ = virtual(lambda: next(latencies))
    worker.submit(observation_at(0), 0)
    worker.submit(observation_at(80 * MS), 80 * MS)
    assert stamps_ms(worker.collect(100 * MS)) == [0]
    assert stamps_ms(worker.collect(120 * MS)) == [80]


def test_virtual_reset_forgets_what_is_in_work():
    worker, _ = virtual(0.1)
    worker.submit(observation_at(0), 0)
    worker.submit(observation_at(10 * MS), 10 * MS)
    worker.reset()
    assert worker.collect(1000 * MS) == []


def test_an_exception_becomes_a_failure():
    def fail(observation):
        raise PolicyError("3 of 8 values are not finite")

    worker, _ = virtual(0.0, fail)
    worker.submit(observation_at(0), 0)
    assert worker.collect(0) == [Failure("PolicyError: 3 of 8 values are not finite")]


class GatedPolicy:
    """Infers only when the test opens the gate, and says when it has started."""

    def __init__(self) -> None:
        self.inner = FunctionPolicy(make_spec(), zeros)
        self.spec = self.inner.spec
        self.started = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)

    def infer(self, observation):
        self.started.release()
        assert self.gate.acquire(timeout=DEADLINE_S)
        return self.inner.infer(observation)


@pytest.fixture
def gated():
    policy, clock = GatedPolicy(), FakeClock()
    worker = ThreadWorker(policy, clock=clock)
    yield policy, worker, clock
    policy.gate.release(100)
    worker.close()


def next_outcomes(worker, policy) -> list:
    """Opens the gate once and waits for what comes of it: the next start, or the result."""
    policy.gate.release()
    ended = threading.Event()
    for _ in range(int(DEADLINE_S / 0.002)):
        outcomes = worker.collect(0)
        if outcomes:
            return outcomes
        ended.wait(0.002)  # nothing sets it: a short pause between two looks
    raise AssertionError("the inference did not end")


def test_thread_keeps_the_newest_observation(gated):
    policy, worker, _ = gated
    worker.submit(observation_at(0), 0)
    assert policy.started.acquire(timeout=DEADLINE_S)
    for t_ms in (1, 2, 3):
        worker.submit(observation_at(t_ms * MS), 0)
    assert stamps_ms(next_outcomes(worker, policy)) == [0]
    assert policy.started.acquire(timeout=DEADLINE_S)
    assert stamps_ms(next_outcomes(worker, policy)) == [3]
    assert policy.inner.seen == [0, 3 * MS]


def test_thread_tells_how_long_it_has_been_busy(gated):
    policy, worker, clock = gated
    assert worker.busy_s(0) is None
    worker.submit(observation_at(0), 0)
    assert policy.started.acquire(timeout=DEADLINE_S)
    clock.advance(2.5)
    assert worker.busy_s(0) == pytest.approx(2.5)
    next_outcomes(worker, policy)
    assert worker.busy_s(0) is None


def test_thread_drops_results_from_before_a_reset(gated):
    policy, worker, _ = gated
    worker.submit(observation_at(0), 0)
    assert policy.started.acquire(timeout=DEADLINE_S)
    worker.submit(observation_at(1 * MS), 0)
    worker.reset()
    worker.submit(observation_at(2 * MS), 0)
    policy.gate.release()
    assert policy.started.acquire(timeout=DEADLINE_S)
    assert stamps_ms(next_outcomes(worker, policy)) == [2]


def test_a_hanging_inference_does_not_keep_close(gated):
    policy, worker, _ = gated
    worker.submit(observation_at(0), 0)
    assert policy.started.acquire(timeout=DEADLINE_S)
    worker.close(timeout_s=0.01)
    assert worker.busy_s(0) is not None


def test_thread_runs_what_it_is_told_first():
    names = []
    worker = ThreadWorker(GatedPolicy(), lambda: names.append(threading.current_thread().name))
    worker.close()
    assert names == ["inference"]
