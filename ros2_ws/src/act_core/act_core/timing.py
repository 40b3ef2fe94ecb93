"""Absolute periodic schedules, and what they really did.

Intervals and deadlines use the monotonic clock in integer nanoseconds. Stamps of messages are ROS
time and live elsewhere; the two are never subtracted from each other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

NS_PER_S = 1_000_000_000


def to_ns(seconds: float) -> int:
    """Seconds as the nearest whole number of nanoseconds."""
    return round(seconds * NS_PER_S)


class Clock(Protocol):
    """What a loop needs of time; injected, so that tests run without waiting."""

    def now_ns(self) -> int:
        """Monotonic time [ns]."""
        ...

    def sleep_until_ns(self, t_ns: int) -> None:
        """Returns at ``t_ns`` or, when that has passed, at once."""
        ...


class MonotonicClock:
    """The machine's monotonic clock."""

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def sleep_until_ns(self, t_ns: int) -> None:
        while (left_ns := t_ns - time.monotonic_ns()) > 0:
            time.sleep(left_ns / NS_PER_S)


class FakeClock:
    """A clock that moves only when told to or slept on."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def sleep_until_ns(self, t_ns: int) -> None:
        self._now_ns = max(self._now_ns, t_ns)

    def advance(self, seconds: float) -> None:
        """Lets ``seconds`` pass; raises ValueError for a negative number: time has no way back."""
        if seconds < 0:
            raise ValueError(f"a monotonic clock cannot go back, got {seconds} s")
        self._now_ns += to_ns(seconds)


@dataclass(frozen=True)
class Tick:
    """One turn of a loop."""

    index: int  # k: the tick that was due at t0 + k * period
    due_ns: int
    lateness_s: float  # how long after it was due the loop woke up
    skipped: int  # ticks given up just before this one because the loop was more than a period late


class PeriodicSchedule:
    """Tick k is due at t0 + k * period, whatever happened to the ticks before it.

    A tick that starts late runs late; the next one is back on the grid. Ticks that are already more
    than one period late are skipped, never run in a burst to catch up::

        period 10 ms   t0        10        20        30        40        50
        due             0         1         2         3         4         5
        runs            0         1---- takes 23 ms ----3     4         5
                                           (2 skipped)  (3 runs 3 ms late)

    Tick 1 ends at 33 ms: tick 2 (due at 20) is more than a period late and is skipped; tick 3 (due
    at 30) runs 3 ms late; tick 4 runs at 40 ms again.
    """

    def __init__(self, period_s: float, clock: Clock | None = None) -> None:
        if not (np.isfinite(period_s) and to_ns(period_s) > 0):
            raise ValueError(f"period_s must be at least 1e-9 s, got {period_s}")
        self.period_ns = to_ns(period_s)
        self._clock = clock if clock is not None else MonotonicClock()
        self._t0_ns: int | None = None
        self._next = 0

    def wait(self) -> Tick:
        """Sleeps until the next tick is due. The first call sets t0 and returns at once."""
        now_ns = self._clock.now_ns()
        if self._t0_ns is None:
            self._t0_ns = now_ns
        # The oldest tick that is at most one period late.
        earliest = -((self._t0_ns + self.period_ns - now_ns) // self.period_ns)
        index = max(self._next, earliest)
        skipped = index - self._next
        due_ns = self._t0_ns + index * self.period_ns
        self._clock.sleep_until_ns(due_ns)
        self._next = index + 1
        return Tick(index, due_ns, (self._clock.now_ns() - due_ns) / NS_PER_S, skipped)


class LoopStatistics(NamedTuple):
    """Lateness of a loop's ticks [s] over a window, and counts since the start."""

    p50_s: float
    p99_s: float
    p999_s: float
    max_s: float
    ticks: int
    overruns: int  # ticks that began more than one period late or had others skipped before them
    skipped: int

    def as_values(self) -> Mapping[str, str]:
        """For a diagnostics message: milliseconds and counts as text."""
        return {
            "lateness_p50_ms": f"{1e3 * self.p50_s:.3f}",
            "lateness_p99_ms": f"{1e3 * self.p99_s:.3f}",
            "lateness_p99.9_ms": f"{1e3 * self.p999_s:.3f}",
            "lateness_max_ms": f"{1e3 * self.max_s:.3f}",
            "ticks": str(self.ticks),
            "overruns": str(self.overruns),
            "skipped": str(self.skipped),
        }


class LoopStats:
    """Lateness of a loop over its last ``window`` ticks; recording allocates nothing."""

    def __init__(self, window: int = 10_000) -> None:
        if window < 1:
            raise ValueError(f"window must be at least 1 tick, got {window}")
        self._lateness_s = np.zeros(window)
        self._ticks = 0
        self._overruns = 0
        self._skipped = 0

    def record(self, tick: Tick) -> None:
        """Takes in one tick of a `PeriodicSchedule`."""
        self._lateness_s[self._ticks % len(self._lateness_s)] = tick.lateness_s
        self._ticks += 1
        self._overruns += tick.skipped > 0
        self._skipped += tick.skipped

    def snapshot(self) -> LoopStatistics | None:
        """The percentiles over the window, or None before the first tick."""
        if not self._ticks:
            return None
        window = self._lateness_s[: self._ticks]
        p50, p99, p999 = np.percentile(window, [50, 99, 99.9])
        return LoopStatistics(
            float(p50), float(p99), float(p999), float(window.max()),
            self._ticks, self._overruns, self._skipped,
        )  # fmt: skip
