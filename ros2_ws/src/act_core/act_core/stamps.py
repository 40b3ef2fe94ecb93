"""Whether the stamp of a message can be believed, and if not, what is wrong with it in words."""

from __future__ import annotations

from typing import NamedTuple

from act_core.timing import NS_PER_S, Clock, MonotonicClock, to_ns

# Clocks of two machines under NTP or chrony differ by milliseconds, and a message takes
# milliseconds; people notice an arm that does what was wanted half a second ago.
TOLERANCE_S = 0.5

YEAR_S = 365.25 * 86400
# A clock that tells less was never set: it counts from the start of a machine or a simulation.
NEVER_SET_NS = to_ns(10 * YEAR_S)

WATCH_S = 0.2  # refused stamps are watched for so long before it is said whether they advance
LATE_AT_MOST_S = 10.0  # what a busy machine or network may keep messages; more is a clock
FORGET_S = 1.0  # refused stamps that are further apart have nothing to do with each other


def duration(seconds: float) -> str:
    """A time span in the largest unit that suits it: 0.62 s, 90 s, 1.5 h, 3.0 days, 56.9 years."""
    size = abs(seconds)
    for unit_s, name in ((YEAR_S, "years"), (86400.0, "days"), (3600.0, "h")):
        if size >= 0.995 * unit_s:
            return f"{seconds / unit_s:.1f} {name}"
    return f"{seconds:.0f} s" if size >= 10 else f"{seconds:.3g} s"


class _Step(NamedTuple):
    """A jump of the own clock."""

    size_ns: int  # below zero: back
    at_ns: int  # monotonic


class _Heard(NamedTuple):
    """A stamp, and when it came."""

    stamp_ns: int
    at_ns: int  # monotonic


class StampCheck:
    """Compares the stamps of a stream of messages with the ROS time of the node that gets them.

    A stamp that differs by no more than the tolerance, to either side, is as good as any. Another
    one is refused with the reason that is true as far as it can be known from here:

    - the own clock stepped by as much a moment ago (a steady clock tells), or the sender's differs;
    - stamps that advance with time come from a clock that is behind (or, some seconds old, from a
      machine that is too busy), one that stays is old;
    - a stamp near 1970 is uptime or simulated time; the reverse is wall time in a simulation.

    Nothing is latched: a stamp that is right again is taken again. Of one thread.

    Args:
        tolerance_s: see above.
        simulated: the node's time is simulated: it may run at any speed, and stand still.
        zero_passes: 0 means "nobody stamped it" and is taken, as from ``ros2 topic pub``; where a
            node waits for /clock from others, it means that a sender's clock never came.
        clock: monotonic.
    """

    def __init__(
        self,
        tolerance_s: float = TOLERANCE_S,
        simulated: bool = False,
        zero_passes: bool = True,
        clock: Clock | None = None,
    ) -> None:
        if not tolerance_s > 0:
            raise ValueError(f"tolerance_s must be above zero, got {tolerance_s}")
        self._tolerance_ns = to_ns(tolerance_s)
        self._simulated = simulated
        self._zero_passes = zero_passes
        self._clock = clock if clock is not None else MonotonicClock()
        self._seen: tuple[int, int] | None = None  # ROS and monotonic time of the last look
        self._doubted = False  # the last look may have been at an old reading
        self._step: _Step | None = None  # the newest one of the own clock
        # The look before one that may have had an old reading, until the next one tells.
        self._held: tuple[int, int] | None = None
        self._first_bad = self._last_bad = _Heard(0, -to_ns(FORGET_S))  # refused ones in a row

    def refusal(self, stamp_ns: int, now_ns: int) -> str | None:
        """What is wrong with a stamp at ``now_ns``, both ns of ROS time; None for nothing."""
        steady_ns = self._clock.now_ns()
        self._look(now_ns, steady_ns)
        if stamp_ns == 0 and self._zero_passes:
            return None
        late_ns = now_ns - stamp_ns
        if now_ns > 0 and stamp_ns > 0 and abs(late_ns) <= self._tolerance_ns:
            return None
        return self._wrong_kind(stamp_ns, now_ns) or self._wrong_time(stamp_ns, late_ns, steady_ns)

    def _wrong_kind(self, stamp_ns: int, now_ns: int) -> str | None:
        """Stamps of a clock that tells another kind of time, or none."""
        if self._simulated and now_ns == 0:
            return "this node waits for simulated time: nothing publishes /clock"
        if stamp_ns == 0:
            return "stamped 0: the sender's clock never came (no /clock), or it does not stamp"
        if stamp_ns < 0:
            return "stamped before 1970: a damaged stamp"
        if stamp_ns < NEVER_SET_NS <= now_ns:
            return (
                f"stamped {stamp_ns / NS_PER_S:.1f} s after 1970: that looks like uptime or "
                "simulated time, this node has wall time"
            )
        if now_ns < NEVER_SET_NS <= stamp_ns and self._simulated:
            return (
                "stamped with wall time, this node has simulated time: "
                "start the sender with use_sim_time:=true"
            )
        if now_ns < NEVER_SET_NS <= stamp_ns:
            return "stamped with wall time, but the clock of this machine was never set"
        return None

    def _wrong_time(self, stamp_ns: int, late_ns: int, steady_ns: int) -> str:
        """Stamps of the same kind of time that are too old or too new."""
        late_s = late_ns / NS_PER_S
        text = f"{duration(late_s)} ago" if late_ns > 0 else f"{duration(-late_s)} ahead"
        step = self._step
        if step is not None and abs(step.size_ns - late_ns) <= self._tolerance_ns:
            way = "forward" if step.size_ns > 0 else "back"
            size, since = abs(step.size_ns) / NS_PER_S, (steady_ns - step.at_ns) / NS_PER_S
            return f"stamped {text}: this node's clock stepped {way} by {duration(size)}, " + (
                "or it was too busy to look" if self._held is not None else f"{duration(since)} ago"
            )
        if late_ns < 0:
            return f"stamped {text}: the sender's clock is ahead of this node's"
        if self._advances(stamp_ns, steady_ns):
            late = "it comes late, or " if late_s < LATE_AT_MOST_S else ""
            return f"stamped {text}: {late}the sender's clock is behind this node's"
        return f"stamped {text}"

    def _advances(self, stamp_ns: int, steady_ns: int) -> bool:
        """Whether refused stamps go on with time, rather than being one old message."""
        if steady_ns - self._last_bad.at_ns > to_ns(FORGET_S):
            self._first_bad = _Heard(stamp_ns, steady_ns)
        self._last_bad = _Heard(stamp_ns, steady_ns)
        passed_ns = steady_ns - self._first_bad.at_ns
        return passed_ns >= to_ns(WATCH_S) and 2 * (stamp_ns - self._first_bad.stamp_ns) > passed_ns

    def _look(self, now_ns: int, steady_ns: int) -> None:
        """Notices steps of the own clock.

        Between the readings of the two clocks this thread may have slept, on a busy machine for a
        second: ``now_ns`` is old then, as if the clock had stepped back. So a step back is certain
        with the second look that sees it.
        """
        seen, self._seen = self._seen, (now_ns, steady_ns)
        if seen is None:
            return
        moved_ns, passed_ns = now_ns - seen[0], steady_ns - seen[1]
        # Simulated time has any speed; that it goes back is all that can be told.
        step_ns = min(moved_ns, 0) if self._simulated else moved_ns - passed_ns
        if abs(step_ns) <= self._tolerance_ns:
            self._held = None
            return
        if self._held is not None:  # as before the look that was in doubt?
            before, self._held = self._held, None
            if abs((now_ns - before[0]) - (steady_ns - before[1])) <= self._tolerance_ns:
                self._step = None
                return
        self._step = _Step(step_ns, steady_ns)
        if step_ns < 0 and not self._simulated:
            self._held = seen
