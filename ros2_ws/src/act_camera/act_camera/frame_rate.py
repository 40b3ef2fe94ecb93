"""How regularly frames come."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from act_core.timing import NS_PER_S, to_ns


class FrameRate(NamedTuple):
    """Frames over the last seconds."""

    rate_hz: float
    interval_p50_s: float
    interval_p99_s: float
    interval_max_s: float


class FrameRateMeter:
    """Rate and intervals of the frames of the last ``window_s``, by the time they were taken."""

    def __init__(self, window_s: float = 5.0) -> None:
        self._window_ns = to_ns(window_s)
        self._captured_ns: deque[int] = deque()

    def record(self, captured_ns: int) -> None:
        """Takes in one frame [ns, monotonic]; earlier ones than the last start the count afresh."""
        if self._captured_ns and captured_ns < self._captured_ns[-1]:
            self._captured_ns.clear()
        self._captured_ns.append(captured_ns)
        self._drop_before(captured_ns - self._window_ns)

    def snapshot(self, now_ns: int) -> FrameRate | None:
        """None while there are fewer than two frames in the window that ends now."""
        self._drop_before(now_ns - self._window_ns)
        if len(self._captured_ns) < 2:
            return None
        intervals_s = np.diff(np.array(self._captured_ns)) / NS_PER_S
        p50, p99 = np.percentile(intervals_s, [50, 99])
        rate_hz = 1.0 / max(float(intervals_s.mean()), 1e-9)
        return FrameRate(rate_hz, float(p50), float(p99), float(intervals_s.max()))

    def _drop_before(self, oldest_ns: int) -> None:
        while self._captured_ns and self._captured_ns[0] < oldest_ns:
            self._captured_ns.popleft()
