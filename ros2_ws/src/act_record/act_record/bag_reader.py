"""Recordings as bags, with what was said about them. Reading itself is `rosbag_lite`'s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rosbag_lite
from act_core.errors import ConfigurationError
from act_core.foreign_file import parse_json, read_text
from rosbag_lite import BagMessage
from rosbag_lite.bag import SUFFIXES

__all__ = [
    "OUTCOME_FILE",
    "SUFFIXES",
    "Bag",
    "BagError",
    "bag_errors",
    "find_bags",
    "is_kept",
    "open_bag",
]

OUTCOME_FILE = "episode.json"
MAX_OUTCOME_BYTES = 1024 * 1024


class BagError(ConfigurationError):
    """A bag that cannot be read, or must not be written; the text says why and what to do."""


@contextmanager
def bag_errors() -> Iterator[None]:
    """Within, what `rosbag_lite` refuses is somebody's mistake, like everything of this kind."""
    try:
        yield
    except rosbag_lite.BagError as error:
        raise BagError(str(error)) from None


class Bag(rosbag_lite.Bag):
    """A bag of ours or of others; whatever cannot be read raises BagError."""

    def messages(self, verify: bool = True, by_time: bool = False) -> Iterator[BagMessage]:
        with bag_errors():
            yield from super().messages(verify, by_time)

    def attachments(self) -> dict[str, str]:
        with bag_errors():
            return super().attachments()

    def outcome(self) -> Mapping[str, Any]:
        """What `episode.json` says of it; empty where nobody said anything.

        Raises BagError when it is damaged.
        """
        path = self.path / OUTCOME_FILE
        if not path.is_file():
            return {}
        try:
            values = parse_json(read_text(path, MAX_OUTCOME_BYTES), finite=False)
        except ConfigurationError as error:
            raise BagError(f"{path} is damaged: it {error}") from None
        try:
            if not isinstance(values, dict):
                raise ValueError("expected an object")
            verdict = values.get("verdict")
            told = {**verdict, **values} if isinstance(verdict, dict) else values
            for name in ("success", "keep"):
                if not isinstance(told.get(name), bool | None):
                    raise ValueError(f"{name} is {told[name]!r}, expected true, false or null")
        except ValueError as error:
            raise BagError(f"{path} is damaged: {error}") from None
        return values


def is_kept(outcome: Mapping[str, Any]) -> bool:
    """Whether a recording is to be used, by its `Bag.outcome`: what a person said counts, else the
    recorder's verdict; one of which nobody said anything is."""
    verdict = outcome.get("verdict")
    judged = verdict.get("keep", True) if isinstance(verdict, Mapping) else True
    return bool(outcome.get("keep", judged))


def open_bag(path: Path) -> Bag:
    """A folder, or one file of it. Raises BagError with what is wrong with the path."""
    with bag_errors():
        bag = rosbag_lite.open_bag(path)
    return Bag(bag.path, bag.files, bag.told, bag.notes, bag.damage)


def find_bags(paths: Sequence[Path]) -> list[Path]:
    """The bags in some folders, which may be bags themselves, sorted; BagError for none."""
    with bag_errors():
        return rosbag_lite.find_bags(paths)
