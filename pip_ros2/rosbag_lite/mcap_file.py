"""Walks through an MCAP file without copying what is large. Layout: https://mcap.dev/spec

Records are read in the order of the file, up to the first that is damaged or cut off; an index is
not needed.
"""

from __future__ import annotations

import heapq
import mmap
import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import accumulate, count
from pathlib import Path
from typing import NamedTuple

from mcap.opcode import Opcode

from rosbag_lite.compression import unpack
from rosbag_lite.errors import BagError, CutOffError, DamageError
from rosbag_lite.mcap_records import (
    MAX_TIME_NS,
    MESSAGE_HEAD,
    Attachment,
    Channel,
    Message,
    Names,
    Record,
    Schema,
    Statistics,
    parse,
)

MAGIC = b"\x89MCAP0\r\n"
# Chunks are unpacked, and their checksums computed, beside the reading: all but a little of that
# time needs no Python.
THREADS = 2
AHEAD = 4  # chunks; each holds up to a few pictures
HELD_BYTES = 256 * 1024 * 1024  # of messages that wait for earlier ones from later chunks

_MESSAGES = (Opcode.MESSAGE, Opcode.SCHEMA, Opcode.CHANNEL, Opcode.CHUNK)
_RECORD = struct.Struct("<BQ")  # opcode, length
_CHUNK = struct.Struct("<QQQII")  # first and last time, size, checksum, length of compression name
_FOOTER = struct.Struct("<QQI")  # where the summary is, where its offsets are, checksum


def messages(path: Path, verify: bool = True, by_time: bool = False) -> Iterator[Message]:
    """All messages up to the end or the first damage, which is raised as DamageError.

    verify: take a chunk with a wrong checksum for damaged.
    by_time: in the order of their log times in place of that of the file, as far as `HELD_BYTES`
        go: whoever recorded them out of order by more than that gets the later ones late.
    """
    view = _mapped(path)
    units = _units(
        view, Names(), verify, (Opcode.MESSAGE, Opcode.SCHEMA, Opcode.CHANNEL, Opcode.CHUNK)
    )
    if by_time:
        yield from _by_time(units, _first_times(view))
        return
    for unit in units:
        for record in unit:
            if isinstance(record, Message):
                yield record


def records(path: Path, names: Names | None = None) -> Iterator[Record]:
    """Everything in the file, verified, up to the end or the first damage.

    names: gets to know what the numbers in it stand for.
    """
    kinds = (
        Opcode.MESSAGE,
        Opcode.SCHEMA,
        Opcode.CHANNEL,
        Opcode.CHUNK,
        Opcode.ATTACHMENT,
        Opcode.METADATA,
    )
    for unit in _units(_mapped(path), names or Names(), True, kinds):
        yield from unit


def attachments(path: Path) -> Iterator[Attachment]:
    """Those before the first message."""
    for unit in _units(
        _mapped(path),
        Names(),
        True,
        (Opcode.SCHEMA, Opcode.CHANNEL, Opcode.CHUNK, Opcode.ATTACHMENT),
    ):
        for record in unit:
            if not isinstance(record, Attachment):
                return
            yield record


def is_closed(path: Path) -> bool:
    """Whether a writer came to the end: it adds the magic number once more."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - len(MAGIC)))
        return size > 2 * len(MAGIC) and stream.read() == MAGIC


class Summary(NamedTuple):
    """What the end of a whole file says of it."""

    channels: tuple[tuple[Channel, Schema], ...]
    statistics: Statistics


def summary(path: Path) -> Summary | None:
    """What the file's end says of it; None where it says too little, or nothing sensible."""
    if not is_closed(path):
        return None
    view = _mapped(path)
    names = Names()
    told: Statistics | None = None
    try:
        at = len(view) - len(MAGIC) - _RECORD.size - _FOOTER.size
        opcode, _ = _RECORD.unpack_from(view, max(0, at))
        start, _, checksum = _FOOTER.unpack_from(view, max(0, at) + _RECORD.size)
        if opcode != Opcode.FOOTER or not len(MAGIC) < start < at:
            return None
        covered = view[start : at + _RECORD.size + _FOOTER.size - 4]  # all but the checksum
        if checksum and zlib.crc32(covered) != checksum:
            return None
        for kind, content in _split(view[start:at]):
            if kind in (Opcode.SCHEMA, Opcode.CHANNEL):
                names.read(kind, content)
            elif kind == Opcode.STATISTICS:
                told = parse(kind, content)
    except (DamageError, struct.error):
        return None
    counts = told.channel_message_counts if told else {}
    if told is None or sum(counts.values()) != told.message_count:
        return None
    if told.message_end_time > MAX_TIME_NS or not set(counts) <= set(names.channels):
        return None
    return Summary(tuple(names.channels.values()), told)


def _mapped(path: Path) -> memoryview:
    """The bytes of the file. Raises BagError for one that is not MCAP."""
    with path.open("rb") as stream:
        head = stream.read(len(MAGIC))
        if head != MAGIC[: len(head)]:
            raise BagError(f"{path} is no MCAP file: it begins with {head!r}")
        if len(head) < len(MAGIC):
            return memoryview(MAGIC)  # killed before its first byte was on the disk
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))


def _split(view: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The records one after the other; CutOffError behind the last that is whole."""
    at = 0
    while at < len(view):
        if at + _RECORD.size > len(view):
            raise CutOffError("it ends in the middle of a record", len(view) - at)
        opcode, length = _RECORD.unpack_from(view, at)
        begin = at + _RECORD.size
        if begin + length > len(view):
            raise CutOffError("it ends in the middle of a record", len(view) - at)
        at = begin + length
        yield opcode, view[begin:at]


def _data(view: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The records up to the end of the data; CutOffError for a file that has no such end."""
    for opcode, content in _split(view[len(MAGIC) :]):
        if opcode in (Opcode.DATA_END, Opcode.FOOTER):
            return
        yield opcode, content
    raise CutOffError("it ends without its last record", 0)


def _units(
    view: memoryview, names: Names, verify: bool, kinds: tuple[int, ...]
) -> Iterator[Iterator[Record]]:
    """What the file holds, as the contents of chunks and single records."""
    for opcode, content, chunk in _ahead(view, verify, kinds):
        if chunk is None:
            yield iter((names.read(opcode, content),))
        else:
            yield _inside(chunk.result(), names)


def _inside(chunk: memoryview, names: Names) -> Iterator[Record]:
    try:
        for opcode, content in _split(chunk):
            if opcode in (Opcode.MESSAGE, Opcode.SCHEMA, Opcode.CHANNEL):
                yield names.read(opcode, content)
    except CutOffError as error:
        raise DamageError(f"in a chunk, {error}") from None


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads of a process, which a fork does not inherit. They are shared by all readings: a
    pool for each would be waited for by whatever thread the garbage collector runs in."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="chunks")


def _ahead(
    view: memoryview, verify: bool, kinds: tuple[int, ...]
) -> Iterator[tuple[int, memoryview, Future[memoryview] | None]]:
    """What is to be read, with the contents of chunks that are unpacked meanwhile."""
    waiting: deque[tuple[int, memoryview, Future[memoryview] | None]] = deque()
    ends, lost_bytes = "", 0
    pool = _pool(os.getpid())
    try:
        for opcode, content in _data(view):
            if opcode not in kinds:
                continue
            chunk = pool.submit(_unpacked, content, verify) if opcode == Opcode.CHUNK else None
            waiting.append((opcode, content, chunk))
            if len(waiting) > AHEAD:
                yield waiting.popleft()
    except CutOffError as error:
        ends, lost_bytes = str(error), error.lost_bytes
    yield from waiting
    if ends:
        raise CutOffError(ends, lost_bytes)


def _unpacked(chunk: memoryview, verify: bool) -> memoryview:
    """The records of a chunk."""
    if len(chunk) < _CHUNK.size:
        raise DamageError(f"a chunk of {len(chunk)} bytes")
    _, _, size, checksum, length = _CHUNK.unpack_from(chunk)
    at = _CHUNK.size + length
    if at + 8 > len(chunk):
        raise DamageError("a chunk ends in its header")
    compression = str(chunk[_CHUNK.size : at], "utf-8", "replace")
    packed = chunk[at + 8 :]
    told = int.from_bytes(chunk[at : at + 8], "little")
    if told > len(packed):
        raise DamageError(f"a chunk of {len(packed)} bytes claims to have {told}")
    unpacked = unpack(packed[:told], compression, size)
    if verify and checksum and zlib.crc32(unpacked) != checksum:
        raise DamageError("a chunk has a wrong checksum")
    return unpacked


def _first_times(view: memoryview) -> list[int]:
    """Of each unit, the earliest log time as its header has it; 0 for one without messages."""
    found = []
    try:
        for opcode, content in _data(view):
            if opcode == Opcode.CHUNK and len(content) >= _CHUNK.size:
                found.append(_CHUNK.unpack_from(content)[0])
            elif opcode == Opcode.MESSAGE and len(content) >= MESSAGE_HEAD.size:
                found.append(MESSAGE_HEAD.unpack_from(content)[2])
            elif opcode in (Opcode.MESSAGE, Opcode.SCHEMA, Opcode.CHANNEL, Opcode.CHUNK):
                found.append(MAX_TIME_NS)
    except DamageError:
        pass  # told by whoever reads the messages
    return found


def _by_time(units: Iterator[Iterator[Record]], first_ns: list[int]) -> Iterator[Message]:
    """Hands a message out once no later unit begins before it."""
    least = list(accumulate(reversed([*first_ns, MAX_TIME_NS]), min))[::-1]
    held: list[tuple[int, int, Message]] = []
    numbers, held_bytes = count(), 0
    damage: DamageError | None = None
    try:
        for unit, next_ns in zip(units, least[1:], strict=True):
            for record in unit:
                if isinstance(record, Message):
                    heapq.heappush(held, (record.log_ns, next(numbers), record))
                    held_bytes += len(record.data)
            while held and (held[0][0] <= next_ns or held_bytes > HELD_BYTES):
                message = heapq.heappop(held)[2]
                held_bytes -= len(message.data)
                yield message
    except DamageError as error:
        damage = DamageError(str(error))  # what was read before it comes first
    while held:
        yield heapq.heappop(held)[2]
    if damage is not None:
        raise damage
