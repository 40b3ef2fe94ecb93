"""ACT's temporal ensemble, indexed by time instead of by calls.

Letters: N live chunks, K rows of a chunk, A values of an action.
"""

from __future__ import annotations

import numpy as np
from act_core.timing import NS_PER_S
from numpy.typing import NDArray

from act_policy.chunk import Chunk


class TemporalEnsemble:
    """The weighted mean of what every live chunk says about one time.

    Weights are exp(-m i), i = 0 for the oldest chunk (Zhao et al. 2023, section IV.B and algorithm
    2, m = 0.01): small m trusts new observations sooner, negative m prefers the newest::

        rate 10 Hz, K = 4, m = 0       t [ms]    0     100    200    300    400
        chunk seen at   0 ms                    1.0    1.0    1.0    1.0
        chunk seen at 100 ms                           2.0    2.0    2.0    2.0
        chunk seen at 300 ms                                         6.0    6.0
        mean                                    1.0    1.5    1.5    3.0    4.0

    At 200 ms no inference had finished: the others still answer, and nothing shifts. At 400 ms the
    first chunk is over. Between rows every chunk is interpolated (see `Chunk`).

    Args:
        m: decay of the weights; finite.
        capacity: chunks kept; the oldest leaves when there are more.
    """

    def __init__(self, m: float = 0.01, capacity: int = 256) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1 chunk, got {capacity}")
        self._m = m
        self._capacity = capacity
        self.clear()

    def clear(self) -> None:
        """Forgets every chunk."""
        self._chunks: list[Chunk] = []
        self._stack()

    def add(self, chunk: Chunk) -> None:
        """Takes in a chunk of the same rate and shape as the others, in any order."""
        self._chunks.append(chunk)
        self._chunks.sort(key=lambda c: c.stamp_ns)
        del self._chunks[: -self._capacity]
        self._stack()

    def expire(self, t_ns: int) -> None:
        """Drops the chunks that predict nothing for ``t_ns``.

        The newest stays for as long as its last row holds, so that one chunk alone plays whole; a
        last row that only holds has no say among others that know where to go.
        """
        live = [chunk for chunk in self._chunks if chunk.predicts(t_ns)]
        if not live and self._chunks and self._chunks[-1].covers(t_ns):
            live = self._chunks[-1:]
        if len(live) != len(self._chunks):
            self._chunks = live
            self._stack()

    def wants_inference(self, t_ns: int) -> bool:
        """Always: every new observation is worth a chunk."""
        return True

    @property
    def live(self) -> int:
        return len(self._chunks)

    @property
    def newest(self) -> Chunk | None:
        return self._chunks[-1] if self._chunks else None

    def target(self, t_ns: int) -> NDArray[np.float64]:
        """(A,) at ``t_ns``; a chunk must be live. Those that do not cover ``t_ns`` answer with
        their first or last row: `expire` decides who answers."""
        position = (t_ns - self._stamps_ns) * (self._rate_hz / NS_PER_S)  # (N,)
        position = np.clip(position, 0.0, self._last_row)
        lower = position.astype(np.intp)
        upper = np.minimum(lower + 1, self._last_row)
        below = self._rows[self._index, lower]  # (N, A)
        above = self._rows[self._index, upper]
        targets = below + (position - lower)[:, None] * (above - below)
        return self._weights @ targets

    def top_speed(self) -> NDArray[np.float64]:
        """(A,) the fastest row-to-row change per second of any live chunk; one must be live."""
        return self._top_speed

    def _stack(self) -> None:
        """Arranges the chunks for `target`, which runs far more often than they change."""
        if not self._chunks:
            return
        self._rate_hz = self._chunks[0].rate_hz
        self._stamps_ns = np.array([c.stamp_ns for c in self._chunks], dtype=np.int64)
        self._index = np.arange(len(self._chunks))
        self._rows = np.stack([c.rows for c in self._chunks])  # (N, K, A)
        self._last_row = self._rows.shape[1] - 1
        self._top_speed = np.max([c.top_speed for c in self._chunks], axis=0)
        # Normalised from the largest, so that no m overflows.
        exponent = -self._m * self._index
        weights = np.exp(exponent - exponent.max())
        self._weights = weights / weights.sum()
