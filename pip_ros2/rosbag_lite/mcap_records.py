"""The records of an MCAP file. Layout: https://mcap.dev/spec

A wrong size, number or text raises `DamageError` and nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rosbag_lite.errors import DamageError

FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK = 0x02, 0x03, 0x04, 0x05, 0x06
ATTACHMENT, STATISTICS, METADATA, DATA_END = 0x09, 0x0B, 0x0C, 0x0F

LARGE_BYTES = 4096  # from here on, a view of the file or chunk in place of a copy
MAX_TIME_NS = 2**63 - 1  # ROS times are signed

MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time
_STATISTICS = struct.Struct("<QHIIIIQQ")  # messages; schemas, channels, ...; first and last time
_COUNT = struct.Struct("<HQ")


class Schema(NamedTuple):
    """A message type."""

    id: int
    name: str
    encoding: str
    data: bytes


class Channel(NamedTuple):
    """A topic."""

    id: int
    schema: Schema
    topic: str
    encoding: str
    metadata: Mapping[str, str]


class Message(NamedTuple):
    """One message; times are nanoseconds since the epoch."""

    channel: Channel
    sequence: int
    log_ns: int
    publish_ns: int
    data: bytes | memoryview


class Attachment(NamedTuple):
    """A file within the file."""

    log_ns: int
    create_ns: int
    name: str
    media_type: str
    data: bytes


class Metadata(NamedTuple):
    """Names and values that somebody attached."""

    name: str
    values: Mapping[str, str]


Record = Schema | Channel | Message | Attachment | Metadata


class Summary(NamedTuple):
    """What the end of a whole file says of it."""

    channels: tuple[Channel, ...]
    counts: Mapping[int, int]  # messages by channel
    start_ns: int
    end_ns: int


@dataclass
class Names:
    """What the numbers in the records stand for."""

    schemas: dict[int, Schema] = field(default_factory=lambda: {0: Schema(0, "", "", b"")})
    channels: dict[int, Channel] = field(default_factory=dict)

    def read(self, opcode: int, content: memoryview) -> Record:
        """The record; later ones may refer to it."""
        if opcode == MESSAGE:
            return self._message(content)
        fields = _Fields(content)
        if opcode == SCHEMA:
            schema = Schema(fields.uint(2), fields.text(), fields.text(), fields.block(4))
            return self.schemas.setdefault(schema.id, schema)
        if opcode == CHANNEL:
            number, schema_id = fields.uint(2), fields.uint(2)
            if schema_id not in self.schemas:
                raise DamageError(f"channel {number} is of schema {schema_id}, which is not there")
            channel = Channel(
                number, self.schemas[schema_id], fields.text(), fields.text(), fields.texts()
            )
            return self.channels.setdefault(number, channel)
        if opcode == METADATA:
            return Metadata(fields.text(), fields.texts())
        log_ns, create_ns = fields.uint(8), fields.uint(8)
        return Attachment(log_ns, create_ns, fields.text(), fields.text(), fields.block(8))

    def _message(self, content: memoryview) -> Message:
        if len(content) < MESSAGE_HEAD.size:
            raise DamageError(f"a message of {len(content)} bytes")
        number, sequence, log_ns, publish_ns = MESSAGE_HEAD.unpack_from(content)
        channel = self.channels.get(number)
        if channel is None:
            raise DamageError(f"a message of channel {number}, which is not there")
        if log_ns > MAX_TIME_NS:
            raise DamageError(f"a message of the time {log_ns}, beyond the year 2262")
        data = content[MESSAGE_HEAD.size :]
        return Message(
            channel, sequence, log_ns, publish_ns, data if len(data) > LARGE_BYTES else bytes(data)
        )


class _Fields:
    """Reads the fields of one record in their order, without going beyond its end."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._at = 0

    def uint(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def block(self, prefix: int) -> bytes:
        return bytes(self.take(self.uint(prefix)))

    def text(self) -> str:
        try:
            return str(self.take(self.uint(4)), "utf-8")
        except UnicodeDecodeError:
            raise DamageError("a text that is no UTF-8") from None

    def texts(self) -> dict[str, str]:
        end = self.uint(4) + self._at
        found = {}
        while self._at < end:
            name = self.text()
            found[name] = self.text()
        return found

    def take(self, size: int) -> memoryview:
        start, self._at = self._at, self._at + size
        if self._at > len(self._content):
            raise DamageError("a record ends in one of its fields")
        return self._content[start : self._at]


def read_statistics(content: memoryview) -> tuple[dict[int, int], int, int]:
    """Messages by channel, first and last log time."""
    fields = _Fields(content)
    total, *_, start_ns, end_ns = _STATISTICS.unpack(fields.take(_STATISTICS.size))
    counts = dict(_COUNT.iter_unpack(fields.block(4)))
    if sum(counts.values()) != total or end_ns > MAX_TIME_NS:
        raise DamageError("the statistics contradict themselves")
    return counts, start_ns, end_ns
