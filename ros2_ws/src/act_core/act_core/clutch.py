"""Changes hands without a jump: offsets between who commands an arm and where the arm is.

Letters: J joints. Steps are changes of one control period [rad].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from act_core.limits import JointLimits, clip

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

BRAKE = 0.75  # of the joints' greatest acceleration: an arm in motion comes to rest with it

# Of the person's own motion, the offset loses a quarter, at most 0.3 rad/s: nobody notices that the
# arm is a little faster or slower than the hand.
FADE_SHARE, FADE_RAD_S = 0.25, 0.3
# A hand that rests trembles, and an encoder has 1.5 mrad a tick: less is no motion.
REST_RAD = 0.005
CROSSED_RAD = 0.05  # a gripper this close to the arm's has met it

# What is left to a policy after it got the arm back fades with time, at most 4 mrad in a period of
# 10 ms.
RETURN_S, RETURN_RAD_S = 0.15, 0.4
GONE_RAD = 1e-5


class Offset:
    """Target = source + offset; at first the target goes on as the arm was moving, and brakes.

    Args:
        limits: of the J joints that the source moves.
        period_s: of the control loop.
    """

    def __init__(self, limits: JointLimits, period_s: float) -> None:
        self._period_s = period_s
        self._brake = BRAKE * limits.max_acceleration_rad_s2 * period_s**2
        count = len(limits.names)
        self._offset = np.zeros(count)
        self._rate = np.zeros(count)  # of the offset, a period
        self._speed = np.zeros(count)  # of the target, a period
        self._settled = np.zeros(count, dtype=bool)
        self._source = np.zeros(count)

    @property
    def largest_rad(self) -> float:
        """Of the offsets that are left."""
        return float(np.abs(self._offset).max())

    def engage(self, arm_rad: Vector, arm_step_rad: Vector, source_rad: Vector) -> Vector:
        """Begins: the arm's target was ``arm_rad`` (J,), moving by ``arm_step_rad`` a period, and
        the source is at ``source_rad``. Returns the next target (J,)."""
        target = arm_rad + arm_step_rad
        self._offset = target - source_rad
        self._speed = arm_step_rad.copy()
        self._source = source_rad.copy()
        self._rate = np.zeros_like(target)
        self._settled = np.zeros(len(target), dtype=bool)
        return target

    def map(self, source_rad: Vector, periods: int) -> Vector:
        """The target (J,) for a source that has come to ``source_rad`` within so many periods."""
        if periods > 0:
            moved = self._felt(source_rad - self._source) / periods
            self._source = source_rad.copy()
            most, wanted = self._brake * periods, self._wanted_rate(periods)
            # At first the target's own speed comes to the source's, however that one leaps.
            gap = moved + wanted - self._speed
            self._speed = self._speed + clip(gap, -most, most)
            follows = self._rate + clip(wanted - self._rate, -most, most)
            self._rate = np.where(self._settled, follows, self._speed - moved)
            self._settled = self._settled | (np.abs(gap) <= most)
            self._offset = self._offset + self._rate * periods
            self._fade(periods)
        return source_rad + self._offset

    def slip(self, change_rad: Vector) -> None:
        """The target could not go where the source wanted it, and differs by ``change_rad`` (J,):
        the source's way back moves it again at once."""
        self._offset = self._offset + change_rad

    def _wanted_rate(self, periods: int) -> Vector:
        """(J,) what the offset's change of a period is to become, for so many periods."""
        return np.zeros_like(self._offset)

    def _felt(self, moved_rad: Vector) -> Vector:
        """(J,) what the arm feels of the source's motion."""
        return moved_rad

    def _fade(self, periods: int) -> None:
        """The offset after another so many periods."""


class Clutch(Offset):
    """A person's device moves an arm that is somewhere else.

    Nothing moves until the person does. Each joint's offset fades with the motion of that joint, by
    `FADE_SHARE` of it, so that hand and arm come to be at the same place in the course of the work.
    A gripper stays as it is, and holds what it holds, until the person's has met it; then it
    follows. To let go and to engage again re-centres.

    Example (one joint, device at 0.5 rad, arm at 0, both at rest): device 0.5 and 0.5: arm 0. The
    device moves to 0.505, which may be a tremor, and by 4 mrad a period on to 0.705: the arm is at
    0.255, since the offset of -0.5 has become -0.45.

    Args:
        limits: of the device's J joints.
        grippers: (J,) which of them open and close a hand.
        period_s: of the control loop.
    """

    def __init__(self, limits: JointLimits, grippers: Mask, period_s: float) -> None:
        super().__init__(limits, period_s)
        self._grippers = grippers
        self._apart = grippers.copy()  # grippers that have not met yet
        self._side = np.zeros(len(grippers))  # where the device's gripper was seen from the arm's
        self._anchor = np.zeros(len(grippers))

    def engage(self, arm_rad: Vector, arm_step_rad: Vector, source_rad: Vector) -> Vector:
        """See `Offset.engage`."""
        target = super().engage(arm_rad, arm_step_rad, source_rad)
        self._anchor = source_rad.copy()
        self._side = np.sign(source_rad - target)
        self._apart = self._grippers & (np.abs(source_rad - target) > CROSSED_RAD)
        return target

    def _felt(self, moved_rad: Vector) -> Vector:
        if not self._apart.any():
            return moved_rad
        self._offset = self._offset - np.where(self._apart, moved_rad, 0.0)
        return np.where(self._apart, 0.0, moved_rad)

    def _fade(self, periods: int) -> None:
        if self._apart.any():
            gap = -self._offset
            self._apart &= (np.sign(gap) == self._side) & (np.abs(gap) > CROSSED_RAD)
        beyond = self._source - self._anchor
        moved = np.sign(beyond) * np.maximum(np.abs(beyond) - REST_RAD, 0.0)
        self._anchor = self._anchor + moved
        fade = np.minimum(FADE_SHARE * np.abs(moved), FADE_RAD_S * self._period_s * periods)
        fade = np.where(self._apart, 0.0, np.minimum(fade, np.abs(self._offset)))
        self._offset = self._offset - np.sign(self._offset) * fade


class HandBack(Offset):
    """A policy gets back an arm that is not where its plan is: the rest fades with time.

    Position and velocity go on, and the difference goes by no more than `RETURN_RAD_S`, so that in
    one period of 10 ms it adds 4 mrad to the policy's own motion at most.
    """

    @property
    def is_over(self) -> bool:
        """Whether nothing is left of it."""
        return bool(self._settled.all()) and self.largest_rad < GONE_RAD

    def _wanted_rate(self, periods: int) -> Vector:
        most = RETURN_RAD_S * self._period_s
        share = min(periods * self._period_s / RETURN_S, 1.0) / periods
        return -np.maximum(np.minimum(self._offset * share, most), -most)
