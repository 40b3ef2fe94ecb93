"""Unpacks chunks, messages and files, none of which is believed about its size.

A packed size limits what can come out of it, so a claim beyond that is refused before memory is
asked for: a block of Zstandard gives at most 128 KiB and takes at least four bytes (RFC 8878,
3.1.1.2), a byte of LZ4 stands for at most 255.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import zstandard
from lz4.frame import LZ4FrameDecompressor

from rosbag_lite.errors import BagError, DamageError, check_is_itself

MAX_UNPACKED_BYTES = 256 * 1024 * 1024  # of a chunk or message; rosbag2's chunks have 0.75 MiB
ZSTD_BLOCK_BYTES = 128 * 1024
ZSTD_MAX_RATIO = ZSTD_BLOCK_BYTES // 4
LZ4_MAX_RATIO = 255
MAX_WINDOW_BYTES = 128 * 1024 * 1024  # as the zstd command takes it
SPARE_DISK_BYTES = 256 * 1024 * 1024  # that unpacking a file leaves free
PIECE_BYTES = 4096  # of a packed file at once: at most 128 MiB come out of it

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # no message in CDR begins so: its first byte is zero
FILE_SUFFIX = ".zstd"

Bytes = bytes | memoryview


def unpack(packed: Bytes, compression: str, size: int) -> memoryview:
    """What a chunk of ``size`` bytes was before it was packed. Raises DamageError."""
    if compression == "":
        unpacked: Bytes = packed
    elif compression == "zstd":
        unpacked = _zstd(packed, size)
    elif compression == "lz4":
        unpacked = _lz4(packed, size)
    else:
        raise BagError(f"a chunk is compressed by '{compression[:20]}', known: none, lz4, zstd")
    if len(unpacked) != size:
        raise DamageError(f"a chunk of {len(unpacked)} bytes claims to have {size}")
    return memoryview(unpacked)


def unpack_message(packed: Bytes) -> bytes:
    """A message that rosbag2 compressed by itself. Raises DamageError."""
    size = _zstd_size(packed)
    return _zstd(packed, size) if size is not None else _zstd_in_pieces(packed, MAX_UNPACKED_BYTES)


@contextmanager
def unpacked_file(path: Path) -> Iterator[Path]:
    """The file itself, or for one that was compressed as a whole a temporary copy of its content.

    Raises BagError when it cannot be unpacked, or not for want of space, and for a
    pointer of Git LFS.
    """
    check_is_itself(path)
    if path.suffix != FILE_SUFFIX:
        yield path
        return
    suffix = Path(path.stem).suffix
    with path.open("rb") as packed, tempfile.NamedTemporaryFile(suffix=suffix) as copy:
        try:
            _copy_unpacked(packed, copy)
        except zstandard.ZstdError as error:
            raise BagError(f"{path} cannot be unpacked: {error}") from None
        copy.flush()
        yield Path(copy.name)


def _copy_unpacked(packed: IO[bytes], copy: IO[bytes]) -> None:
    room = shutil.disk_usage(tempfile.gettempdir()).free - SPARE_DISK_BYTES
    frame = None
    rest = b""
    while piece := rest or packed.read(PIECE_BYTES):
        if frame is None or frame.eof:
            decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
            frame = decompressor.decompressobj()
        content = frame.decompress(piece)
        rest = frame.unused_data if frame.eof else b""
        room -= len(content)
        if room < 0:
            raise BagError(
                f"{packed.name} does not fit into {tempfile.gettempdir()} when it is unpacked: "
                "free some space there, or name another folder with TMPDIR"
            )
        copy.write(content)
    if frame is None or not frame.eof:
        raise BagError(
            f"{packed.name} was cut off: its recorder was killed while it was packing it. Where "
            "the unpacked file is still there, delete this one and reindex the bag"
        )


def _zstd_size(packed: Bytes) -> int | None:
    """What a frame says of its content; None where it does not. Raises DamageError."""
    try:
        size = zstandard.frame_content_size(packed[:32])
    except zstandard.ZstdError as error:
        raise DamageError(f"what should be packed is not: {error}") from None
    return None if size < 0 else size


def _zstd(packed: Bytes, size: int) -> bytes:
    told = _zstd_size(packed)
    _check_size(size, len(packed), ZSTD_MAX_RATIO)
    if told is None:
        return _zstd_in_pieces(packed, size)
    if told != size:
        raise DamageError(f"a chunk of {told} bytes claims to have {size}")
    try:
        return zstandard.ZstdDecompressor().decompress(packed) if size else b""
    except zstandard.ZstdError as error:
        raise DamageError(f"what was packed is damaged: {error}") from None


def _zstd_in_pieces(packed: Bytes, most: int) -> bytes:
    """The content of a frame that does not tell its size; memory grows with what comes."""
    frame = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES).decompressobj()
    parts, size = [], 0
    try:
        for at in range(0, len(packed), PIECE_BYTES):
            parts.append(frame.decompress(bytes(packed[at : at + PIECE_BYTES])))
            size += len(parts[-1])
            if size > most:
                raise DamageError(f"more than {most} bytes came out of {len(packed)}")
            if frame.eof:
                return b"".join(parts)
    except zstandard.ZstdError as error:
        raise DamageError(f"what was packed is damaged: {error}") from None
    raise DamageError("what was packed is cut off")


def _lz4(packed: Bytes, size: int) -> bytes:
    _check_size(size, len(packed), LZ4_MAX_RATIO)
    try:
        return LZ4FrameDecompressor().decompress(packed, max_length=size + 1)
    except (RuntimeError, ValueError, EOFError) as error:
        raise DamageError(f"what was packed is damaged: {error}") from None


def _check_size(size: int, packed: int, ratio: int) -> None:
    if size > ratio * packed + ZSTD_BLOCK_BYTES:
        raise DamageError(f"{size} bytes cannot come out of {packed}")
    if size > MAX_UNPACKED_BYTES:
        raise BagError(
            f"a packed chunk or message of {size / 1e6:.0f} MB, expected at most "
            f"{MAX_UNPACKED_BYTES / 1e6:.0f} MB: record with smaller chunks, or without packing"
        )
