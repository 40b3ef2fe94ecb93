"""How a recording goes, for the person who makes it: numbers, and what to do about a bad one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

# What a verdict complains of, and what helps; the first that fits. {load} is what waits for a
# processor, per processor.
_BUSY = (
    "the computer was busy (load {load}): close what else runs, or record at a lower camera rate"
)
CURES = (
    ("a clock was wrong", "set the clocks (NTP), then record again"),
    ("only .* s long", "go on for longer before space"),
    ("no joint states for", _BUSY),
    ("no joint states|joint states: nothing", "is the arm's node still running? {busy}"),
    ("without a finite position", "calibrate the arm again, or look at its cables"),
    ("no commands for", "hold on to the leader, or the keys, until space"),
    ("no commands", "take the arm before space: with the leader, act-teleop or a page"),
    ("no images", "is a camera plugged in? --cameras names those that are recorded"),
    ("the arm rests", "begin to move sooner after space, and end sooner; act-record trim cuts one"),
    ("follows its commands", "is something in the arm's way, or its supply too weak?"),
    ("Hz instead of|frames missing|ms apart|s late$|nothing of the last", _BUSY),
    ("cannot be read", "a sender is damaged: restart it"),
)


class StreamGauge(NamedTuple):
    """One topic that is recorded, as a person calls it: rate and age of the newest message."""

    name: str
    rate_hz: float
    age_s: float | None  # None: nothing yet

    @property
    def is_silent(self) -> bool:
        return self.rate_hz == 0.0


@dataclass(frozen=True)
class Gauges:
    """A recorder's numbers.

    number: of the episode in progress, or of the next one; wanted: so many are; 0: without end.
    redo, failed: of the ones kept, those to make again, and those that a person called failures.
    disk_s: recorded seconds that fit on the disk.
    problems: of the last verdict; verdict: all of it, in words; None before the first.
    """

    number: int
    wanted: int
    kept: int
    redo: int
    failed: int
    streams: tuple[StreamGauge, ...]
    leader: StreamGauge | None
    disk_s: float
    verdict: str | None
    problems: tuple[str, ...]

    def __str__(self) -> str:
        parts = [self.episode]
        if self.redo:
            parts.append(f"{self.redo} to redo")
        parts.append(" ".join(f"{s.name} {s.rate_hz:.0f}" for s in self.streams) + " Hz")
        parts.append(self.disk)
        return " | ".join(parts)

    @property
    def episode(self) -> str:
        shown = min(self.number, self.wanted) if self.wanted else self.number
        return f"episode {shown}" + (f" of {self.wanted}" if self.wanted else "")

    @property
    def disk(self) -> str:
        return f"disk for {min(self.disk_s / 60, 9999):.0f} min"


def cure(problem: str, load: float) -> str:
    """What a person can do about a problem of a verdict; load: of the last minute, of all cores."""
    busy = _BUSY.format(load=f"{load:.0f}")
    for pattern, text in CURES:
        if re.search(pattern, problem):
            return text.format(load=f"{load:.0f}", busy=busy)
    return "record it again"
