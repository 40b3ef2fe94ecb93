"""The arrays of ``parity.npz``, read within bounds that are known before anything is allocated."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from act_core.foreign_file import shown_path
from act_core.foreign_text import clean, clean_list
from act_core.policy_spec import ArrayType, BundleError
from numpy.typing import NDArray

MAX_BYTES = 2**30  # of all arrays; 8 samples of two cameras with 640 x 480 pixels are 15 million
MAX_ENTRIES = 1000
# What zipfile, zlib and numpy raise for bytes that are no such file.
DAMAGED = (
    OSError, ValueError, EOFError, KeyError, TypeError, SyntaxError, RuntimeError, RecursionError,
    MemoryError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def read_arrays(path: Path, expected: Mapping[str, ArrayType]) -> dict[str, NDArray[Any]]:
    """The arrays of a file by name, each of its type behind a leading axis of any length; nothing
    beyond `MAX_BYTES` is unpacked.

    Raises BundleError for other names, types or shapes and for a file that is damaged.
    """
    shown = shown_path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()[:MAX_ENTRIES]}
            names = {name.removesuffix(".npy") for name in entries}
            if names != set(expected):
                found = clean_list(sorted(names))
                raise BundleError(f"{shown} has {found}; expected {clean_list(expected)}")
            room, arrays = MAX_BYTES, {}
            for name, wanted in expected.items():
                entry = entries[f"{name}.npy"]
                if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise BundleError(f"{shown}: '{name}' is packed as numpy never does")
                with archive.open(entry) as file:
                    arrays[name] = _read_array(file, f"{shown}: '{name}'", wanted, room)
                room -= arrays[name].nbytes
    except BundleError:
        raise
    except DAMAGED as error:
        raise BundleError(f"{shown} cannot be read: {clean(error, 200) or error!r}") from error
    return arrays


def _read_array(file: IO[bytes], what: str, wanted: ArrayType, room: int) -> NDArray[Any]:
    version = np.lib.format.read_magic(file)
    if version != (1, 0):  # later ones are for headers of more than 64 kB
        raise BundleError(f"{what} has version {version} of numpy's format, expected (1, 0)")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
    if shape[1:] != wanted.shape or len(shape) != len(wanted.shape) + 1 or dtype != wanted.dtype:
        raise BundleError(
            f"{what} is {dtype} {shape}, expected {wanted.dtype} {(*shape[:1], *wanted.shape)}"
        )
    size = math.prod(shape) * dtype.itemsize
    if not 0 <= size <= room:
        raise BundleError(f"{what} would have {size} bytes, expected at most {room}")
    data = file.read(size)
    if len(data) != size:
        raise BundleError(f"{what} has {len(data)} bytes, expected {size}: the file is cut off")
    array = np.frombuffer(data, dtype)
    return array.reshape(shape[::-1]).T if by_columns else array.reshape(shape)
