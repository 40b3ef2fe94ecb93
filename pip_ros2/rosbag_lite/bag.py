"""A bag: the files that it is made of, and the messages in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rosbag_lite import mcap_file, mcap_records, metadata, sqlite_file
from rosbag_lite.compression import FILE_SUFFIX, ZSTD_MAGIC, unpack_message, unpacked_file
from rosbag_lite.errors import BagError, DamageError
from rosbag_lite.metadata import BagFile, BagMetadata, BagTopic, Told, qos_from_yaml

MCAP, SQLITE = ".mcap", ".db3"
STORAGES = {MCAP: "mcap", SQLITE: "sqlite3"}
SUFFIXES = (*STORAGES, *(suffix + FILE_SUFFIX for suffix in STORAGES))


class BagMessage(NamedTuple):
    """One message as it was received."""

    topic: str
    type_name: str
    data: bytes | memoryview
    log_ns: int  # when it was received


@dataclass(frozen=True)
class Bag:
    """A bag and the files that it is made of, in their order.

    told: what metadata.yaml says; None where there is none.
    notes: what is not as it should be and can be read all the same, for a person.
    damage: file name to what ended its reading early; filled in as files are read.
    """

    path: Path
    files: tuple[Path, ...]
    told: Told | None = None
    notes: tuple[str, ...] = ()
    damage: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def folder(self) -> Path:
        return self.path.parent if self.path.is_file() else self.path

    @property
    def is_whole(self) -> bool:
        """Whether its recorder came to the end of every file, and nothing was damaged so far."""
        closed = (mcap_file.is_closed(path) for path in self.files if path.suffix == MCAP)
        return not self.damage and all(closed)

    @property
    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.files)

    def messages(self, verify: bool = True, by_time: bool = False) -> Iterator[BagMessage]:
        """All that can be read, file after file.

        verify: up to the first wrong checksum.
        by_time: within a file by log times in place of the order of arrival.
        """
        for path in self.files:
            with unpacked_file(path) as plain:
                try:
                    yield from _messages(plain, verify, by_time)
                except DamageError as error:
                    self.damage[path.name] = str(error)

    def attachments(self) -> dict[str, str]:
        """The texts at the beginning of the first file, by name."""
        found: dict[str, str] = {}
        if storage_of(self.files[0]) == MCAP:
            with unpacked_file(self.files[0]) as plain:
                try:
                    for record in mcap_file.attachments(plain):
                        found[record.name] = record.data.decode("utf-8", "replace")
                except DamageError as error:
                    self.damage[self.files[0].name] = str(error)
        return found

    def contents(self) -> BagMetadata:
        """What the files hold, counted; not what metadata.yaml says of them."""
        topics: dict[str, BagTopic] = {}
        files = []
        for path in self.files:
            with unpacked_file(path) as plain:
                try:
                    found, low, high = _counted(plain)
                except DamageError as error:
                    self.damage[path.name] = str(error)
                    found, low, high = [], 0, 0
            for topic in found:
                known = topics.get(topic.name, topic)
                before = known.count if topic.name in topics else 0
                topics[topic.name] = BagTopic(
                    known.name, known.type, known.qos or topic.qos, known.type_hash,
                    before + topic.count, known.serialization_format,
                )  # fmt: skip
            total = sum(topic.count for topic in found)
            files.append(BagFile(path.relative_to(self.folder).as_posix(), low, high - low, total))
        told = self.told
        return BagMetadata(
            tuple(files),
            tuple(topics.values()),
            told.ros_distro if told else "",
            STORAGES[storage_of(self.files[0])],
            _compression(self.files, told),
        )


def open_bag(path: Path) -> Bag:
    """A folder, or one file of it. Raises BagError with what is wrong with the path."""
    try:
        return _open_bag(path)
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise BagError(f"{str(path)[:200]} cannot be read: {error.strerror}") from error


def _open_bag(path: Path) -> Bag:
    if path.is_file():
        if not path.name.endswith(SUFFIXES):
            if path.suffix == ".bag":
                raise BagError(
                    f"{path} is a bag of ROS 1: make one of ROS 2 of it, for example with "
                    "rosbags-convert (pip install rosbags)"
                )
            raise BagError(f"{path} is no bag: expected a folder or a file {', '.join(SUFFIXES)}")
        return Bag(path, (path,))
    if not path.is_dir():
        raise BagError(f"there is no {path}")
    there = stored_files(path)
    if (path / metadata.FILE_NAME).is_file():
        told = metadata.load(path / metadata.FILE_NAME)
        return _as_told(path, told, there)
    if not there:
        raise BagError(
            f"{path} is no bag: it holds neither {metadata.FILE_NAME} nor {' nor '.join(STORAGES)}"
        )
    check_one_storage(path, there)
    note = (
        f"{path} has no {metadata.FILE_NAME}: the recorder was killed or still runs. "
        f"'ros2 bag reindex {path}' repairs it"
    )
    return Bag(path, there, notes=(note,))


def find_bags(paths: Sequence[Path]) -> list[Path]:
    """The bags in some folders, which may be bags themselves, sorted; BagError for none.

    What lies in a hidden folder, such as a bin, is passed over.
    """
    found: list[Path] = []
    for path in paths:
        inside = {p.parent for suffix in SUFFIXES for p in path.rglob(f"*{suffix}")}
        inside |= {p.parent for p in path.rglob(metadata.FILE_NAME)}
        inside = {p for p in inside if not _is_hidden(p.relative_to(path))}
        found += [path] if path.is_file() else sorted(inside)
        if not path.exists():
            raise BagError(f"there is no {path}")
    if not found:
        raise BagError(f"no bags in {', '.join(map(str, paths))}")
    return list(dict.fromkeys(found))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def stored_files(folder: Path) -> tuple[Path, ...]:
    """The files of a bag in their order, whatever metadata.yaml says: run_9 before run_10."""
    found = [p for p in folder.iterdir() if p.name.endswith(SUFFIXES) and p.name[0] != "."]
    whole = {p.name for p in found}
    # A recorder that was killed while it packed a file leaves both; the plain one is whole.
    return tuple(
        sorted((p for p in found if p.name.removesuffix(FILE_SUFFIX) not in whole - {p.name}),
               key=_in_order)
    )  # fmt: skip


def storage_of(path: Path) -> str:
    """`MCAP` or `SQLITE`."""
    return Path(path.name.removesuffix(FILE_SUFFIX)).suffix


def _in_order(path: Path) -> list[tuple[int, str]]:
    """Numbers in a name count as numbers."""
    parts = re.findall(r"\d+|\D+", path.name.removesuffix(FILE_SUFFIX))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _as_told(folder: Path, told: Told, there: tuple[Path, ...]) -> Bag:
    """The bag that metadata.yaml describes. Raises BagError where it does not fit the files."""
    if told.compression and told.compression_format not in ("zstd", ""):
        raise BagError(
            f"{folder} is compressed by '{told.compression_format}', known: zstd; convert it where "
            "its plug-in is installed (ros2 bag convert)"
        )
    files = tuple(_inside(folder, name) for name in told.files)
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise BagError(
            f"{folder} names files that are not there: {', '.join(missing[:5])}; bring them back, "
            f"or make do without them: ros2 bag reindex {folder}"
        )
    if not files:
        raise BagError(f"{folder} is empty: its {metadata.FILE_NAME} names no file")
    check_one_storage(folder, files)
    more = [path.name for path in there if path.resolve() not in {p.resolve() for p in files}]
    notes: tuple[str, ...] = ()
    if more:
        notes = (
            f"{folder}: {', '.join(more[:5])} is not named by {metadata.FILE_NAME} and left out; "
            f"'ros2 bag reindex {folder}' takes it in",
        )
    return Bag(folder, files, told, notes)


def _inside(folder: Path, name: str) -> Path:
    """The file that metadata.yaml means. Raises BagError for one outside of the folder."""
    path = Path(name)
    # Foxy wrote the name of the folder before that of the file.
    if len(path.parts) == 2 and not (folder / path).exists() and path.parts[0] != "..":
        path = Path(path.name)
    if not (folder / path).is_file():  # named before it was packed, or since unpacked
        for other in (f"{path}{FILE_SUFFIX}", str(path).removesuffix(FILE_SUFFIX)):
            if (folder / other).is_file():
                path = Path(other)
                break
    outside = path.is_absolute() or ".." in path.parts or "\0" in name
    if outside or not (folder / path).resolve().is_relative_to(folder.resolve()):
        raise BagError(
            f"{folder / metadata.FILE_NAME} names '{name[:200]!s}', which is outside of the bag's "
            "folder: it is not read; put the file into the folder and reindex the bag"
        )
    return folder / path


def check_one_storage(folder: Path, files: Sequence[Path]) -> None:
    """BagError for files that no reader takes together."""
    for path in files:
        if not path.name.endswith(SUFFIXES):
            raise BagError(
                f"{path} is none of {', '.join(SUFFIXES)}: unpack it, and reindex the bag"
            )
    if len({storage_of(path) for path in files}) > 1:
        raise BagError(f"{folder} holds .mcap and .db3: take the files of one of the two out")


def _messages(path: Path, verify: bool, by_time: bool) -> Iterator[BagMessage]:
    if path.suffix == SQLITE:
        for row in sqlite_file.messages(path, by_time):
            yield BagMessage(row.topic.name, row.topic.type, _plain(row.data), row.log_ns)
    else:
        for channel, schema, _, log_ns, _, data in mcap_file.messages(path, verify, by_time):
            yield BagMessage(channel.topic, schema.name, _plain(data), log_ns)


def _plain(data: bytes | memoryview) -> bytes | memoryview:
    """Whoever compressed each message by itself left metadata.yaml alone to tell."""
    return unpack_message(data) if data[:4] == ZSTD_MAGIC else data


def _counted(path: Path) -> tuple[list[BagTopic], int, int]:
    """The topics of a plain file, first and last log time. Raises DamageError."""
    if path.suffix == SQLITE:
        rows, low, high = sqlite_file.counts(path)
        topics = [
            BagTopic(t.name, t.type, qos_from_yaml(t.qos), t.type_hash, count,
                     t.serialization_format)
            for t, count in rows.items()
        ]  # fmt: skip
        return topics, low, high
    end = mcap_file.summary(path)
    if end is None:
        return _walked(path)
    told = end.statistics
    counted = [
        topic_of(channel, schema, told.channel_message_counts.get(channel.id, 0))
        for channel, schema in end.channels
    ]
    return counted, told.message_start_time, told.message_end_time


def _walked(path: Path) -> tuple[list[BagTopic], int, int]:
    """The same of a file whose end tells nothing."""
    names = mcap_records.Names()
    times: dict[int, list[int]] = {}
    try:
        for record in mcap_file.records(path, names):
            if isinstance(record, mcap_records.Message):
                times.setdefault(record.channel.id, []).append(record.log_ns)
    except DamageError:
        pass  # told when the messages are read
    topics = [
        topic_of(*pair, len(times.get(number, ()))) for number, pair in names.channels.items()
    ]
    every = [log_ns for each in times.values() for log_ns in each]
    return topics, min(every, default=0), max(every, default=0)


def topic_of(channel: mcap_records.Channel, schema: mcap_records.Schema, count: int) -> BagTopic:
    """The topic that an MCAP channel stands for."""
    return BagTopic(
        channel.topic,
        schema.name,
        qos_from_yaml(channel.metadata.get("offered_qos_profiles")),
        channel.metadata.get("topic_type_hash", ""),
        count,
        channel.message_encoding,
        schema.data.decode("utf-8", "replace"),
    )


def _compression(files: Sequence[Path], told: Told | None) -> str:
    if any(path.suffix == FILE_SUFFIX for path in files):
        return metadata.BY_FILE
    return metadata.BY_MESSAGE if told and told.compression == metadata.BY_MESSAGE else ""
