"""Reads rosbag2 folders without ROS: MCAP and SQLite (Humble's default), whole or cut off.

Messages come in the order of the file, which is that of their arrival at the recorder. Of a file
that is damaged or was never closed, everything before the damage is read.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from act_core.errors import ConfigurationError
from mcap.records import Attachment, Chunk, Message
from mcap.stream_reader import StreamReader, breakup_chunk
from mcap.writer import MCAP0_MAGIC

from act_record.bag_writer import METADATA_FILE
from act_record.mcap_walk import DAMAGE, BagMessage, mcap_messages

OUTCOME_FILE = "episode.json"
SUFFIXES = (".mcap", ".db3")


class BagError(ConfigurationError):
    """A bag that cannot be read at all; the text says why."""


@dataclass(frozen=True)
class Bag:
    """A bag and the files that it is made of, in their order."""

    path: Path
    files: tuple[Path, ...]

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def is_whole(self) -> bool:
        """Whether its recorder came to the end of every file."""
        return all(path.suffix == ".db3" or _is_closed(path) for path in self.files)

    def messages(self, verify: bool = True) -> Iterator[BagMessage]:
        """All that can be read. ``verify``: up to the first wrong checksum."""
        for path in self.files:
            if path.suffix == ".db3":
                yield from _sqlite_messages(path)
            else:
                yield from mcap_messages(path, verify)

    def attachments(self) -> dict[str, str]:
        """The texts at the beginning of the first file, by name."""
        found: dict[str, str] = {}
        if self.files[0].suffix == ".mcap":
            for record in records(self.files[0]):
                if isinstance(record, Attachment):
                    found[record.name] = record.data.decode("utf-8", "replace")
                elif isinstance(record, Message):
                    break
        return found

    def outcome(self) -> Mapping[str, Any]:
        """What `episode.json` says of it; empty where nobody said anything.

        Raises BagError when it is damaged.
        """
        path = self.path / OUTCOME_FILE
        if not path.is_file():
            return {}
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
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


def open_bag(path: Path) -> Bag:
    """A folder, or one file of it. Raises BagError with what is wrong with the path."""
    if path.is_file():
        if path.suffix not in SUFFIXES:
            raise BagError(f"{path} is no bag: expected a folder or {' or '.join(SUFFIXES)}")
        return Bag(path, (path,))
    if not path.is_dir():
        raise BagError(f"there is no {path}")
    named = _named_files(path)
    files = named or sorted((p for p in path.iterdir() if p.suffix in SUFFIXES), key=_number)
    compressed = [p.name for p in path.glob("*.zstd")]
    if compressed:
        raise BagError(
            f"{path} is compressed by file ({compressed[0]}): unpack it with 'unzstd', or record "
            "with compressed MCAP chunks"
        )
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise BagError(f"{path} names files that are not there: {', '.join(missing)}")
    if not files:
        raise BagError(f"{path} is no bag: it holds neither {METADATA_FILE} nor .mcap")
    return Bag(path, tuple(files))


def find_bags(paths: Sequence[Path]) -> list[Path]:
    """The bags in some folders, which may be bags themselves, sorted; BagError for none."""
    found: list[Path] = []
    for path in paths:
        inside = {p.parent for suffix in SUFFIXES for p in path.rglob(f"*{suffix}")}
        inside |= {p.parent for p in path.rglob(METADATA_FILE)}
        found += [path] if path.is_file() else sorted(inside)
        if not path.exists():
            raise BagError(f"there is no {path}")
    if not found:
        raise BagError(f"no bags in {', '.join(map(str, paths))}")
    return list(dict.fromkeys(found))


def records(path: Path) -> Iterator[Any]:
    """The records of an MCAP file up to the first damaged or missing one."""
    with path.open("rb") as stream:
        found = StreamReader(stream, emit_chunks=True).records
        while True:
            try:
                record = next(found, None)
                inside = (
                    breakup_chunk(record, validate_crc=True)
                    if isinstance(record, Chunk)
                    else [record]
                )
            except DAMAGE:
                return
            if record is None:
                return
            yield from inside


def _sqlite_messages(path: Path) -> Iterator[BagMessage]:
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            yield from map(
                BagMessage._make,
                database.execute(
                    "SELECT topics.name, topics.type, messages.data, messages.timestamp "
                    "FROM messages JOIN topics ON messages.topic_id = topics.id "
                    "ORDER BY messages.id"
                ),
            )
    except sqlite3.Error as error:
        raise BagError(f"{path} cannot be read: {error}") from None


def _is_closed(path: Path) -> bool:
    """The last thing that a writer adds is the magic number once more."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - len(MCAP0_MAGIC)))
        return size > 2 * len(MCAP0_MAGIC) and stream.read() == MCAP0_MAGIC


def _named_files(folder: Path) -> list[Path]:
    """The files that metadata.yaml names; none where there is no such file."""
    path = folder / METADATA_FILE
    if not path.is_file():
        return []
    try:
        tree = yaml.safe_load(path.read_text())["rosbag2_bagfile_information"]
        return [folder / Path(name).name for name in tree["relative_file_paths"]]
    except (yaml.YAMLError, KeyError, TypeError):
        return []  # damaged: the files themselves tell enough


def _number(path: Path) -> tuple[int, str]:
    """Of a file of a bag that was split: run_0.mcap, run_1.mcap, ... run_10.mcap."""
    found = re.findall(r"\d+", path.stem)
    return (int(found[-1]) if found else 0, path.name)
