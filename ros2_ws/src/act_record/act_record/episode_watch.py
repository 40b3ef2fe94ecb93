"""When to record, from what `episode/status` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Began(NamedTuple):
    """A new episode."""

    task: str


class Ended(NamedTuple):
    """The episode has finished, or was given up (``success`` None)."""

    success: bool | None
    reason: str


class EpisodeWatch:
    """Turns statuses into the beginnings and ends of episodes.

    A status that comes again changes nothing. An episode that is under way when the first status
    comes counts as one that began: whoever starts in its middle resets it first.
    """

    def __init__(self) -> None:
        self._episode: tuple[str, ...] | None = None
        self._running = False

    def update(self, values: Mapping[str, str]) -> list[Began | Ended]:
        """What the status with these values means, in order."""
        episode = tuple(values.get(key, "") for key in ("episode", "task", "seed"))
        finished = values.get("finished") == "true"
        found: list[Began | Ended] = []
        if episode != self._episode:
            if self._running:
                found.append(Ended(None, "given up"))
            self._episode = episode
            self._running = not finished
            if self._running:
                found.append(Began(values.get("task", "")))
        elif finished and self._running:
            self._running = False
            found.append(Ended(values.get("success") == "true", values.get("message", "")))
        return found
