"""The policy's plans as the console has heard them: the newest, and the mean of those alive."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from act_core.timing import NS_PER_S
from act_policy.chunk import Chunk
from act_policy.temporal_ensemble import TemporalEnsemble
from numpy.typing import NDArray

POINTS = 25  # of a curve: more are not seen


class Plans:
    """Chunks of one set of joints, of which curves are made.

    The mean is that of `act_policy.temporal_ensemble`, the code that the policy runs, with the
    paper's weights; a policy in another mode may play something else of them.
    """

    def __init__(self) -> None:
        self.joints: tuple[str, ...] = ()
        self._ensemble = TemporalEnsemble()

    def forget(self) -> None:
        """No chunk is known any more."""
        self._ensemble.clear()

    def add(
        self, joints: Sequence[str], stamp_ns: int, rows: Sequence[Sequence[float]], row_s: float
    ) -> None:
        """A chunk came. ValueError for one that is none.

        rows: (K, J) [rad]; row_s: the time between two of them.
        """
        values = np.asarray(rows, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(joints) or not len(values):
            raise ValueError(f"a chunk of {len(joints)} joints has the shape {values.shape}")
        if not np.isfinite(values).all() or not row_s > 0:
            raise ValueError("a chunk holds numbers that are not finite")
        newest = self._ensemble.newest
        chunk = Chunk(stamp_ns, 1.0 / row_s, values)
        is_other = newest is not None and (
            tuple(joints) != self.joints
            or newest.rows.shape != values.shape
            or abs(newest.rate_hz - chunk.rate_hz) > 1e-6
            or stamp_ns < newest.stamp_ns  # a clock that began again
        )
        if is_other:
            self._ensemble.clear()
        self.joints = tuple(joints)
        self._ensemble.add(chunk)

    def curves(self, now_ns: int) -> dict[str, list[list[float]]]:
        """What is still to come of the newest chunk, and of the mean: each (<= POINTS, J) [rad]."""
        self._ensemble.expire(now_ns)
        newest = self._ensemble.newest
        if newest is None:
            return {"newest": [], "mean": []}
        end_ns = newest.stamp_ns + round((len(newest.rows) - 1) / newest.rate_hz * NS_PER_S)
        times = np.linspace(now_ns, max(end_ns, now_ns), POINTS).astype(np.int64)
        return {
            "newest": [_rounded(newest.target(int(t))) for t in times],
            "mean": [_rounded(self._mean(int(t))) for t in times],
        }

    def _mean(self, t_ns: int) -> NDArray[np.float64]:
        """Chunks that are over at ``t_ns`` answer with their last row, which is what they knew."""
        return self._ensemble.target(t_ns)


def _rounded(row: NDArray[np.float64]) -> list[float]:
    return [round(float(value), 4) for value in row]
