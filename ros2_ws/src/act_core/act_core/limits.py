"""The command limiter that every owner of an actuator applies (driver and simulation alike)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]

ROUNDING_RAD = 1e-9  # a target this close counts as reached

# A quarter turn past a limit. Policies overshoot by tenths of a radian and two calibrations of one
# arm differ by less; a pose in degrees has a joint that is past it unless all are near zero.
FAR_OUTSIDE_RAD = np.pi / 2


@dataclass(frozen=True, eq=False)
class JointLimits:
    """Limits of J joints: names and four (J,) arrays, in rad, rad/s and rad/s^2.

    Raises ValueError for wrong lengths, non-finite numbers, an empty range or a limit that is not
    above zero.
    """

    names: tuple[str, ...]
    lower_rad: Vector
    upper_rad: Vector
    max_velocity_rad_s: Vector
    max_acceleration_rad_s2: Vector

    def __post_init__(self) -> None:
        for field in fields(self)[1:]:
            value = np.array(getattr(self, field.name), dtype=np.float64)
            if value.shape != (len(self.names),):
                raise ValueError(
                    f"{field.name} has shape {value.shape}, expected ({len(self.names)},): "
                    f"one for each of {', '.join(self.names)}"
                )
            if not np.isfinite(value).all():
                raise ValueError(f"{field.name} must be finite, got {value.tolist()}")
            if field.name.startswith("max_") and not (value > 0).all():
                raise ValueError(f"{field.name} must be above zero, got {value.tolist()}")
            value.setflags(write=False)
            object.__setattr__(self, field.name, value)
        for name, lower, upper in zip(self.names, self.lower_rad, self.upper_rad, strict=True):
            if lower >= upper:
                raise ValueError(f"{name}: lower limit {lower} is not below upper limit {upper}")

    def part(self, joints: Sequence[int]) -> JointLimits:
        """The limits of some of the joints, by their indices, in that order."""
        chosen = list(joints)
        names = tuple(self.names[i] for i in chosen)
        arrays = (getattr(self, field.name)[chosen] for field in fields(self)[1:])
        return JointLimits(names, *arrays)


def far_outside(position_rad: ArrayLike, limits: JointLimits) -> str | None:
    """What is wrong with a position (J,) of which one joint or more cannot be meant in radians.

    A limiter may clip what is near a limit. What is more than `FAR_OUTSIDE_RAD` past one is of
    another unit, and the other joints of the same position are, too: nothing of it may be followed.
    NaN and infinity are never inside. Applied by `CommandGate` to every command, and meant for
    whatever else takes over a pose: the gate at a policy's start, a replay.

    Example: 25.7 for a joint of +-1.69 rad is ``elbow_flex: 25.7 rad is far outside -1.69 to 1.69:
    probably degrees, expected radians``.
    """
    position = np.asarray(position_rad, dtype=np.float64)
    low, high = limits.lower_rad - FAR_OUTSIDE_RAD, limits.upper_rad + FAR_OUTSIDE_RAD
    inside = (position >= low) & (position <= high)  # false for NaN
    if inside.all():
        return None
    joint = int(np.argmin(inside))
    guess = "probably degrees, expected radians"
    if not np.abs(position[joint]) <= 360.0:
        guess = "no angle, expected radians"
    return (
        f"{limits.names[joint]}: {position[joint]:.4g} rad is far outside "
        f"{limits.lower_rad[joint]:.4g} to {limits.upper_rad[joint]:.4g}: {guess}"
    )


class Limited(NamedTuple):
    """One rule that changed the target of one joint."""

    joint: str
    rule: str  # "non_finite", "position", "velocity", "acceleration" or "reach"
    wanted: float  # [rad]
    sent: float  # [rad]

    def __str__(self) -> str:
        if self.rule == "non_finite":
            return f"{self.joint}: non-finite target {self.wanted} refused, stopping"
        return f"{self.joint}: {self.rule} limit, wanted {self.wanted:.4f}, sent {self.sent:.4f}"


class LimitedCommand(NamedTuple):
    """What is really sent: positions (J,) [rad], and why they differ from what was wanted."""

    position_rad: Vector
    limited: tuple[Limited, ...]


class CommandLimiter:
    """Turns wanted joint targets into targets that keep every limit, one call per control period.

    A command with a non-finite number is refused as a whole and the joints come to a stop.
    Otherwise position, velocity and acceleration limits hold at once, and a stream of targets that
    keeps them itself passes unchanged and without delay.

    Position limits can always be kept, because the step towards one is never longer than a step
    from which the joint still stops in front of it. Let c be the largest change of the step from
    one period to the next (acceleration x period^2). A joint that takes the step s and then brakes
    as hard as it may travels s + (s - c) + (s - 2c) + ... (positive terms), which is the straight
    line (k + 1) s - c k (k + 1) / 2 for k c <= s <= (k + 1) c. Solved for s, with d the distance
    left: s = d / (k + 1) + c k / 2, where k = floor((sqrt(1 + 8 d / c) - 1) / 2).

    The same bound, relative to the target's own motion, lets a joint catch up with a moving target
    without lag and arrive at a resting one without overshoot.

    Example (one joint, +-1 rad, 2 rad/s, 100 rad/s^2, period 0.01 s, so c = 0.01 rad; at rest in
    0): the target 0.06 rad, held, is sent as 0.01, 0.03, 0.05, 0.06. It stands still there.
    """

    def __init__(self, limits: JointLimits, period_s: float) -> None:
        if not (np.isfinite(period_s) and period_s > 0):
            raise ValueError(f"period_s must be finite and above zero, got {period_s}")
        self.limits = limits
        self.period_s = float(period_s)
        self._max_step = limits.max_velocity_rad_s * self.period_s  # (J,) [rad]
        self._max_change = limits.max_acceleration_rad_s2 * self.period_s**2  # (J,) [rad]
        self._position: Vector | None = None  # (J,) last sent
        self._target = np.zeros(len(limits.names))  # (J,) last wanted, inside the position limits
        self._step = np.zeros(len(limits.names))  # (J,) motion of the last period [rad]

    def reset(self, position_rad: ArrayLike) -> LimitedCommand:
        """Starts from a measured position (J,) at rest; a position past a limit is moved onto it.

        The caller decides from ``limited`` whether such a start is acceptable. Raises ValueError
        for a wrong shape or a non-finite number: the state of the arm must be known.
        """
        start = self._checked(position_rad)
        if not np.isfinite(start).all():
            raise ValueError(f"the start position must be finite, got {start.tolist()}")
        inside = clip(start, self.limits.lower_rad, self.limits.upper_rad)
        self._position = self._target = inside
        self._step = np.zeros_like(inside)
        return LimitedCommand(inside.copy(), self._changes("position", start, inside))

    def limit(self, target_rad: ArrayLike) -> LimitedCommand:
        """The next targets (J,) to send. Raises ValueError for a wrong shape or before `reset`."""
        wanted = self._checked(target_rad)
        if not np.isfinite(wanted).all():
            sent = self.stop().position_rad
            refused = np.where(np.isfinite(wanted), sent, wanted)
            return LimitedCommand(sent, self._changes("non_finite", refused, sent))
        target = clip(wanted, self.limits.lower_rad, self.limits.upper_rad)
        sent = self._move(target, self._tracking_step(target, target - self._last_sent()))
        self._target = target
        limited = self._changes("position", wanted, target)
        if (sent != target).any():
            at_full_speed = np.abs(self._step) > self._max_step - ROUNDING_RAD
            rules = np.where(at_full_speed, "velocity", "acceleration")
            limited += self._changes(rules, target, sent)
        return LimitedCommand(sent.copy(), limited)

    def stop(self) -> LimitedCommand:
        """The next targets (J,) of joints that come to rest as soon as acceleration allows."""
        sent = self._move(self._last_sent(), np.zeros(len(self.limits.names)))
        self._target = sent
        return LimitedCommand(sent.copy(), ())

    def confine(self, lowest_rad: Vector, highest_rad: Vector) -> LimitedCommand:
        """Moves what was just sent between two bounds (J,) that follow the measured joints.

        A joint that does not keep up, or has no force, must not find its target far ahead of it
        when it can move again. The position limits hold as well; the motion of a target goes on
        from where this puts it, no faster than the velocity limit.
        """
        before, lower, upper = self._last_sent(), self.limits.lower_rad, self.limits.upper_rad
        sent = clip(before, clip(lowest_rad, lower, upper), clip(highest_rad, lower, upper))
        moved = sent != before
        if not moved.any():
            return LimitedCommand(before.copy(), ())
        step = clip(self._step + sent - before, -self._max_step, self._max_step)
        self._step = np.where(moved, step, self._step)
        self._position = sent
        return LimitedCommand(sent.copy(), self._changes("reach", before, sent))

    def place(self, joints: NDArray[np.bool_], position_rad: Vector) -> Vector:
        """Joints (J,) start anew from a measured position (J,), at rest; the others go on.

        Returns all targets (J,), those placed moved inside the position limits.
        """
        inside = clip(position_rad, self.limits.lower_rad, self.limits.upper_rad)
        self._position = np.where(joints, inside, self._last_sent())
        self._target = np.where(joints, inside, self._target)
        self._step = np.where(joints, 0.0, self._step)
        return self._position.copy()

    @property
    def motion(self) -> tuple[Vector, Vector]:
        """What was sent last (J,), and the step (J,) that led there [rad]. ValueError before the
        first `reset`."""
        return self._last_sent().copy(), self._step.copy()

    def _last_sent(self) -> Vector:
        if self._position is None:
            raise ValueError("reset the limiter to the measured joint positions first")
        return self._position

    def _tracking_step(self, target: Vector, gap: Vector) -> Vector:
        """The step (J,) that closes ``gap`` soonest without overshooting a target in its motion."""
        motion = clip(target - self._target, -self._max_step, self._max_step)
        behind = gap - motion
        if not behind.any():  # a stream that keeps the limits
            return motion
        catch_up = np.sign(behind) * self._stopping_step(np.abs(behind))
        return clip(motion + catch_up, -self._max_step, self._max_step)

    def _move(self, target: Vector, step: Vector) -> Vector:
        """Takes ``step`` (J,), inside the velocity limits, as far as the other limits allow."""
        position, lower, upper = self._last_sent(), self.limits.lower_rad, self.limits.upper_rad
        step = clip(step, self._step - self._max_change, self._step + self._max_change)
        # After the acceleration limit: the two can always be met together (see the class).
        down, up = self._stopping_step(np.array((position - lower, upper - position)))
        step = clip(step, -down, up)
        sent = position + step
        sent = np.where(np.abs(sent - target) < ROUNDING_RAD, target, clip(sent, lower, upper))
        # Without the rounding: braking for it would lead past the target.
        self._step = step
        self._position = sent
        return sent

    def _stopping_step(self, distance: Vector) -> Vector:
        """The longest steps (..., J) from which joints still stop within ``distance`` >= 0."""
        change = self._max_change
        periods = np.floor((np.sqrt(1.0 + 8.0 * distance / change) - 1.0) / 2.0)
        return distance / (periods + 1.0) + change * periods / 2.0

    def _changes(
        self, rule: str | NDArray[np.str_], wanted: Vector, sent: Vector
    ) -> tuple[Limited, ...]:
        changed = np.flatnonzero(wanted != sent)
        if not changed.size:
            return ()
        rules = np.broadcast_to(rule, sent.shape)
        return tuple(
            Limited(self.limits.names[j], str(rules[j]), float(wanted[j]), float(sent[j]))
            for j in changed
        )

    def _checked(self, values: ArrayLike) -> Vector:
        array = np.asarray(values, dtype=np.float64)
        if array.shape != (len(self.limits.names),):
            raise ValueError(
                f"got shape {array.shape}, expected ({len(self.limits.names)},): "
                f"one number for each of {', '.join(self.limits.names)}"
            )
        return array


def clip(values: Vector, lowest: Vector, highest: Vector) -> Vector:
    """Like np.clip, which takes five times as long for six numbers: for every control period."""
    return np.minimum(np.maximum(values, lowest), highest)
