"""Log lines about what happens again and again: one when it begins, one when it is over."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from act_core.stamps import duration
from act_core.timing import NS_PER_S, Clock, MonotonicClock, to_ns

OVER_AFTER_S = 5.0  # that it has not happened for


@dataclass
class _Incident:
    """One kind of event, while it goes on."""

    text: object  # of its first event
    began_ns: int
    last_ns: int
    count: int = 0
    told: bool = False


class Incidents:
    """Turns a flood of events of a few kinds into a few lines.

    `saw` costs a microsecond and is for the thread where it happens; `lines` is for the one that
    writes the log. Example: a hundred refusals a second for a minute are the line ``command
    refused: e-stop engaged`` at once, and five seconds after the last one ``command refused: e-stop
    engaged: 6000 times in 60 s``. An event that stays alone has one line.

    Args:
        clock: monotonic.
        over_after_s: an incident is over when nothing of its kind has happened for so long.
    """

    def __init__(self, clock: Clock | None = None, over_after_s: float = OVER_AFTER_S) -> None:
        self._clock = clock if clock is not None else MonotonicClock()
        self._over_after_ns = to_ns(over_after_s)
        self._lock = threading.Lock()
        self._open: dict[str, _Incident] = {}

    def saw(self, kind: str, text: object) -> None:
        """It happened again. There must be few kinds; the text is written out only if told."""
        now_ns = self._clock.now_ns()
        with self._lock:
            incident = self._open.get(kind)
            if incident is None:
                incident = self._open[kind] = _Incident(text, now_ns, now_ns)
            incident.last_ns = now_ns
            incident.count += 1

    def lines(self) -> list[str]:
        """What is to be logged now."""
        told = []
        now_ns = self._clock.now_ns()
        with self._lock:
            for kind, incident in list(self._open.items()):
                if not incident.told:
                    incident.told = True
                    told.append(str(incident.text))
                if now_ns - incident.last_ns > self._over_after_ns:
                    del self._open[kind]
                    if incident.count > 1:
                        lasted_s = (incident.last_ns - incident.began_ns) / NS_PER_S
                        count = f"{incident.count} times in {duration(lasted_s)}"
                        told.append(f"{incident.text}: {count}")
        return told
