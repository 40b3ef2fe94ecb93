"""One chunk at a time: the newest, or one played for a number of rows before the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from act_policy.chunk import ROW_TOLERANCE, Chunk


class ChunkBuffer:
    """Plays the chunk with the newest observation; the same methods as `TemporalEnsemble`.

    Args:
        open_loop_rows: ask for the next inference once so many rows were played; None asks with
            every observation (receding horizon). The old chunk plays on until the new one is there,
            so with an inference of L rows there is no pause when open_loop_rows + L is at most K.
    """

    def __init__(self, open_loop_rows: int | None = None) -> None:
        self._open_loop_rows = open_loop_rows
        self._chunk: Chunk | None = None

    def clear(self) -> None:
        """Forgets the chunk."""
        self._chunk = None

    def add(self, chunk: Chunk) -> None:
        """Takes in a chunk unless the one there has a newer observation."""
        if self._chunk is None or chunk.stamp_ns >= self._chunk.stamp_ns:
            self._chunk = chunk

    def expire(self, t_ns: int) -> None:
        """Drops the chunk if it is over at ``t_ns``."""
        if self._chunk is not None and not self._chunk.covers(t_ns):
            self._chunk = None

    def wants_inference(self, t_ns: int) -> bool:
        """Whether an observation of ``t_ns`` is due to be inferred."""
        if self._chunk is None or self._open_loop_rows is None:
            return True
        return self._chunk.position(t_ns) >= self._open_loop_rows - ROW_TOLERANCE

    @property
    def live(self) -> int:
        return 0 if self._chunk is None else 1

    @property
    def newest(self) -> Chunk | None:
        return self._chunk

    def target(self, t_ns: int) -> NDArray[np.float64]:
        """(A,) at ``t_ns``; there must be a chunk."""
        assert self._chunk is not None
        return self._chunk.target(t_ns)

    def top_speed(self) -> NDArray[np.float64]:
        """(A,) the chunk's fastest row-to-row change per second; there must be one."""
        assert self._chunk is not None
        return self._chunk.top_speed
