"""Inference that happens elsewhere: its chunks come by the topic instead of a thread."""

from __future__ import annotations

from collections import deque

from act_core.timing import NS_PER_S, Clock, MonotonicClock

from act_policy.inference_worker import Failure, Outcome
from act_policy.observation import Observation
from act_policy.policy import Inference


class RemoteWorker:
    """An `InferenceWorker` that is given its outcomes. The other side infers all the time; what was
    not asked for is left out where the mode plays its chunks for a while.

    Args:
        on_demand: take one chunk for each observation that was submitted, not more.
        clock: monotonic.
    """

    waits = "no chunk has come from the inference side for"

    def __init__(self, on_demand: bool = False, clock: Clock | None = None) -> None:
        self._on_demand = on_demand
        self._clock = clock if clock is not None else MonotonicClock()
        self._done: deque[Outcome] = deque(maxlen=16)
        self._waiting_since_ns: int | None = None

    def receive(self, outcome: Inference | Failure) -> None:
        """A chunk that was taken, or why one was refused."""
        if self._on_demand and self._waiting_since_ns is None:
            return
        if isinstance(outcome, Inference):
            self._waiting_since_ns = None
        self._done.append(outcome)

    def submit(self, observation: Observation, now_ns: int) -> None:
        if self._waiting_since_ns is None:
            self._waiting_since_ns = self._clock.now_ns()

    def collect(self, now_ns: int) -> list[Outcome]:
        outcomes = []
        while self._done:
            outcomes.append(self._done.popleft())
        return outcomes

    def busy_s(self, now_ns: int) -> float | None:
        since_ns = self._waiting_since_ns
        return None if since_ns is None else (self._clock.now_ns() - since_ns) / NS_PER_S

    def reset(self) -> None:
        self._done.clear()
        self._waiting_since_ns = None

    def close(self) -> None:
        self.reset()
