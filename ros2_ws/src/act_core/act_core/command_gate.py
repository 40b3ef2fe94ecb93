"""What stands between a stream of commands and an actuator, in simulation and on the real arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_core.errors import suggest
from act_core.foreign_text import clean, clean_list
from act_core.limits import CommandLimiter, JointLimits, Limited, LimitedCommand, far_outside
from act_core.stamps import StampCheck

Vector = NDArray[np.float64]


class Applied(NamedTuple):
    """What is sent to the actuator in one control period."""

    position_rad: Vector  # (J,)
    limited: tuple[Limited, ...]
    hold: str | None  # why the arm holds instead of following commands; None while it follows


class Motion(NamedTuple):
    """Of the targets that are sent, at this very moment."""

    position_rad: Vector  # (J,) sent last
    step_rad: Vector  # (J,) that led there
    period: int  # number of the control period in which that was sent


class Refusal(str):
    """Why a command is refused: ``command refused: <text>``. ``kind`` sorts it, for counts and for
    the log."""

    kind: str
    text: str

    def __new__(cls, kind: str, text: str) -> Refusal:
        refusal = super().__new__(cls, f"command refused: {text}")
        refusal.kind, refusal.text = kind, text
        return refusal


class CommandGate:
    """Follows the newest command that may be followed; holds, and says why, when there is none.

    In this order: the e-stop, which stays engaged until it is released; the stamp, which must be
    near the present (see `StampCheck`); the epoch, before which commands are out of date (an
    episode was reset, a port was lost and found); names, numbers and unit of the targets (see
    `far_outside`); the watchdog, which holds when no command came for ``timeout_s``; and the
    `CommandLimiter`. Holding means to come to a stop within the acceleration limits where the arm
    is, not to carry on to the last target.

    The watchdog counts control periods: `next` is called once in each. So no step of a clock can
    stop it or set it off.
    """

    def __init__(
        self,
        limits: JointLimits,
        period_s: float,
        timeout_s: float = 0.2,
        stamps: StampCheck | None = None,
    ) -> None:
        if not timeout_s >= period_s:
            raise ValueError(f"timeout_s is {timeout_s}, below one control period of {period_s} s")
        self.limits = limits
        self._limiter = CommandLimiter(limits, period_s)
        self._stamps = stamps if stamps is not None else StampCheck()
        self._timeout_periods = round(timeout_s / period_s)
        self._command: Vector | None = None
        self._age_periods = 0
        self._period = 0
        self._epoch_ns = 0
        self._estop: str | None = None
        self._hold = "no command yet"
        self._accepted = 0
        self._refused: Counter[str] = Counter()
        self._limited: Counter[str] = Counter()

    def reset(self, measured_rad: ArrayLike, epoch_ns: int) -> LimitedCommand:
        """Starts from where the joints are (J,) [rad]; commands stamped before ``epoch_ns`` [ns of
        ROS time] are refused from now on. The e-stop stays as it is."""
        start = self._limiter.reset(measured_rad)
        self._epoch_ns = epoch_ns
        self._drop_command("no command yet")
        return start

    def command(
        self,
        names: Sequence[str],
        position_rad: Sequence[float],
        stamp_ns: int,
        now_ns: int | None = None,
    ) -> Refusal | None:
        """Takes in a command; returns why it is refused, or None.

        ``stamp_ns`` is the time that it is for, ``now_ns`` the ROS time of whoever owns the
        actuator; without that, in virtual time, only the epoch judges the stamp. A stamp of 0,
        which is what a message has that nobody stamped, passes the epoch. A command that is not
        finite or of another unit is refused and stops the arm.
        """
        if self._estop is not None:
            return self._refuse("estop", self._estop)
        if now_ns is not None:
            # After a step back of the clock, nothing of the time before it can come again.
            self._epoch_ns = min(self._epoch_ns, now_ns)
            wrong = self._stamps.refusal(stamp_ns, now_ns)
            if wrong is not None:
                return self._refuse("stamp", wrong)
        if stamp_ns != 0 and stamp_ns < self._epoch_ns:
            late_s = (self._epoch_ns - stamp_ns) / 1e9
            return self._refuse("epoch", f"stamped {late_s:.3f} s before the last reset")
        expected = self.limits.names
        if len(names) != len(expected) or set(names) != set(expected):
            return self._refuse("names", self._wrong_names(names))
        if len(position_rad) != len(names):
            text = f"{len(names)} joint names but {len(position_rad)} positions"
            return self._refuse("names", text)
        given = dict(zip(names, position_rad, strict=True))
        target = np.array([given[name] for name in expected], dtype=np.float64)
        if not np.isfinite(target).all():
            bad = next(name for name in expected if not np.isfinite(given[name]))
            self._drop_command(f"{bad}: non-finite target")
            return self._refuse("non_finite", f"{bad}: target {given[bad]} is not finite")
        wrong = far_outside(target, self.limits)
        if wrong is not None:
            self._drop_command(wrong)
            return self._refuse("unit", wrong)
        self._command = target
        self._age_periods = 0
        self._accepted += 1
        return None

    def estop(self, engage: bool, reason: str = "e-stop engaged") -> None:
        """Engages the e-stop, or releases it; after a release the arm waits for a new command."""
        self._estop = reason if engage else None
        self._drop_command("no command since the e-stop was released")

    def hold(self, reason: str) -> None:
        """Drops the command in force: the arm comes to a stop and waits for the next one."""
        self._drop_command(reason)

    @property
    def is_stopped(self) -> bool:
        """Whether the e-stop is engaged."""
        return self._estop is not None

    @property
    def motion(self) -> Motion:
        """Where the arm is sent to, and how it moves; ValueError before the first `reset`."""
        return Motion(*self._limiter.motion, self._period)

    def place(self, joints: NDArray[np.bool_], measured_rad: Vector) -> Vector:
        """See `CommandLimiter.place`: for joints that are not where they were sent."""
        return self._limiter.place(joints, measured_rad)

    def confine(self, reach: tuple[Vector, Vector]) -> Applied:
        """What was sent last, inside bounds as in `next`, without going on from there."""
        sent = self._limiter.confine(*reach)
        hold = None if self._command is not None else self._estop or self._hold
        return Applied(sent.position_rad, sent.limited, hold)

    def next(self, reach: tuple[Vector, Vector] | None = None) -> Applied:
        """What to send in this control period. Raises ValueError before the first `reset`.

        reach: lowest and highest target (J,) [rad] that the joints can follow from where they are;
        see `CommandLimiter.confine`.
        """
        if self._command is not None and self._age_periods >= self._timeout_periods:
            self._refused["watchdog"] += 1
            self._drop_command(f"no command for {self._timeout_periods} control periods")
        self._age_periods += 1
        self._period += 1
        if self._command is not None:
            sent = self._limiter.limit(self._command)
            hold = None
        else:
            sent = self._limiter.stop()
            hold = self._estop or self._hold
        if reach is not None:
            within = self._limiter.confine(*reach)
            sent = LimitedCommand(within.position_rad, sent.limited + within.limited)
        if sent.limited:
            self._limited.update({limited.rule for limited in sent.limited})
        return Applied(sent.position_rad, sent.limited, hold)

    def counts(self) -> Mapping[str, str]:
        """For a diagnostics message, as text: commands accepted, commands refused by reason, and
        periods limited by rule."""
        refused = {f"refused_{reason}": str(count) for reason, count in self._refused.items()}
        limited = {f"limited_{rule}": str(count) for rule, count in self._limited.items()}
        return {"accepted": str(self._accepted), **refused, **limited}

    def _drop_command(self, hold: str) -> None:
        self._command = None
        self._hold = hold

    def _refuse(self, kind: str, text: str) -> Refusal:
        self._refused[kind] += 1
        return Refusal(kind, text)

    def _wrong_names(self, names: Sequence[str]) -> str:
        expected = self.limits.names
        unknown = [name for name in names if name not in expected]
        if unknown:
            return suggest("joint", clean(unknown[0]), expected)
        missing = [name for name in expected if name not in names]
        if missing:
            return f"joints missing: {', '.join(missing)}; expected {', '.join(expected)}"
        return f"a joint is named twice: {clean_list(names)}"
