"""Whether a policy knows what it wants: do the plans of one second agree about the next moments?"""

from __future__ import annotations

from collections import deque

import numpy as np
from act_core.timing import NS_PER_S, to_ns
from numpy.typing import NDArray

from act_policy.chunk import Chunk

KEPT_S = 1.0  # plans that were made within it are compared
AHEAD_S = (0.0, 0.1, 0.2, 0.3)  # times after the newest plan's observation: where they are
LEAST = 3  # plans; fewer do not tell a spread
SUSTAINED_S = 1.0  # above the limit for so long, they disagree


class PlanSpread:
    """How far the plans of the last second are apart where they speak of the same time.

    For each time that `AHEAD_S` tells, the standard deviation over the plans; of these the mean,
    and of the joints the largest. A policy that repeats itself has a spread of nearly nothing. One
    that wants to the left now and to the right a moment later does not move in the mean of an
    ensemble, and its spread says why.

    Example: plans that say 0.2, -0.2, 0.2 and -0.2 rad for the same times: the spread is 0.2 rad.

    Args:
        limit: in the output's unit; None: nothing is too far apart.
    """

    def __init__(self, limit: float | None = None) -> None:
        self._limit = limit
        self._chunks: deque[Chunk] = deque()
        self._above_ns: int | None = None  # since then it has been above the limit
        self._newest_ns = 0
        self.value: float | None = None  # in the output's unit; None: too few plans

    def clear(self) -> None:
        """What was planned is of no interest any more."""
        self._chunks.clear()
        self.value = self._above_ns = None

    def add(self, chunk: Chunk) -> None:
        """A plan that was just made."""
        chunks, now_ns = self._chunks, chunk.stamp_ns
        chunks.append(chunk)
        while chunks[0].stamp_ns < now_ns - to_ns(KEPT_S):
            chunks.popleft()
        spreads = [s for ahead_s in AHEAD_S if (s := self._at(now_ns, ahead_s)) is not None]
        self.value = float(np.mean(spreads, axis=0).max()) if spreads else None
        self._newest_ns = now_ns
        if self._limit is None or self.value is None or self.value <= self._limit:
            self._above_ns = None
        elif self._above_ns is None:
            self._above_ns = now_ns

    @property
    def problem(self) -> str | None:
        """What is wrong with them, for people; None: nothing."""
        if self._above_ns is None or self._newest_ns - self._above_ns < to_ns(SUSTAINED_S):
            return None
        return f"its plans disagree: they are {self.value:.2f} rad apart (limit {self._limit:g})"

    def _at(self, stamp_ns: int, ahead_s: float) -> NDArray[np.float64] | None:
        t_ns = stamp_ns + round(ahead_s * NS_PER_S)
        targets = [chunk.target(t_ns) for chunk in self._chunks if chunk.predicts(t_ns)]
        return np.std(targets, axis=0) if len(targets) >= LEAST else None
