"""A periodic thread on an absolute schedule."""

from __future__ import annotations

import threading
from collections.abc import Callable

from act_core.realtime import request_fifo
from act_core.timing import Clock, LoopStats, PeriodicSchedule


class ControlLoop:
    """Calls ``tick`` at ``rate_hz`` from a thread of its own until `close`.

    Args:
        tick: one turn; what it raises goes to ``on_error`` and the loop goes on.
        rate_hz: of the schedule.
        on_error: gets the exception of a failed turn.
        priority: SCHED_FIFO priority to ask for; 0 for none, and none where it is refused.
        clock: monotonic.
    """

    def __init__(
        self,
        tick: Callable[[], None],
        rate_hz: float,
        on_error: Callable[[Exception], None],
        priority: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self._tick = tick
        self._on_error = on_error
        self._priority = priority
        self._schedule = PeriodicSchedule(1.0 / rate_hz, clock)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self.stats = LoopStats()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Ends the loop after its present turn."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        request_fifo(self._priority)
        while not self._closing.is_set():
            self.stats.record(self._schedule.wait())
            try:
                self._tick()
            except Exception as error:  # a loop that ended would leave the arm without commands
                self._on_error(error)
