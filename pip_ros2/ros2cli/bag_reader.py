"""Reads rosbag2 folders and MCAP files, also those that a killed recorder has left behind."""

from __future__ import annotations

import struct
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from mcap.exceptions import McapError
from mcap.reader import SeekingReader
from mcap.records import Channel, Message, Schema
from mcap.stream_reader import StreamReader
from zstandard import ZstdError

from ros2cli import bag_metadata
from ros2cli.bag_metadata import BagFile, BagMetadata, BagTopic
from ros2cli.errors import CliError, unknown

# What a record that was cut off, or a chunk with a wrong checksum, raises in the mcap library.
DAMAGE = (McapError, ValueError, RuntimeError, struct.error, ZstdError)


class BagMessage(NamedTuple):
    """One message as it was received; times are nanoseconds since the epoch."""

    topic: str
    data: bytes
    log_ns: int
    publish_ns: int


class Bag(NamedTuple):
    """A bag that can be read: its metadata and where its files lie."""

    folder: Path
    metadata: BagMetadata

    @property
    def files(self) -> list[Path]:
        return [self.folder / file.path for file in self.metadata.files]

    @property
    def size_bytes(self) -> int:
        return sum(path.stat().st_size for path in self.files)


def open_bag(path: Path) -> Bag:
    """Open a folder or a single .mcap file; CliError that says what is wrong with the path."""
    if path.is_file():
        return Bag(path.parent, scan([path]))
    if not path.is_dir():
        bags = {p.parent.name for p in path.parent.glob(f"*/{bag_metadata.FILE_NAME}")}
        raise unknown("bag", str(path), [str(path.parent / name) for name in bags])
    if (path / bag_metadata.FILE_NAME).is_file():
        bag = Bag(path, bag_metadata.load(path / bag_metadata.FILE_NAME))
        missing = [str(file) for file in bag.files if not file.is_file()]
        if missing:
            raise CliError(f"{path} names files that are not there: {', '.join(missing)}")
        return bag
    files = sorted(path.glob("*.mcap"))
    if not files:
        raise CliError(f"{path} is no bag: it holds neither {bag_metadata.FILE_NAME} nor .mcap")
    print(
        f"WARNING: {path} has no {bag_metadata.FILE_NAME}: the recorder was killed or still runs. "
        f"'ros2 bag reindex {path}' repairs it.",
        file=sys.stderr,
    )
    return Bag(path, scan(files))


def messages(
    bag: Bag, topics: Collection[str] | None = None, start_ns: int | None = None
) -> Iterator[BagMessage]:
    """The messages in the order of their log times; of damaged files in the order of the file."""
    for path in bag.files:
        if not is_closed(path):
            for _, channel, message in intact_records(path):
                wanted = topics is None or channel.topic in topics
                if wanted and (start_ns is None or message.log_time >= start_ns):
                    yield _bag_message(channel, message)
            continue
        with path.open("rb") as stream:
            found = SeekingReader(stream).iter_messages(topics, starting_at=start_ns)
            for _, channel, message in found:
                yield _bag_message(channel, message)


def intact_records(path: Path) -> Iterator[tuple[Schema, Channel, Message]]:
    """All messages up to the first damaged or missing chunk, in the order of the file."""
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    with path.open("rb") as stream:
        records = StreamReader(stream, validate_crcs=True).records
        while True:
            try:
                record = next(records, None)
            except DAMAGE:
                return
            if record is None:
                return
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, Channel):
                channels[record.id] = record
            elif isinstance(record, Message):
                channel = channels[record.channel_id]
                yield schemas[channel.schema_id], channel, record


def is_closed(path: Path) -> bool:
    """True when the file has the footer and index that its writer adds at the end."""
    with path.open("rb") as stream:
        try:
            return SeekingReader(stream).get_summary() is not None
        except (OSError, *DAMAGE):
            return False


def scan(files: list[Path]) -> BagMetadata:
    """Metadata from the messages themselves."""
    topics: dict[str, BagTopic] = {}
    counts: dict[str, int] = {}
    found = []
    for path in files:
        first_ns, last_ns, count = 0, 0, 0
        for schema, channel, message in intact_records(path):
            if channel.topic not in topics:
                topics[channel.topic] = topic_of(schema, channel)
            counts[channel.topic] = counts.get(channel.topic, 0) + 1
            first_ns = min(first_ns, message.log_time) if count else message.log_time
            last_ns = max(last_ns, message.log_time)
            count += 1
        found.append(BagFile(path.name, first_ns, max(0, last_ns - first_ns), count))
    counted = [
        BagTopic(t.name, t.type, t.qos, t.type_hash, counts[name], t.serialization_format)
        for name, t in topics.items()
    ]
    return BagMetadata(tuple(found), tuple(counted))


def topic_of(schema: Schema, channel: Channel) -> BagTopic:
    """The topic that an MCAP channel stands for."""
    return BagTopic(
        channel.topic,
        schema.name,
        bag_metadata.qos_from_yaml(channel.metadata.get("offered_qos_profiles")),
        channel.metadata.get("topic_type_hash", ""),
        serialization_format=channel.message_encoding,
    )


def _bag_message(channel: Channel, message: Message) -> BagMessage:
    return BagMessage(channel.topic, message.data, message.log_time, message.publish_time)
