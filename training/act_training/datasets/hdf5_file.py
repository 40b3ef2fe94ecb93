"""HDF5 files of strangers: what is inside the file, of a bounded size, and completely written.

HDF5 can take a dataset's content from other files (external links, external storage, virtual
datasets), and a file of a kilobyte can claim a petabyte of zeros.
"""

from __future__ import annotations

import math
import os
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from act_training.datasets.errors import DatasetError
from act_training.datasets.foreign import LARGEST_COUNT, check_memory

LARGEST_ATTRIBUTE = 65_536  # bytes
LARGEST_GROUP = 1_000_000  # members
LARGEST_RATIO = 1100  # of content to what is stored; deflate reaches 1032


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
    return node[()]


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
