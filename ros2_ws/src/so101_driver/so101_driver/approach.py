"""Brings the arm to a pose slowly, from where it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from act_core.limits import JointLimits
from act_core.timing import NS_PER_S, to_ns
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]

# A soft servo is up to 0.3 rad behind a fast command. One that stays further behind is not coming:
# it is blocked, or its driver holds it.
LEFT_BEHIND_RAD, LEFT_BEHIND_S = 0.6, 0.5


class Guidance(NamedTuple):
    """What the arm is told in one period."""

    position_rad: Vector | None  # (J,); None: nothing, so that the arm holds
    is_there: bool  # the command is the target
    why: str  # it is on its way, or why there is no command


class Approach:
    """Commands that move every joint towards a target at no more than ``speed_rad_s``.

    They start where the arm is. After every interruption (the arm was silent for ``max_age_s``, or
    stayed behind its commands) they begin again from there, so that an arm that comes free does not
    leap.

    Example (one joint, 0.5 rad/s, 100 periods a second): from 0 to 0.012 rad the commands are
    0.005, 0.010 and 0.012.

    Times are monotonic [ns]; arrays (J,) [rad] in the order of the limits' names. The target is
    moved inside the limits.
    """

    def __init__(
        self,
        target_rad: ArrayLike,
        limits: JointLimits,
        period_s: float,
        speed_rad_s: float = 0.5,
        max_age_s: float = 0.2,
    ) -> None:
        self._target: Vector = np.clip(target_rad, limits.lower_rad, limits.upper_rad)
        self._step_rad = speed_rad_s * period_s
        self._max_age_ns = to_ns(max_age_s)
        self._arm: tuple[int, Vector] | None = None
        self._command: Vector | None = None  # last one; None: begin where the arm is
        self._behind_since_ns: int | None = None

    def measured(self, position_rad: ArrayLike, now_ns: int) -> None:
        """Takes in where the arm is."""
        self._arm = now_ns, np.asarray(position_rad, dtype=np.float64)

    def next(self, now_ns: int) -> Guidance:
        """The command of this period."""
        silence = self._silence(now_ns)
        if silence is not None or self._arm is None:
            self._command = None
            return Guidance(None, False, silence or "")
        here = self._arm[1]
        if self._command is None or self._is_left_behind(self._command - here, now_ns):
            self._command, self._behind_since_ns = here, None
        gap = self._target - self._command
        self._command = self._command + np.clip(gap, -self._step_rad, self._step_rad)
        is_there = bool((np.abs(gap) <= self._step_rad).all())
        return Guidance(self._command, is_there, "there" if is_there else "on its way")

    def _is_left_behind(self, distance_rad: Vector, now_ns: int) -> bool:
        if np.abs(distance_rad).max() < LEFT_BEHIND_RAD:
            self._behind_since_ns = None
            return False
        if self._behind_since_ns is None:
            self._behind_since_ns = now_ns
        return now_ns - self._behind_since_ns >= to_ns(LEFT_BEHIND_S)

    def _silence(self, now_ns: int) -> str | None:
        if self._arm is None:
            return "waiting for the arm's position"
        if now_ns - self._arm[0] > self._max_age_ns:
            return f"the arm has been silent for more than {self._max_age_ns / NS_PER_S:g} s"
        return None
