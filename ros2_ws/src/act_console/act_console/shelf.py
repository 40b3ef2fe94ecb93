"""The episodes of one folder as a page handles them: by their names, and nothing outside of it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError
from act_record import episodes
from act_record.bag_reader import BagError, bag_errors, open_bag
from act_record.episodes import Episode
from act_record.timeline import Timeline

from act_console.replay_track import track_of


class Shelf:
    """A folder of recordings. All that changes something raises ConfigurationError, with the reason
    in words; OSError where the disk is full or the folder cannot be written to.

    Args:
        folder: may not be there yet.
        films: folder for films of the episodes, which are made when they are asked for.
    """

    def __init__(self, folder: Path, films: Path) -> None:
        self.folder = folder
        self._films = films
        self._lock = threading.Lock()  # a film or a cut at a time

    def rows(self) -> list[dict[str, Any]]:
        """A row for each episode, for a table; none where there is no folder yet."""
        found = self._episodes()
        odd = episodes.unusual(found)
        return [_row(episode, odd.get(episode.name, [])) for episode in found]

    def bin(self) -> list[str]:
        """Names of what is in the bin."""
        return episodes.in_bin(self.folder)

    def trash(self, name: str) -> str:
        """Moves an episode to the bin."""
        episodes.trash(self._named(name).folder)
        return f"{name} is in the bin"

    def restore(self, name: str) -> str:
        """Takes an episode out of the bin."""
        if name not in self.bin():
            raise ConfigurationError(f"there is no {name!r:.60} in the bin")
        return f"{episodes.restore(self.folder, name).name} is back"

    def trim(self, name: str, begin_s: float, end_s: float) -> str:
        """Cuts an episode to that time; as it was, it goes to the bin."""
        with self._lock, bag_errors():
            episodes.trim(self._named(name).folder, begin_s, end_s)
        return f"{name} was cut to {begin_s:g} to {end_s:g} s; as it was, it is in the bin"

    def mark(self, name: str, success: bool) -> str:
        """Says of an episode whether it succeeded."""
        episodes.relabel(self._named(name).folder, success=success)
        return f"{name} was {'a success' if success else 'a failure'}"

    def track(self, name: str) -> dict[str, Any]:
        """Its joints, as `replay_track.track_of` has them."""
        with self._lock, bag_errors():
            timeline = Timeline.of(open_bag(self._named(name).folder))
        try:
            return track_of(timeline)
        except ValueError as error:
            raise ConfigurationError(f"{name}: {error}") from error

    def film(self, name: str) -> Path:
        """The film of an episode; ConfigurationError for one that has no pictures."""
        episode = self._named(name)
        stamp = max(path.stat().st_mtime_ns for path in episode.folder.iterdir())
        made = self._films / f"{stamp}" / f"{name}.mp4"
        with self._lock, bag_errors():
            if not made.exists() and episodes.film(episode.folder, made.parent) is None:
                raise ConfigurationError(f"{name} has no pictures")
        return made

    def _episodes(self) -> list[Episode]:
        return episodes.episodes_in(self.folder) if self.folder.is_dir() else []

    def _named(self, name: str) -> Episode:
        """By the list of what there is: a name is never made a path."""
        try:
            found = {episode.name: episode for episode in self._episodes()}
        except BagError as error:
            raise ConfigurationError(str(error)) from error
        if name not in found:
            raise ConfigurationError(f"there is no episode {name!r:.60} in {self.folder}")
        return found[name]


def _row(episode: Episode, odd: list[str]) -> dict[str, Any]:
    verdict = episode.verdict
    length_s = verdict.get("length_s")
    problems = verdict.get("problems")
    why = [str(one) for one in problems] if isinstance(problems, list) else []
    if episode.problem:
        why.insert(0, episode.problem)
    return {
        "name": episode.name,
        "said": episode.said,
        "length": f"{length_s:.1f} s" if isinstance(length_s, int | float) else "",
        "size": f"{episode.size_bytes / 1e6:.1f} MB",
        "task": str(episode.outcome.get("task") or ""),
        "why": "; ".join([*why, *odd]),
    }
