"""Where inference happens: a thread beside the control loop, or virtual time for evaluation.

Both keep a `Mailbox` of one: a newer observation replaces one that waits, never the one in work.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

from act_core.timing import NS_PER_S, Clock, MonotonicClock, to_ns

from act_policy.mailbox import Mailbox
from act_policy.observation import Observation
from act_policy.policy import Inference, Policy


class Failure(NamedTuple):
    """An inference that raised, with its text."""

    reason: str


Outcome = Inference | Failure


class InferenceWorker(Protocol):
    """Infers observations one at a time; nothing here blocks but `close`."""

    waits: str
    """What `busy_s` counts, in words before a time."""

    def submit(self, observation: Observation, now_ns: int) -> None:
        """Puts an observation into the mailbox, in place of one that still waits there."""
        ...

    def collect(self, now_ns: int) -> list[Outcome]:
        """What has finished since the last call, oldest first."""
        ...

    def busy_s(self, now_ns: int) -> float | None:
        """For how long the inference in work has been running; None when idle."""
        ...

    def reset(self) -> None:
        """Forgets the mailbox, what has finished and, once it ends, what is in work."""
        ...

    def close(self) -> None:
        """Ends the worker."""
        ...


class ThreadWorker:
    """Infers in a thread of its own (the engine releases the GIL while it computes).

    Args:
        policy: called from that thread only.
        on_start: runs first in the thread, e.g. to choose its cores.
        clock: monotonic.
        on_done: gets each outcome in that thread, in place of `collect`.
    """

    waits = "one has been running for"

    def __init__(
        self,
        policy: Policy,
        on_start: Callable[[], object] | None = None,
        clock: Clock | None = None,
        on_done: Callable[[Outcome], object] | None = None,
    ) -> None:
        self._policy = policy
        self._on_start = on_start
        self._on_done = on_done
        self._clock = clock if clock is not None else MonotonicClock()
        self._wake = threading.Condition()
        self._mailbox = Mailbox()
        # Each outcome with its epoch. Shared without a lock: appending and popping are atomic, and
        # the control loop, which collects, must never wait for a thread of low priority.
        self._done: deque[tuple[int, Outcome]] = deque(maxlen=16)
        self._epoch = 0
        self._started_ns: int | None = None
        self._closing = False
        # A daemon: an engine that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    def submit(self, observation: Observation, now_ns: int) -> None:
        with self._wake:
            self._mailbox.put(observation, self._clock.now_ns())
            self._wake.notify()

    def collect(self, now_ns: int) -> list[Outcome]:
        outcomes = []
        while self._done:
            epoch, outcome = self._done.popleft()
            if epoch == self._epoch:
                outcomes.append(outcome)
        return outcomes

    def busy_s(self, now_ns: int) -> float | None:
        started_ns = self._started_ns
        return None if started_ns is None else (self._clock.now_ns() - started_ns) / NS_PER_S

    def reset(self) -> None:
        with self._wake:
            self._epoch += 1
            self._mailbox.clear()

    def close(self, timeout_s: float = 1.0) -> None:
        """Ends the thread, or leaves it behind when an inference does not return in time."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        if self._on_start is not None:
            self._on_start()
        while True:
            with self._wake:
                while not self._closing:
                    observation = self._mailbox.take(self._clock.now_ns())
                    if observation is not None:
                        break
                    self._wake.wait()
                else:
                    return
                epoch = self._epoch
            self._started_ns = self._clock.now_ns()
            outcome = _infer(self._policy, observation)
            self._started_ns = None
            if self._on_done is not None and epoch == self._epoch:
                self._on_done(outcome)
            elif self._on_done is None:
                self._done.append((epoch, outcome))


class VirtualWorker:
    """Infers at once but hands the result over after a chosen latency, in the caller's time.

    The same calls give the same outcomes, so that "what would 100 ms of inference cost?" can be
    answered in simulation, faster or slower than real time.

    Args:
        policy: called inside `submit` or `collect`.
        latency_s: of every inference, or a function that returns the next one.
    """

    waits = "one has been running for"

    def __init__(self, policy: Policy, latency_s: float | Callable[[], float] = 0.0) -> None:
        self._policy = policy
        self._latency_s = latency_s if callable(latency_s) else lambda: float(latency_s)
        self._mailbox = Mailbox()
        self._work: _VirtualWork | None = None
        self._done: list[Outcome] = []

    def submit(self, observation: Observation, now_ns: int) -> None:
        self._advance(now_ns)
        self._mailbox.put(observation, now_ns)
        if self._work is None:
            self._start(now_ns)

    def collect(self, now_ns: int) -> list[Outcome]:
        self._advance(now_ns)
        outcomes, self._done = self._done, []
        return outcomes

    def busy_s(self, now_ns: int) -> float | None:
        return None if self._work is None else (now_ns - self._work.start_ns) / NS_PER_S

    def reset(self) -> None:
        self._mailbox.clear()
        self._work, self._done = None, []

    def close(self) -> None:
        self.reset()

    def _start(self, start_ns: int) -> None:
        observation = self._mailbox.take(start_ns)
        if observation is None:
            return
        latency_s = self._latency_s()
        outcome = _infer(self._policy, observation)
        if isinstance(outcome, Inference):
            outcome = Inference(outcome.chunk, latency_s)
        self._work = _VirtualWork(start_ns, start_ns + to_ns(latency_s), outcome)

    def _advance(self, now_ns: int) -> None:
        while self._work is not None and self._work.end_ns <= now_ns:
            work, self._work = self._work, None
            self._deliver(work.outcome, work.end_ns)
            self._start(work.end_ns)

    def _deliver(self, outcome: Outcome, end_ns: int) -> None:
        """Hands over what ended at ``end_ns``; a way that takes time is a subclass's."""
        self._done.append(outcome)


class _VirtualWork(NamedTuple):
    start_ns: int
    end_ns: int
    outcome: Outcome


def _infer(policy: Policy, observation: Observation) -> Outcome:
    # Whatever an engine raises must become a reason to hold: the arm has no other use for it.
    try:
        return policy.infer(observation)
    except Exception as error:
        return Failure(f"{type(error).__name__}: {error}")
