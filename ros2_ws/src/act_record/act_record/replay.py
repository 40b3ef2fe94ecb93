"""The commands of a recording once more, at their own times, and how well the arm follows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from act_core.errors import ConfigurationError
from act_core.foreign_text import clean_list
from act_core.limits import JointLimits, far_outside
from act_core.stamps import duration
from numpy.typing import ArrayLike, NDArray

from act_record.timeline import COMMANDED, Sample, Timeline, series

Vector = NDArray[np.float64]

MAX_LENGTH_S = 6 * 3600.0  # longer ones have stamps of two clocks
SETTLE_S = 0.5  # the last command is held so long: joints are behind their targets


@dataclass(frozen=True)
class Track:
    """Values of some joints over time.

    Attributes:
        seconds: (T,) from the recording's first command on, rising.
        values: (T, J) rad.
    """

    names: tuple[str, ...]
    seconds: Vector
    values: Vector

    def at(self, seconds: float) -> Vector:
        """(J,) interpolated; the first or last outside."""
        return np.array([np.interp(seconds, self.seconds, column) for column in self.values.T])

    def held(self, seconds: float) -> Vector:
        """(J,) the newest at that time: what a command in force is."""
        index = int(np.searchsorted(self.seconds, seconds, side="right")) - 1
        return self.values[max(0, index)]


class Replay:
    """An episode's commands as an arm that stands anywhere can carry them out.

    First a straight line from where the arm is to the first command, every joint at most at
    ``approach_rad_s``; then the commands at their own times, slowed down by ``speed``::

        approach 2 s                   episode 10 s at speed 0.5       settle
        |------------------------------|------------------- 20 s ------|--- 0.5 s --|

    start: (J,) rad where the arm is, in the order of the commands' names.
    """

    def __init__(
        self, commands: Track, start: ArrayLike, approach_rad_s: float = 0.5, speed: float = 1.0
    ) -> None:
        self.commands = commands
        self._start = np.asarray(start, dtype=np.float64)
        self._speed = speed
        distance = float(np.abs(commands.values[0] - self._start).max())
        self.approach_s = distance / approach_rad_s
        self.length_s = self.approach_s + float(commands.seconds[-1]) / speed + SETTLE_S

    def command(self, elapsed_s: float) -> Vector | None:
        """(J,) rad for that time after the beginning; None when all is done."""
        if elapsed_s > self.length_s:
            return None
        if elapsed_s < self.approach_s:
            share = elapsed_s / self.approach_s
            return self._start + share * (self.commands.values[0] - self._start)
        return self.commands.held(self.episode_s(elapsed_s))

    def episode_s(self, elapsed_s: float) -> float:
        """Where in the recording that is; negative while approaching."""
        return (elapsed_s - self.approach_s) * self._speed


class Tracking:
    """How far the joints were from their commands, and from where they were when it was recorded.

    measured: of the recording, if it has any.
    """

    def __init__(self, commands: Track, measured: Track | None) -> None:
        self._commands = commands
        self._measured = measured
        self._from_command: list[Vector] = []
        self._from_recording: list[Vector] = []

    def add(self, episode_s: float, position: ArrayLike) -> None:
        """Takes in where the joints are (J,) rad at that time of the episode."""
        if not 0.0 <= episode_s <= self._commands.seconds[-1]:
            return
        at = np.asarray(position, dtype=np.float64)
        self._from_command.append(at - self._commands.held(episode_s))
        if self._measured is not None:
            self._from_recording.append(at - self._measured.at(episode_s))

    def report(self) -> list[str]:
        """Lines for a person, one for each joint."""
        if not self._from_command:
            return ["no joint states came: nothing to compare"]
        command = np.array(self._from_command)
        recording = np.array(self._from_recording) if self._from_recording else None
        lines = ["joint           from its command       from the recording   [rad, rms and worst]"]
        for index, name in enumerate(self._commands.names):
            line = f"{name:14s}  {_figures(command[:, index])}"
            if recording is not None:
                line += f"   {_figures(recording[:, index])}"
            lines.append(line)
        return lines

    def worst_rad(self) -> float | None:
        """The largest distance of any joint from where it was in the recording."""
        return float(np.abs(self._from_recording).max()) if self._from_recording else None


def tracks(timeline: Timeline, topic: str = COMMANDED) -> tuple[Track, Track | None]:
    """The commands of a recording, and its measured joints in the same order and on one clock.

    Raises ConfigurationError for a recording without commands, or with commands that cannot be.
    """
    commands = timeline.followed(topic)
    if not commands:
        there = ", ".join(sorted(timeline.commands)) or "none"
        raise ConfigurationError(f"the recording has nothing on {topic}; commands are on: {there}")
    names = commands[0].names
    zero_ns = min(command.stamp_ns for command in commands)
    track = _track(names, commands, zero_ns)
    if not names or not len(track.seconds):
        raise ConfigurationError(f"no command on {topic} has a position for each of its joints")
    if not track.seconds[-1] <= MAX_LENGTH_S:
        raise ConfigurationError(
            f"the stamps of {topic} are {duration(track.seconds[-1])} apart: a clock was wrong "
            "when it was recorded, and the times of the commands are not known"
        )
    if not np.isfinite(track.values).all():
        raise ConfigurationError("the recording holds commands that are not finite")
    measured = [s for s in timeline.joints() if set(names) <= set(s.names)]
    return track, _track(names, measured, zero_ns) if measured else None


def check_within(track: Track, limits: JointLimits) -> None:
    """Refuses commands that this arm cannot mean: of another robot, or of another unit.

    Raises ConfigurationError before anything moves; what is near a limit is left to the limiter.
    """
    known = {name: index for index, name in enumerate(limits.names)}
    foreign = [name for name in track.names if name not in known]
    if foreign:
        raise ConfigurationError(
            f"the recording is of another robot: it commands {clean_list(foreign)}, expected "
            f"{', '.join(limits.names)}; name its robot with robot:="
        )
    own = limits.part([known[name] for name in track.names])
    for seconds, row in zip(track.seconds, track.values, strict=True):
        if (wrong := far_outside(row, own)) is not None:
            raise ConfigurationError(f"the command at {seconds:.2f} s is refused: {wrong}")


def _track(names: tuple[str, ...], samples: Sequence[Sample], zero_ns: int) -> Track:
    stamps_ns, values = series(samples, names)
    return Track(names, (stamps_ns - zero_ns) / 1e9, values)


def _figures(errors: Vector) -> str:
    return f"{np.sqrt(np.mean(errors**2)):8.4f} {np.abs(errors).max():8.4f}"
