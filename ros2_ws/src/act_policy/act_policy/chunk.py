"""A chunk of actions: K targets on a time line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from act_core.timing import NS_PER_S
from numpy.typing import NDArray

# Stamps are whole nanoseconds, so a row's time is off by up to 1e-9 s * rate: 5e-7 rows at 500 Hz.
ROW_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Chunk:
    """The targets that one inference predicted.

    Row i is the target for ``stamp_ns + i / rate_hz``; between rows the target is interpolated,
    and the last row holds for one more row period::

        rate 10 Hz, K = 3   row 0      row 1      row 2
        time [ms]             0         100        200        300
        target               1.0        2.0        4.0
        at 150 ms: 3.0     at 250 ms: 4.0     at 300 ms: over

    Attributes:
        stamp_ns: ROS time of the observation behind it.
        rate_hz: rows per second.
        rows: (K, A) float64, read-only.
    """

    stamp_ns: int
    rate_hz: float
    rows: NDArray[np.float64]

    def __post_init__(self) -> None:
        rows = np.array(self.rows, dtype=np.float64)  # a copy, so that nobody else can change it
        rows.setflags(write=False)
        object.__setattr__(self, "rows", rows)

    def position(self, t_ns: int) -> float:
        """The row, with fraction, that time ``t_ns`` falls on; negative before the observation."""
        return (t_ns - self.stamp_ns) * self.rate_hz / NS_PER_S

    def predicts(self, t_ns: int) -> bool:
        """Whether ``t_ns`` is not past the last row."""
        return self.position(t_ns) <= len(self.rows) - 1 + ROW_TOLERANCE

    def covers(self, t_ns: int) -> bool:
        """Whether the chunk is not over yet at ``t_ns``: one period longer than `predicts`."""
        return self.position(t_ns) < len(self.rows) - ROW_TOLERANCE

    def target(self, t_ns: int) -> NDArray[np.float64]:
        """(A,) at ``t_ns``; times outside the chunk get its first or last row."""
        last = len(self.rows) - 1
        position = min(max(self.position(t_ns), 0.0), last)
        row = min(int(position), max(last - 1, 0))
        return self.rows[row] + (position - row) * (self.rows[min(row + 1, last)] - self.rows[row])

    @cached_property
    def top_speed(self) -> NDArray[np.float64]:
        """(A,) the largest change from one row to the next, per second."""
        if len(self.rows) < 2:
            return np.zeros(self.rows.shape[1])
        return np.abs(np.diff(self.rows, axis=0)).max(axis=0) * self.rate_hz
