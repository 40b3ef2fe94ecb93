"""The other arm of two: while one of them cannot move, the other one holds as well. No ROS here."""

from __future__ import annotations

from act_core.timing import NS_PER_S, Clock, MonotonicClock, to_ns

SILENT_S = 0.5  # an arm tells how it is ten times a second


class Partner:
    """What one arm knows of the other, and what follows from it.

    Each arm tells of itself whether it can follow commands, why not, and whether its own e-stop is
    engaged; never what it concludes from the other's state. So neither can keep the other stopped
    by being stopped itself.

    Args:
        name: of the other arm, for a person.
        clock: monotonic.
    """

    def __init__(self, name: str, clock: Clock | None = None) -> None:
        self.name = name
        self.is_stopped = False  # its e-stop is engaged, as far as was heard
        self._clock = clock if clock is not None else MonotonicClock()
        self._heard_ns: int | None = None
        self._reason: str | None = None

    def heard(self, reason: str | None, is_stopped: bool) -> None:
        """It told of itself: why it cannot follow commands, None while it can; and its e-stop."""
        self._heard_ns = self._clock.now_ns()
        self._reason, self.is_stopped = reason, is_stopped

    def problem(self) -> str | None:
        """Why both have to hold, naming the other arm; None while it can move."""
        if self._heard_ns is None:
            return f"the {self.name} arm is not there yet"
        if self.is_stopped:
            return f"the e-stop of the {self.name} arm is engaged"
        age_ns = self._clock.now_ns() - self._heard_ns
        if age_ns > to_ns(SILENT_S):
            return f"the {self.name} arm has been silent for {age_ns / NS_PER_S:.1f} s"
        return None if self._reason is None else f"the {self.name} arm: {self._reason}"
