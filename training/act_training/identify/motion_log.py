"""What a bag tells of a motion: what was sent to the servos, and where the joints were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FORGETTING_RAD = 0.3  # more than any sag, play and friction together
GAP_S, RECOVERY_S = 0.05, 1.0  # of messages that come every 10 ms


@dataclass(frozen=True)
class MotionLog:
    """Joint targets that were really sent and measured positions, in the order of `JOINT_NAMES`.

    Times are seconds since the first of all stamps, and rise.
    """

    name: str
    command_s: Array  # (C,)
    command_rad: Array  # (C, 6)
    state_s: Array  # (N,)
    position_rad: Array  # (N, 6)

    def counts(self) -> NDArray[np.bool_]:
        """(N, 6) which measurements tell of the servos, and not of what nobody recorded.

        A joint counts once its target has travelled `FORGETTING_RAD`: before, friction and play may
        hold it where something else has put it. None counts for `RECOVERY_S` after a gap.
        """
        way = np.abs(np.diff(self.command_rad, axis=0, prepend=self.command_rad[:1])).cumsum(axis=0)
        latest = np.searchsorted(self.command_s, self.state_s, side="right") - 1
        counts = (latest >= 0)[:, None] & (way[np.maximum(latest, 0)] > FORGETTING_RAD)
        for times_s in (self.state_s, self.command_s):
            for begin_s in times_s[:-1][np.diff(times_s) > GAP_S]:
                since_s = self.state_s - begin_s
                counts[(since_s > 0.0) & (since_s < RECOVERY_S)] = False
        return counts

    @property
    def duration_s(self) -> float:
        return float(self.state_s[-1] - self.state_s[0])

    def between(self, begin_s: float, end_s: float) -> MotionLog:
        """The measurements of an interval, with all commands before its end."""
        inside = (self.state_s >= begin_s) & (self.state_s < end_s)
        sent = self.command_s < end_s
        return MotionLog(
            self.name,
            self.command_s[sent],
            self.command_rad[sent],
            self.state_s[inside],
            self.position_rad[inside],
        )
