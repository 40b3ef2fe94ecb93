"""How far the goal of a joint may be from where the joint is.

A servo pushes with a force that grows with the distance to its goal. A goal that runs ahead of a
joint which cannot follow (something is in its way, its servo is hot, without power or switched off)
stores a jump: the joint makes it at full speed as soon as it can. So a goal is on a leash that its
joint holds. The lengths at the servos' setting P = 16, where 0.37 rad is full duty::

    the joint has no force            0 rad      the goal goes where the joint sinks
    it is caught while it falls,      0.1 rad    so it is stopped and not fetched back
    or its servo was silent
    the arm stands still              0.2 rad    half of the motor's force
    it moves, v is its speed limit    0.2 rad + 0.057 s v    0.37 rad at 3 rad/s

From rest and over the longest leash the emulated joint gets as fast as 2.5 rad/s. Gravity needs
0.1 rad of it (stretched arm), motion at 3 rad/s another 0.2 rad.
"""

from __future__ import annotations

import numpy as np
from act_core.limits import JointLimits
from numpy.typing import NDArray

from so101_driver.calibration import Vector

HOLDING_RAD = 0.2
LAG_S = 0.057
CATCH_RAD, CATCH_READINGS = 0.1, 30
SILENT_READINGS = 5  # in a row: what such a servo did meanwhile is not known
USUAL_P = 16  # LeRobot's, which the lengths are for: at half of it the servo lags twice as far
STILL_S = 0.2  # without motion of the goals; joints have caught up with them then


class Leash:
    """The bounds of goals, from what was measured. All arrays (6,).

    Args:
        limits: of the joints; their speeds count.
        p: of the servos' position loop.
        grips: joints that press on something for their work: their leash does not get shorter.
    """

    def __init__(self, limits: JointLimits, p: int, grips: NDArray[np.bool_]) -> None:
        softer = USUAL_P / p
        self._moving = softer * (HOLDING_RAD + LAG_S * limits.max_velocity_rad_s)
        self._holding = np.where(grips, self._moving, softer * HOLDING_RAD)
        self._caught = softer * CATCH_RAD
        self._catching = np.zeros(len(self._moving), dtype=np.int64)  # readings left
        self._unheard = np.zeros(len(self._moving), dtype=np.int64)  # readings in a row
        self._is_back = np.zeros(len(self._moving), dtype=bool)  # heard again by the last reading
        self.returned = self._is_back  # (6,) joints that were silent, and of which `here` is right
        self._recent = np.zeros((3, len(self._moving)))  # (3, 6) readings
        self._last = 0

    def reset(self, position_rad: Vector, caught: NDArray[np.bool_]) -> None:
        """Begins with joints at a position that is beyond doubt; ``caught`` may be falling."""
        self._recent[:] = position_rad
        self._catching[:] = np.where(caught, CATCH_READINGS, 0)

    def catch(self, joints: NDArray[np.bool_]) -> None:
        """Joints (6,) that were moving when force came back to them."""
        self._catching = np.where(joints, CATCH_READINGS, self._catching)

    def see(self, position_rad: Vector, heard: NDArray[np.bool_]) -> None:
        """One reading of the joints that were heard."""
        self._last = (self._last + 1) % 3
        self.returned = heard & self._is_back  # two of three readings are new
        is_back = self._is_back = heard & (self._unheard >= SILENT_READINGS)
        self._unheard = np.where(heard, 0, self._unheard + 1)
        self._catching = np.where(is_back, CATCH_READINGS, np.maximum(self._catching - 1, 0))
        self._recent[self._last] = np.where(heard, position_rad, self.here)

    @property
    def here(self) -> Vector:
        """Where the joints are: the middle one of three readings, so that a damaged one is none."""
        a, b, c = self._recent
        return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))

    def is_far(self, goals_rad: Vector) -> NDArray[np.bool_]:
        """(6,) joints that are further from goals (6,) than one that holds them can be."""
        return np.abs(goals_rad - self.here) > self._holding

    def reach(self, limp: NDArray[np.bool_], stands_still: bool) -> tuple[Vector, Vector]:
        """Lowest and highest goals: ``limp`` are joints without force."""
        length = self._holding if stands_still else self._moving
        length = np.where(self._catching > 0, self._caught, length)
        length = np.where(limp, 0.0, length)
        here = self.here
        return here - length, here + length
