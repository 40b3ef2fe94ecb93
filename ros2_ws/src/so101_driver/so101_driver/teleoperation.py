"""Makes one arm follow another: slowly until they are at the same place, then at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from act_core.limits import JointLimits
from act_core.timing import NS_PER_S, to_ns
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]

APPROACHING, FOLLOWING = "approaching", "following"
# A soft servo is up to 0.3 rad behind a fast command. One that stays further behind is not coming:
# it is blocked, or its driver holds it.
LEFT_BEHIND_RAD, LEFT_BEHIND_S = 0.6, 0.5


class Guidance(NamedTuple):
    """What the follower is told in one period."""

    position_rad: Vector | None  # (J,); None: nothing, so that the follower holds
    state: str  # APPROACHING, FOLLOWING, or why there is no command


class Teleoperation:
    """Turns the leader's positions into commands for the follower.

    The approach starts where the follower is and moves every joint towards the leader at no more
    than ``approach_rad_s``; it ends when all are within ``arrived_rad``. From then on the leader's
    position, inside the follower's limits, is the command. After every interruption (either arm was
    silent for ``max_age_s``, the follower stayed behind its commands, a stop, a start) it begins
    again with the approach, so that an arm that comes free does not leap.

    Example (one joint, 0.5 rad/s, 100 periods a second, arrived at 0.05 rad): follower at 0, leader
    held at 0.104 rad: the commands are 0.005, 0.010, ..., 0.055 and then 0.104. A leader that moves
    away meanwhile is approached, never jumped to.

    Times are monotonic [ns]; arrays (J,) [rad] in the order of the limits' names.
    """

    def __init__(
        self,
        limits: JointLimits,
        period_s: float,
        approach_rad_s: float = 0.5,
        arrived_rad: float = 0.05,
        max_age_s: float = 0.2,
    ) -> None:
        self._limits = limits
        self._step_rad = approach_rad_s * period_s
        self._arrived_rad = arrived_rad
        self._max_age_ns = to_ns(max_age_s)
        self._leader: tuple[int, Vector] | None = None
        self._follower: tuple[int, Vector] | None = None
        self._command: Vector | None = None  # last one; None: begin with the approach
        self._following = False
        self._behind_since_ns: int | None = None
        self._stopped: str | None = None

    def leader(self, position_rad: ArrayLike, now_ns: int) -> None:
        """Takes in where the leader is."""
        self._leader = now_ns, np.asarray(position_rad, dtype=np.float64)

    def follower(self, position_rad: ArrayLike, now_ns: int) -> None:
        """Takes in where the follower is."""
        self._follower = now_ns, np.asarray(position_rad, dtype=np.float64)

    def stop(self, reason: str) -> None:
        """Ends the commands until `start`."""
        self._stopped = reason

    def start(self) -> None:
        """Begins with the approach."""
        self._stopped = None
        self._command = None

    def next(self, now_ns: int) -> Guidance:
        """The command of this period."""
        obstacle = self._stopped or self._silent("leader", self._leader, now_ns)
        obstacle = obstacle or self._silent("follower", self._follower, now_ns)
        if obstacle or self._leader is None or self._follower is None:
            self._command = None
            return Guidance(None, obstacle or "")
        if self._command is None or self._is_left_behind(self._follower[1], now_ns):
            self._command, self._following = self._follower[1], False
            self._behind_since_ns = None
        target = np.clip(self._leader[1], self._limits.lower_rad, self._limits.upper_rad)
        gap = target - self._command
        self._following = self._following or bool((np.abs(gap) <= self._arrived_rad).all())
        if self._following:
            self._command = target
            return Guidance(target, FOLLOWING)
        self._command = self._command + np.clip(gap, -self._step_rad, self._step_rad)
        return Guidance(self._command, APPROACHING)

    def _is_left_behind(self, follower_rad: Vector, now_ns: int) -> bool:
        if self._command is None or np.abs(self._command - follower_rad).max() < LEFT_BEHIND_RAD:
            self._behind_since_ns = None
            return False
        if self._behind_since_ns is None:
            self._behind_since_ns = now_ns
        return now_ns - self._behind_since_ns >= to_ns(LEFT_BEHIND_S)

    def _silent(self, who: str, heard: tuple[int, Vector] | None, now_ns: int) -> str | None:
        if heard is None:
            return f"waiting for the {who}'s position"
        age_ns = now_ns - heard[0]
        if age_ns > self._max_age_ns:
            return f"the {who} has been silent for more than {self._max_age_ns / NS_PER_S:g} s"
        return None
