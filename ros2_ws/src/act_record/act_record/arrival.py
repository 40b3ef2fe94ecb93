"""The time at which a message came, where time is simulated."""

from __future__ import annotations

from bisect import bisect_right, insort
from typing import NamedTuple

KEPT = 10_000  # announcements of the time: 10 s of a simulation ten times as fast as reality


class _Tick(NamedTuple):
    published_ns: int
    simulated_ns: int


class SimulatedArrival:
    """Takes a message to have come at the simulated time of its publication.

    A simulation in its own time may run faster than its listeners look. By the clock at which
    they look, their delay would count as the age of the messages, although nothing was late. So
    ``/clock`` and the messages are put into the order of their publication (the middleware's
    times, of one machine).
    """

    def __init__(self) -> None:
        self._ticks: list[_Tick] = []  # by publication

    @property
    def newest_ns(self) -> int:
        """The simulated time [ns] as far as it is known; 0 before it begins."""
        return self._ticks[-1].simulated_ns if self._ticks else 0

    def add_clock(self, published_ns: int, simulated_ns: int) -> None:
        """Takes in a message of ``/clock``."""
        insort(self._ticks, _Tick(published_ns, simulated_ns))
        if len(self._ticks) > KEPT:
            del self._ticks[: KEPT // 2]

    def time_ns(self, published_ns: int, stamp_ns: int | None) -> int:
        """When a message with this stamp (None: without one) came, in simulated time [ns].

        Never before its stamp: the clock that goes with it may not have been handed over yet.
        """
        after = bisect_right(self._ticks, published_ns, key=lambda tick: tick.published_ns)
        simulated_ns = self._ticks[after - 1].simulated_ns if after else 0
        return max(simulated_ns, stamp_ns or 0)
