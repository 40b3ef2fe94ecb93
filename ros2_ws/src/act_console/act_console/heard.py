"""What the console has heard of a robot, and what it says of it in words. No ROS, no browser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from act_core.foreign_text import clean
from act_core.timing import NS_PER_S, Clock, MonotonicClock

LONGEST = 400  # characters of a status
MOST_STATUSES, MOST_VALUES = 60, 80  # that are shown of a graph, and of one of them
SILENT_S = 3.0  # a status is told every second
LEVELS = ("ok", "warn", "error", "stale")
WORST_FIRST = ("error", "stale", "warn", "ok")

# What a person looks at first: words, the task whose status tells it, and its value there.
FIGURES = (
    ("lateness of control, p99.9", "control", "lateness_p99.9_ms", "ms"),
    ("commands sent", "control", "commands_rate_hz", "Hz"),
    ("frame to command, p50", "control", "frame_to_command_p50_ms", "ms"),
    ("age of what it saw, p50", "control", "observation_age_p50_ms", "ms"),
    ("inference, p50", "inference", "inference_p50_ms", "ms"),
    ("inference, p99", "inference", "inference_p99_ms", "ms"),
    ("plans alive", "inference", "live_chunks", ""),
)
TEMPERATURE = "temperature_c"


@dataclass(frozen=True)
class Status:
    """One status of ``/diagnostics``: its full name, level, words and values."""

    name: str
    level: str
    text: str
    values: Mapping[str, str]
    heard_ns: int

    @property
    def task(self) -> str:
        return self.name.rpartition(": ")[2]

    @property
    def node(self) -> str:
        return self.name.rpartition(": ")[0]


@dataclass
class Heard:
    """The newest of everything that is told of a robot; written and read by any thread.

    clock: monotonic.
    """

    clock: Clock = field(default_factory=MonotonicClock)
    estop: bool | None = None
    owner: dict[str, str] = field(default_factory=dict)
    episode: dict[str, str] = field(default_factory=dict)
    joints_ns: int | None = None  # when joint states came last
    cameras: Sequence[str] = ()
    services: Sequence[str] = ()  # those of ours that somebody answers
    problems: dict[str, str] = field(default_factory=dict)  # of what comes, by its source
    _statuses: dict[str, Status] = field(default_factory=dict)

    def status(self, name: str, level: str, text: str, values: Mapping[str, str]) -> None:
        """A status came. Of names that never end, the first ``MOST_STATUSES`` are kept."""
        name = clean(name, 120)
        if name not in self._statuses and len(self._statuses) >= MOST_STATUSES:
            return
        kept = {
            clean(key): clean(value, 120)
            for key, value in list(values.items())[:MOST_VALUES]
        }  # fmt: skip
        self._statuses[name] = Status(name, level, clean(text, LONGEST), kept, self.clock.now_ns())

    def forget(self) -> None:
        """Nobody listens any more: what was heard will soon be no longer true."""
        self._statuses.clear()
        self.problems.clear()
        self.estop, self.joints_ns = None, None
        self.owner, self.episode = {}, {}

    def statuses(self) -> list[Status]:
        """The worst first, then by name; one that has fallen silent is stale."""
        now_ns = self.clock.now_ns()
        found = []
        for status in list(self._statuses.values()):
            silent_s = (now_ns - status.heard_ns) / NS_PER_S
            if silent_s > SILENT_S:
                text = f"silent for {silent_s:.0f} s; last: {status.text}"
                status = Status(status.name, "stale", text, {}, status.heard_ns)
            found.append(status)
        return sorted(found, key=lambda one: (WORST_FIRST.index(one.level), one.name))

    def joints_age_s(self) -> float | None:
        """How long ago joint states came; None before the first."""
        if self.joints_ns is None:
            return None
        return (self.clock.now_ns() - self.joints_ns) / NS_PER_S

    def hints(self) -> list[str]:
        """What is missing, what still works, and what to do: one sentence for each."""
        found = list(self.problems.values())
        age_s = self.joints_age_s()
        if not self._statuses and age_s is None:
            return [
                *found,
                "Nobody is there: no node of a robot is heard. Start one, e.g. ros2 launch "
                "act_bringup sim.launch.py; if one runs, compare ROS_DOMAIN_ID. Episodes, training "
                "and set-ups work without it.",
            ]
        if age_s is None:
            found.append(
                "No joint states come: the twin stands still. Is the arm's node running, and its "
                "port plugged in?"
            )
        elif age_s > 1.0:
            found.append(f"The last joint states came {age_s:.0f} s ago: the twin shows the past.")
        if not self.cameras:
            found.append(
                "No camera publishes pictures; everything else works. Name some: "
                "cameras:=front=/dev/video0, or act save."
            )
        return found

    def figures(self) -> list[dict[str, str]]:
        """The numbers that a person looks at first; none for what nobody tells."""
        found = []
        statuses = sorted(self.statuses(), key=lambda one: one.name)
        for label, task, key, unit in FIGURES:
            for status in statuses:
                if status.task == task and key in status.values:
                    text = f"{status.values[key]} {unit}".strip()
                    found.append({"label": label, "text": text, "node": status.node})
        hottest = [
            (float(value), key, status.node)
            for status in statuses
            for key, value in status.values.items()
            if key.endswith(TEMPERATURE) and value.replace(".", "", 1).isdigit()
        ]
        if hottest:
            celsius, _, node = max(hottest)
            found.append({"label": "hottest servo", "text": f"{celsius:.0f} °C", "node": node})
        return found

    def state(self) -> dict[str, Any]:
        """All of it for the page, as JSON takes it."""
        statuses = self.statuses()
        return {
            "k": "state",
            "estop": self.estop,
            "owner": {
                "owner": self.owner.get("owner", ""),
                "text": self.owner.get("text", ""),
                "who": self.owner.get("who", ""),
            },
            "episode": self.episode,
            "hints": self.hints(),
            "reasons": [
                {"level": status.level, "text": f"{status.node.lstrip('/')}: {status.text}"}
                for status in statuses
                if status.level != "ok"
            ],
            "figures": self.figures(),
            "statuses": [
                {
                    "name": status.name,
                    "level": status.level,
                    "text": status.text,
                    "values": dict(status.values),
                }
                for status in statuses
            ],
            "recorder": next(
                ({"text": s.text, **s.values} for s in statuses if s.task == "recorder"), None
            ),
            "cameras": list(self.cameras),
            "services": list(self.services),
        }
