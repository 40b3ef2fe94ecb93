"""What operators should read about acting and holding, and when."""

from __future__ import annotations

from typing import NamedTuple

from act_core.timing import to_ns

from act_policy.policy_runner import Action, Hold


class LogLine(NamedTuple):
    """A line that is due."""

    level: str  # info or warning
    text: str


class StateLog:
    """A line for every change, and reminders while the arm holds although it should act.

    Args:
        remind_s: between two warnings at least, so that a state that flaps fills no log.
        driver: who drives while it acts, for that line.
    """

    def __init__(self, remind_s: float = 5.0, driver: str = "") -> None:
        self._acting = f"acting: {driver} drives" if driver else "acting"
        self._remind_ns = to_ns(remind_s)
        self._logged: str | None = None
        self._warned_ns: int | None = None

    def update(
        self, result: Action | Hold, enabled: bool, now_ns: int, settling: bool = False
    ) -> LogLine | None:
        """The line that is due at monotonic time ``now_ns``; None most of the time.

        ``settling``: it has just begun, so that a hold is no reason for a warning yet.
        """
        state = f"holding: {result.reason}" if isinstance(result, Hold) else self._acting
        text = f"{state} ({result.detail})" if isinstance(result, Hold) else state
        if settling or not (enabled and isinstance(result, Hold)):
            if state == self._logged:
                return None
            self._logged = state
            return LogLine("info", text)
        if self._warned_ns is not None and now_ns - self._warned_ns < self._remind_ns:
            return None
        self._logged, self._warned_ns = state, now_ns
        return LogLine("warning", text)
