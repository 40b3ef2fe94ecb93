"""Walks through an MCAP file without copying what is large.

The library's reader copies every picture four times, which is most of the time that a conversion
takes. Layout: https://mcap.dev/spec
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from lz4 import frame as lz4_frame
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Schema
from mcap.writer import MCAP0_MAGIC
from zstandard import ZstdError
from zstandard import decompress as zstd_decompress

# What a record that was cut off, or a chunk with a wrong checksum, raises here and in the library.
DAMAGE = (McapError, ValueError, RuntimeError, LookupError, struct.error, ZstdError)

LARGE_BYTES = 4096  # from here on, a view of the file or chunk in place of a copy

# Chunks are unpacked, and their checksums computed, beside the reading: all but a little of that
# time needs no Python.
THREADS = 2
AHEAD = 4  # chunks; each holds up to a few pictures
_WANTED = (Opcode.CHUNK, Opcode.MESSAGE, Opcode.SCHEMA, Opcode.CHANNEL)

_RECORD = struct.Struct("<BQ")  # opcode, length
_MESSAGE = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time
_CHUNK = struct.Struct("<QQQII")  # first and last time, size, checksum, length of compression name


class BagMessage(NamedTuple):
    """One message as it was received."""

    topic: str
    type_name: str
    data: bytes | memoryview
    log_ns: int  # when it was received


@dataclass
class _Names:
    """What the numbers in the messages stand for."""

    types: dict[int, str] = field(default_factory=dict)  # by schema
    channels: dict[int, tuple[str, str]] = field(default_factory=dict)  # topic and type


def mcap_messages(path: Path, verify: bool) -> Iterator[BagMessage]:
    """All messages up to the first damaged or missing record.

    verify: take a chunk with a wrong checksum for damaged.
    """
    with path.open("rb") as stream:
        if path.stat().st_size <= len(MCAP0_MAGIC):
            return
        view = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    names = _Names()
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            for opcode, content, chunk in _ahead(view[len(MCAP0_MAGIC) :], pool, verify):
                if chunk is None:
                    yield from _read(opcode, content, names)
                    continue
                for inner, part in _records(chunk.result()):
                    yield from _read(inner, part, names)
        except DAMAGE:
            return


def _ahead(
    view: memoryview, pool: ThreadPoolExecutor, verify: bool
) -> Iterator[tuple[int, memoryview, Future[memoryview] | None]]:
    """What is to be read up to the end of the data, with the contents of chunks."""
    waiting: deque[tuple[int, memoryview, Future[memoryview] | None]] = deque()
    for opcode, content in _records(view):
        if opcode == Opcode.DATA_END:
            break
        if opcode not in _WANTED:
            continue
        chunk = pool.submit(_unpacked, content, verify) if opcode == Opcode.CHUNK else None
        waiting.append((opcode, content, chunk))
        if len(waiting) > AHEAD:
            yield waiting.popleft()
    yield from waiting


def _records(view: memoryview) -> Iterator[tuple[int, memoryview]]:
    at = 0
    while at + _RECORD.size <= len(view):
        opcode, length = _RECORD.unpack_from(view, at)
        at += _RECORD.size
        if at + length > len(view):
            return  # cut off
        yield opcode, view[at : at + length]
        at += length


def _read(opcode: int, content: memoryview, names: _Names) -> Iterator[BagMessage]:
    if opcode == Opcode.MESSAGE:
        channel, _, log_ns, _ = _MESSAGE.unpack_from(content)
        topic, type_name = names.channels[channel]
        data = content[_MESSAGE.size :]
        yield BagMessage(topic, type_name, data if len(data) > LARGE_BYTES else bytes(data), log_ns)
    elif opcode == Opcode.SCHEMA:
        schema = Schema.read(ReadDataStream(BytesIO(content)))
        names.types[schema.id] = schema.name
    elif opcode == Opcode.CHANNEL:
        found = Channel.read(ReadDataStream(BytesIO(content)))
        names.channels[found.id] = (found.topic, names.types.get(found.schema_id, ""))


def _unpacked(chunk: memoryview, verify: bool) -> memoryview:
    """The records of a chunk. Raises one of `DAMAGE`."""
    _, _, size, checksum, length = _CHUNK.unpack_from(chunk)
    at = _CHUNK.size + length
    compression = bytes(chunk[_CHUNK.size : at]).decode()
    packed = chunk[at + 8 :]  # behind its length
    if compression == "zstd":
        records = memoryview(zstd_decompress(packed, size))
    elif compression == "lz4":
        records = memoryview(lz4_frame.decompress(packed))
    elif compression == "":
        records = packed
    else:
        raise ValueError(f"compression '{compression}' is not known")
    if verify and checksum and zlib.crc32(records) != checksum:
        raise ValueError("a chunk has a wrong checksum")
    return records
