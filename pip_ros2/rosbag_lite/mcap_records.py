"""The records of an MCAP file, as the library `mcap` reads them. Layout: https://mcap.dev/spec

Only messages are read here, without copying what is large. A wrong size, number or text raises
`DamageError` and nothing else.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, NamedTuple

from mcap.data_stream import ReadDataStream
from mcap.exceptions import EndOfFile
from mcap.opcode import Opcode
from mcap.records import Attachment, Channel, Metadata, Schema, Statistics

from rosbag_lite.errors import DamageError

LARGE_BYTES = 4096  # from here on, a view of the file or chunk in place of a copy
MAX_TIME_NS = 2**63 - 1  # ROS times are signed
MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time


class Message(NamedTuple):
    """One message; times are nanoseconds since the epoch."""

    channel: Channel
    schema: Schema
    sequence: int
    log_ns: int
    publish_ns: int
    data: bytes | memoryview


Record = Schema | Channel | Message | Attachment | Metadata

_KINDS: dict[int, Any] = {
    Opcode.SCHEMA: Schema,
    Opcode.CHANNEL: Channel,
    Opcode.ATTACHMENT: Attachment,
    Opcode.METADATA: Metadata,
    Opcode.STATISTICS: Statistics,
}


class _Exact(ReadDataStream):
    """Gives all that is asked for, where the library gives what there is."""

    def read(self, length: int) -> bytes:
        data = super().read(length)
        if len(data) != length:
            raise EndOfFile
        return data


def parse(opcode: int, content: memoryview) -> Any:
    """The record, of one of the kinds above."""
    try:
        return _KINDS[opcode].read(_Exact(BytesIO(content)))
    except UnicodeDecodeError:
        raise DamageError("a text that is no UTF-8") from None
    except (EndOfFile, OverflowError, MemoryError):
        raise DamageError("a record ends in one of its fields") from None


@dataclass
class Names:
    """What the numbers in the records stand for."""

    schemas: dict[int, Schema] = field(default_factory=lambda: {0: Schema(0, b"", "", "")})
    channels: dict[int, tuple[Channel, Schema]] = field(default_factory=dict)

    def read(self, opcode: int, content: memoryview) -> Record:
        """The record; later ones may refer to it."""
        if opcode == Opcode.MESSAGE:
            return self._message(content)
        record = parse(opcode, content)
        if isinstance(record, Schema):
            return self.schemas.setdefault(record.id, record)
        if isinstance(record, Channel):
            schema = self.schemas.get(record.schema_id)
            if schema is None:
                raise DamageError(
                    f"channel {record.id} is of schema {record.schema_id}, which is not there"
                )
            return self.channels.setdefault(record.id, (record, schema))[0]
        return record

    def _message(self, content: memoryview) -> Message:
        if len(content) < MESSAGE_HEAD.size:
            raise DamageError(f"a message of {len(content)} bytes")
        number, sequence, log_ns, publish_ns = MESSAGE_HEAD.unpack_from(content)
        if number not in self.channels:
            raise DamageError(f"a message of channel {number}, which is not there")
        if log_ns > MAX_TIME_NS:
            raise DamageError(f"a message of the time {log_ns}, beyond the year 2262")
        view = content[MESSAGE_HEAD.size :]
        data = view if len(view) > LARGE_BYTES else bytes(view)
        return Message(*self.channels[number], sequence, log_ns, publish_ns, data)
