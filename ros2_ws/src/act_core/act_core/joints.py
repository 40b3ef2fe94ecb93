"""Joints of a message by name, in whatever order, company and pieces they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_core.foreign_text import clean_list
from act_core.timing import Clock, MonotonicClock, to_ns

Vector = NDArray[np.float64]
Numbers = Sequence[float] | Vector


class JointReading(NamedTuple):
    """Joints of a message in the order that was asked for: (J,) rad and, if sent, rad/s."""

    position: Vector
    velocity: Vector | None


class OtherJointsError(ValueError):
    """A message tells of none of the wanted joints: it is of another arm, or of another robot."""


class JointMatcher:
    """Reads the joints ``wanted`` of messages that may hold more, in any order.

    The order of a message is looked up once and kept while messages with the same names come.
    """

    def __init__(self, wanted: Sequence[str]) -> None:
        self.wanted = tuple(wanted)
        self._names: list[str] = []
        self._place: list[int] = []  # where the n-th found joint stands in a message
        self._found: list[int] = []  # and which of `wanted` it is

    def read(self, names: Sequence[str], position: Numbers, velocity: Numbers) -> JointReading:
        """The wanted joints of one message.

        Velocities are None where the message has none or where they are not finite, as drivers
        write that they do not measure them. Raises ValueError for a missing joint, a joint named
        twice, arrays of unequal length and positions that are not finite.
        """
        found, reading = self.read_part(names, position, velocity)
        if len(found) < len(self.wanted):
            there = {self.wanted[i] for i in found}
            missing = [name for name in self.wanted if name not in there]
            raise ValueError(_missing(missing, names))
        return reading

    def read_part(
        self, names: Sequence[str], position: Numbers, velocity: Numbers
    ) -> tuple[list[int], JointReading]:
        """What a message tells of the wanted joints: which of them (indices, ascending), and their
        reading. Raises ValueError as `read` does, but not for missing joints."""
        if len(names) != len(self._names) or list(names) != self._names:
            self._learn(names)
        if len(position) != len(names):
            raise ValueError(f"{len(names)} joint names but {len(position)} positions")
        measured = np.asarray(position, dtype=np.float64)[self._place]
        if not np.isfinite(measured).all():
            bad = int(np.argmin(np.isfinite(measured)))
            name = self.wanted[self._found[bad]]
            raise ValueError(f"the position of {name} is {measured[bad]}, expected a finite number")
        speed = None
        if len(velocity) == len(names):
            speed = np.asarray(velocity, dtype=np.float64)[self._place]
            if not np.isfinite(speed).all():
                speed = None
        return self._found, JointReading(measured, speed)

    def _learn(self, names: Sequence[str]) -> None:
        place = {name: i for i, name in enumerate(names)}
        if len(place) != len(names):
            raise ValueError(f"a joint is named twice in the message: {clean_list(names)}")
        found = [i for i, name in enumerate(self.wanted) if name in place]
        self._found, self._place = found, [place[self.wanted[i]] for i in found]
        self._names = list(names)


def _missing(joints: Sequence[str], names: Sequence[str]) -> str:
    return f"joints missing in the message: {clean_list(joints)}; it has {clean_list(names)}"


class JointMerger:
    """One reading of all joints from messages that tell of some of them each, as two drivers send.

    A reading is complete when every joint was told of since the one before, so its rate is that of
    the slowest sender, and it is as old as its oldest part. When a sender stops, no reading comes
    any more: whoever waits for one notices.

    Example: left at 10.000 s, right at 10.004 s: one reading, stamped 10.000 s. Then left at 10.010
    s and at 10.020 s, right at 10.014 s: one more, with left of 10.010 s, when right comes.

    Args:
        wanted: joints, in the order of the readings.
        clock: monotonic.
    """

    def __init__(self, wanted: Sequence[str], clock: Clock | None = None) -> None:
        self._matcher = JointMatcher(wanted)
        self._clock = clock if clock is not None else MonotonicClock()
        self._complete_ns = self._clock.now_ns()  # when the last reading was, or this began
        self._newest: tuple[str, ...] = ()  # names of the newest message
        count = len(self._matcher.wanted)
        self._position = np.zeros(count)
        self._velocity = np.full(count, np.nan)
        self._stamps_ns = [0] * count
        self._fresh = np.zeros(count, dtype=bool)

    @property
    def wanted(self) -> tuple[str, ...]:
        """All joints, in the order of the readings."""
        return self._matcher.wanted

    @property
    def lacking(self) -> list[str]:
        """Names of the joints that the next reading waits for; all of them after a complete one."""
        names = self._matcher.wanted
        return [name for name, fresh in zip(names, self._fresh, strict=True) if not fresh]

    def waits(self, for_s: float = 0.1) -> str | None:
        """What to say when some joints were told of and others not, for longer than that; else
        None. Silence of all of them is for others to tell."""
        lacking = self.lacking
        waited_ns = self._clock.now_ns() - self._complete_ns
        if len(lacking) == len(self._matcher.wanted) or waited_ns <= to_ns(for_s):
            return None
        return _missing(lacking, self._newest)

    def add(
        self,
        names: Sequence[str],
        position: Numbers,
        velocity: Numbers,
        stamp_ns: int,
    ) -> tuple[int, JointReading] | None:
        """Takes in a message; the stamp [ns] and the reading that it completes, or None.

        Raises ValueError as `JointMatcher.read_part` does, and OtherJointsError for a message
        without any of the wanted joints.
        """
        found, part = self._matcher.read_part(names, position, velocity)
        if not found:
            raise OtherJointsError(_missing(self._matcher.wanted, names))
        self._position[found] = part.position
        self._velocity[found] = np.nan if part.velocity is None else part.velocity
        for i in found:
            self._stamps_ns[i] = stamp_ns
        self._fresh[found] = True
        if not self._fresh.all():
            self._newest = tuple(names)
            return None
        self._fresh[:] = False
        self._complete_ns = self._clock.now_ns()
        velocity_known = bool(np.isfinite(self._velocity).all())
        reading = JointReading(
            self._position.copy(), self._velocity.copy() if velocity_known else None
        )
        return min(self._stamps_ns), reading
