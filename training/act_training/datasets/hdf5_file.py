"""HDF5 files of strangers: what is inside the file, of a bounded size, and completely written.

HDF5 can take a dataset's content from other files (external links, external storage, virtual
datasets), and a file of a kilobyte can claim a petabyte of zeros.
"""

from __future__ import annotations

import math
import mmap
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from act_training.datasets.errors import DatasetError
from act_training.datasets.foreign import LARGEST_COUNT, check_memory

LARGEST_ATTRIBUTE = 65_536  # bytes
LARGEST_GROUP = 1_000_000  # members
LARGEST_RATIO = 1100  # of content to what is stored; deflate reaches 1032
HEAP = b"GCOL\x01"  # how a collection of the global heap begins: signature and version
WORD = 8  # bytes of an address and of a length in the file, as everybody writes them


def open_file(path: Path) -> h5py.File:
    """The file, for reading; DatasetError for one in whose texts the library would never end.

    Raises OSError as `h5py.File` does.
    """
    status = os.stat(path)
    _check_heaps(path, (status.st_size, status.st_mtime_ns))
    file = h5py.File(path, "r")
    sizes = file.id.get_create_plist().get_sizes()
    if sizes != (WORD, WORD):
        file.close()
        raise DatasetError(f"addresses and lengths of {sizes} bytes, expected {WORD}")
    return file


@lru_cache(maxsize=10_000)
def _check_heaps(path: Path, _version: object) -> None:
    """DatasetError for a collection of the global heap with an object that leads to itself.

    Texts of changing length are kept there. The library goes from object to object without a look
    at how far that is (seen in HDF5 2.0.0, H5HG__cache_heap_deserialize: a page of zeros in the
    wrong place, and it reads for ever, deaf to Ctrl-C).
    """
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            start = data.find(HEAP)
            while start >= 0:
                if _leads_to_itself(data, start):
                    raise DatasetError(
                        f"it is damaged at byte {start}, where its texts are: it was not written "
                        "to the end, or has been changed"
                    )
                start = data.find(HEAP, start + 1)


def _leads_to_itself(data: mmap.mmap, start: int) -> bool:
    """Whether an object of the collection takes no room.

    A collection is its head (signature, version, 3 bytes, size) and objects: index (2), references
    (2), 4 bytes, length (8), and but for index 0, which is what is free, the content in whole words
    (https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, III.E).
    """
    if start + 16 > len(data):
        return False
    (size,) = struct.unpack_from("<Q", data, start + 8)
    end, at = min(start + size, len(data)), start + 16
    while at + 16 <= end:
        index, length = struct.unpack_from("<H6xQ", data, at)
        step = length if index == 0 else 16 + (length + WORD - 1) // WORD * WORD
        if step % 2**64 == 0:
            return True
        at += step % 2**64
    return False


def member_names(group: h5py.Group) -> list[str]:
    """What is in a group, by name."""
    if len(group) > LARGEST_GROUP:
        raise DatasetError(f"'{group.name}' claims {len(group)} members")
    return [name for name in group if isinstance(name, str)]


def find_node(group: h5py.Group, path: str) -> h5py.Group | h5py.Dataset | None:
    """The group or dataset at `path` below `group`; None where there is none.

    Raises DatasetError for a link, which may lead out of the file.
    """
    node: Any = group
    for name in path.split("/"):
        if not isinstance(node, h5py.Group):
            return None
        link = node.get(name, getlink=True) if name in node.keys() else None  # noqa: SIM118
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            where = getattr(link, "filename", None)
            what = f"a link to the file '{where}'" if where else "a link"
            raise DatasetError(
                f"'{node.name.rstrip('/')}/{name}' is {what}: copy what it means into the file "
                "itself. It is not read"
            )
        node = node[name]
    return node if isinstance(node, (h5py.Group, h5py.Dataset)) else None


def read_rows(node: h5py.Dataset) -> NDArray:
    """All of a dataset of numbers; DatasetError unless every one of them is stored in the file."""
    what = f"'{node.name}'"
    if node.external is not None or node.is_virtual:
        raise DatasetError(
            f"{what} keeps its content in other files: copy it into the file itself. It is not read"
        )
    if node.dtype.kind not in "fiub" or node.dtype.itemsize > 8 or node.shape is None:
        raise DatasetError(f"{what} is of type {node.dtype}, expected numbers")
    if not node.shape or not node.shape[0] <= LARGEST_COUNT:
        raise DatasetError(f"{what} has the shape {node.shape}, expected rows")
    check_memory(what, [node.shape], node.dtype.itemsize)
    size = math.prod(node.shape) * node.dtype.itemsize
    stored = node.id.get_storage_size()
    if stored > os.path.getsize(node.file.filename):
        raise DatasetError(f"{what} claims {stored} bytes, more than the file has: it is truncated")
    if node.chunks is not None and size:
        chunks = math.prod(-(-n // c) for n, c in zip(node.shape, node.chunks, strict=True))
        check_memory(f"a part of {what}", [node.chunks], node.dtype.itemsize)
        if node.id.get_num_chunks() != chunks:
            raise DatasetError(
                f"{what} has {node.id.get_num_chunks()} of {chunks} parts: it was not written to "
                "the end"
            )
    elif node.chunks is None and stored < size:
        raise DatasetError(f"{what} has {stored} of {size} bytes: it was not written to the end")
    if size > LARGEST_RATIO * max(stored, 1):
        raise DatasetError(f"{what} claims {size} bytes out of {stored}")
    return _unpack_rows(node) if size and _has_zlib_rows(node) else node[()]


def _has_zlib_rows(node: h5py.Dataset) -> bool:
    """Whether each row of it is compressed on its own by zlib, and changed in no other way."""
    filters = node.id.get_create_plist().get_nfilters()
    return node.chunks == (1, *node.shape[1:]) and node.compression == "gzip" and filters == 1


def _unpack_rows(node: h5py.Dataset) -> NDArray:
    """All of a dataset with zlib rows, by as many threads as there are cores: HDF5 itself takes one
    row after the other. OSError for a row that is not whole."""
    rows = np.empty(node.shape, node.dtype)
    size, within = rows[0].nbytes, (0,) * (rows.ndim - 1)

    def unpack(row: int) -> None:
        is_stored_as_is, data = node.id.read_direct_chunk((row, *within))
        if not is_stored_as_is:
            unpacker = zlib.decompressobj()
            data = unpacker.decompress(data, size + 1)  # at most, whatever is claimed
            if not unpacker.eof:
                raise OSError(f"row {row} of '{node.name}' does not end where it should")
        if len(data) != size:
            raise OSError(f"row {row} of '{node.name}' has {len(data)} bytes, expected {size}")
        rows[row] = np.frombuffer(data, node.dtype).reshape(node.shape[1:])

    try:
        threads = os.cpu_count() or 1
        with ThreadPoolExecutor(threads) as pool:
            shares = [range(first, len(rows), threads) for first in range(threads)]
            list(pool.map(lambda share: list(map(unpack, share)), shares))
    except zlib.error as error:
        raise OSError(f"'{node.name}' cannot be unpacked ({error})") from error
    return rows


def attribute(node: h5py.Group | h5py.File, name: str) -> Any:
    """A short attribute, a number, a text or a few of them; None where there is none.

    Raises DatasetError for a larger one.
    """
    if name not in node.attrs:
        return None
    stored = node.attrs.get_id(name)
    count = math.prod(stored.shape)
    if count * max(stored.dtype.itemsize, 1) > LARGEST_ATTRIBUTE:
        raise DatasetError(f"the attribute '{name}' claims {count} values")
    value = node.attrs[name]
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, np.ndarray) and value.size == 1 and value.ndim == 0:
        return value.item()
    return value
