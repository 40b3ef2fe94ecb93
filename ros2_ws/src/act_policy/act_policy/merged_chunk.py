"""One chunk at a time, by time, into which the next is merged when it comes."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from act_core.timing import NS_PER_S
from numpy.typing import NDArray

from act_policy.chunk import ROW_TOLERANCE, Chunk


class MergedChunk(ABC):
    """Plays a chunk that is made of the newest one and of what was there before, row by row.

    Rows are merged by the time that they are for, once, at the first command after the chunk came.

    Args:
        ask_rows: ask for the next chunk once so many rows of the newest were played; None asks with
            every observation.
    """

    def __init__(self, ask_rows: float | None = None) -> None:
        self._ask_rows = ask_rows
        self.clear()

    @abstractmethod
    def share(self, rows_on: NDArray[np.float64], overlap: int) -> NDArray[np.float64]:
        """(K,) between 0 and 1: the part of the new chunk in each row.

        Args:
            rows_on: (K,) of each row of the new chunk, how many rows it lies after this command.
            overlap: so many rows from this command on are in the old chunk as well.
        """

    def clear(self) -> None:
        """Forgets the chunk."""
        self._arrived: list[Chunk] = []  # since the last command
        self._newest: Chunk | None = None  # as it came
        self._merged: Chunk | None = None  # what is played
        self._sources: list[Chunk] = []  # the newest that is in it and the one before

    def add(self, chunk: Chunk) -> None:
        """Takes in a chunk unless the one there has a newer observation."""
        if self._newest is None or chunk.stamp_ns >= self._newest.stamp_ns:
            self._newest = chunk
            self._arrived.append(chunk)

    def expire(self, t_ns: int) -> None:
        """Merges what has come since the last command; drops all if it is over at ``t_ns``."""
        for chunk in self._arrived:
            self._merged = self._merge(chunk, t_ns)
            self._sources = [*self._sources[-1:], chunk]
        self._arrived = []
        if self._merged is not None and not self._merged.covers(t_ns):
            self.clear()

    def wants_inference(self, t_ns: int) -> bool:
        """Whether an observation of ``t_ns`` is due to be inferred."""
        if self._newest is None or self._ask_rows is None:
            return True
        return self._newest.position(t_ns) >= self._ask_rows - ROW_TOLERANCE

    @property
    def live(self) -> int:
        return 0 if self._newest is None else 1

    @property
    def newest(self) -> Chunk | None:
        return self._newest

    def target(self, t_ns: int) -> NDArray[np.float64]:
        """(A,) at ``t_ns``; there must be a chunk."""
        assert self._merged is not None
        return self._merged.target(t_ns)

    def top_speed(self) -> NDArray[np.float64]:
        """(A,) the fastest row-to-row change per second of the last two chunks as the policy made
        them: a step that only merging makes is no motion that the policy wants."""
        return np.max([chunk.top_speed for chunk in self._sources], axis=0)

    def _merge(self, chunk: Chunk, t_ns: int) -> Chunk:
        old = self._merged
        if old is None or not old.predicts(t_ns):
            return chunk
        count = len(chunk.rows)
        times_ns = [chunk.stamp_ns + round(i * NS_PER_S / chunk.rate_hz) for i in range(count)]
        known = np.array([old.predicts(time_ns) for time_ns in times_ns])
        rows_on = np.arange(count, dtype=np.float64) - chunk.position(t_ns)
        overlap = int(np.sum(known & (rows_on >= -ROW_TOLERANCE)))
        share = np.where(known, self.share(rows_on, overlap), 1.0)[:, None]
        before = np.array([old.target(time_ns) for time_ns in times_ns])
        return Chunk(chunk.stamp_ns, chunk.rate_hz, (1.0 - share) * before + share * chunk.rows)
