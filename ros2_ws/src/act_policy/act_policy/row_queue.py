"""Chunks one after the other, by rows instead of by time: what programs without stamps do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from act_core.timing import NS_PER_S
from numpy.typing import NDArray

from act_policy.chunk import ROW_TOLERANCE, Chunk


class Played(NamedTuple):
    """A chunk whose rows are played from ``start_ns`` to ``end_ns`` [ns]."""

    start_ns: int
    end_ns: int
    seen: Chunk  # as it came
    rows: Chunk  # its rows that are played, on the time at which they are


class RowQueue:
    """Plays the first rows of each chunk, from row 0 on, when those before it have been played.

    Nothing asks what a row was meant for: a chunk that comes late is played late, and while the
    queue is empty there is no plan, so that the arm is held. Example: rows 0, 1, 2, 3 at 10 Hz, of
    which 3 are played, asked for when the queue is empty, and there 100 ms later::

        t [ms]      0    100   200   300   400   500   600   700
        row         -    0     1     2     -     0     1     2
                    ask                    ask

    Args:
        rows: of each chunk that are played.
        rate_hz: rows per second.
        queue_rows: the next chunk is asked for when so many rows or fewer are left.
    """

    def __init__(self, rows: int, rate_hz: float, queue_rows: int = 0) -> None:
        self._count = rows
        self._period_ns = NS_PER_S / rate_hz
        self._queue_rows = queue_rows
        self.clear()

    def clear(self) -> None:
        """Forgets every chunk."""
        self._arrived: list[Chunk] = []  # since the last command
        self._queue: list[Played] = []

    def add(self, chunk: Chunk) -> None:
        """Appends a chunk; its place is that of the next command, or behind those that wait."""
        self._arrived.append(chunk)

    def expire(self, t_ns: int) -> None:
        """Appends what has come since the last command and drops what was played by ``t_ns``."""
        tolerance_ns = ROW_TOLERANCE * self._period_ns
        self._queue = [each for each in self._queue if each.end_ns - tolerance_ns > t_ns]
        for chunk in self._arrived:
            start_ns = self._queue[-1].end_ns if self._queue else t_ns
            rows = Chunk(start_ns, chunk.rate_hz, chunk.rows[: self._count])
            end_ns = round(start_ns + len(rows.rows) * self._period_ns)
            self._queue.append(Played(start_ns, end_ns, chunk, rows))
        self._arrived = []

    def wants_inference(self, t_ns: int) -> bool:
        """Whether so few rows are left at ``t_ns`` that the next chunk is due."""
        if self._arrived or not self._queue:
            return not self._arrived
        left = (self._queue[-1].end_ns - t_ns) / self._period_ns
        return left <= self._queue_rows + ROW_TOLERANCE

    @property
    def live(self) -> int:
        return len(self._queue) + len(self._arrived)

    @property
    def newest(self) -> Chunk | None:
        if self._arrived:
            return self._arrived[-1]
        return self._queue[-1].seen if self._queue else None

    def target(self, t_ns: int) -> NDArray[np.float64]:
        """(A,) at ``t_ns``; the queue must not be empty."""
        for each in self._queue:
            if t_ns < each.end_ns:
                break
        return each.rows.target(t_ns)

    def top_speed(self) -> NDArray[np.float64]:
        """(A,) the fastest row-to-row change per second of the chunks in the queue."""
        return np.max([each.rows.top_speed for each in self._queue], axis=0)
