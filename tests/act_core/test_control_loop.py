from __future__ import annotations

import contextlib
import os
import threading

import pytest
from act_core.control_loop import ControlLoop
from act_core.realtime import as_ordinary_thread, fifo_is_granted, request_fifo
from act_core.timing import FakeClock

from tests.ros_rig import PATIENCE_S


class Ticker:
    """Counts turns on a fake clock, in which a turn takes what the test says; ends after some."""

    def __init__(self, turns: int, costs_s=lambda turn: 0.0) -> None:
        self.clock = FakeClock()
        self.starts_ms: list[float] = []
        self.errors: list[Exception] = []
        self.done = threading.Event()
        self._turns, self._costs_s = turns, costs_s

    def __call__(self) -> None:
        turn = len(self.starts_ms)
        if turn == self._turns:
            self.done.set()
            return
        self.starts_ms.append(self.clock.now_ns() / 1e6)
        self.clock.advance(self._costs_s(turn))
        if turn == 1:
            raise RuntimeError("one bad turn")

    def run(self, rate_hz: float) -> ControlLoop:
        loop = ControlLoop(self, rate_hz, self.errors.append, priority=0, clock=self.clock)
        loop.start()
        assert self.done.wait(PATIENCE_S)
        loop.close()
        return loop


def test_runs_on_the_grid_and_survives_a_bad_turn():
    ticker = Ticker(6, lambda turn: 0.023 if turn == 1 else 0.0)
    loop = ticker.run(100.0)
    assert ticker.starts_ms == [0, 10, 33, 40, 50, 60]
    assert [str(error) for error in ticker.errors] == ["one bad turn"]
    assert loop.stats.snapshot().skipped == 1


def test_close_before_start_does_nothing():
    ControlLoop(lambda: None, 10.0, print).close()


def test_priority_is_granted_or_refused_but_never_fatal():
    granted = fifo_is_granted(10)
    assert granted in (True, False)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER  # tried elsewhere, not here
    assert request_fifo(0) is False
    assert fifo_is_granted(1000) is False


@pytest.mark.skipif(not fifo_is_granted(1), reason="needs permission for SCHED_FIFO (rtprio)")
def test_a_thread_gives_its_priority_back_for_a_while():
    seen = []

    def work() -> None:
        request_fifo(1)
        seen.append(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK)
        with contextlib.suppress(ZeroDivisionError), as_ordinary_thread():
            seen.append(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK)
            raise ZeroDivisionError
        seen.append(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK)
        child = threading.Thread(target=lambda: seen.append(os.sched_getscheduler(0)))
        child.start()
        child.join()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [os.SCHED_FIFO, os.SCHED_OTHER, os.SCHED_FIFO, os.SCHED_OTHER]
