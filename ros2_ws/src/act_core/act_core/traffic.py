"""What really came or went in the last second."""

from __future__ import annotations

import threading
from collections import deque

from act_core.timing import NS_PER_S, Clock, MonotonicClock, to_ns


class Traffic:
    """Counts messages of one kind by a steady clock, whatever time their stamps tell.

    Filled by one thread and read by another. A status derives its words from here: what a node
    means to do is no proof that it does it.

    Example: messages at 0.0, 0.4 and 1.2 s. At 1.3 s the rate is 2 Hz (those of the last second)
    and the age 0.1 s; at 2.5 s the rate is 0 and the age 1.3 s.

    Args:
        clock: monotonic.
        window_s: what counts as "the last second".
    """

    def __init__(self, clock: Clock | None = None, window_s: float = 1.0) -> None:
        self._clock = clock if clock is not None else MonotonicClock()
        self._window_ns = to_ns(window_s)
        self._lock = threading.Lock()
        self._times_ns: deque[int] = deque()  # in the window
        self._last_ns: int | None = None
        self._total = 0

    def count(self) -> None:
        """One message came or went now."""
        now_ns = self._clock.now_ns()
        with self._lock:
            self._total += 1
            self._last_ns = now_ns
            self._times_ns.append(now_ns)
            self._forget(now_ns)

    @property
    def rate_hz(self) -> float:
        """Messages of the last second, per second."""
        with self._lock:
            self._forget(self._clock.now_ns())
            return len(self._times_ns) * NS_PER_S / self._window_ns

    @property
    def age_s(self) -> float | None:
        """How long ago the last one was; None before the first."""
        if self._last_ns is None:
            return None
        return (self._clock.now_ns() - self._last_ns) / NS_PER_S

    @property
    def total(self) -> int:
        """Messages since the start."""
        return self._total

    def as_values(self, name: str) -> dict[str, str]:
        """For a diagnostics message: ``<name>_rate_hz``, ``<name>_age_s`` and ``<name>``, the total
        count."""
        age_s = self.age_s
        return {
            name: str(self.total),
            f"{name}_rate_hz": f"{self.rate_hz:.1f}",
            f"{name}_age_s": "never" if age_s is None else f"{age_s:.3f}",
        }

    def _forget(self, now_ns: int) -> None:
        """Drops what is older than the window. Of a thread that holds the lock."""
        while self._times_ns and self._times_ns[0] <= now_ns - self._window_ns:
            self._times_ns.popleft()
