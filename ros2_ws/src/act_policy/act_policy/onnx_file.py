"""What can be said of an ONNX file before an engine loads it: that it is one, and complete.

An engine follows a graph's external data to other files, wherever they are. A bundle's graph holds
its weights itself, so any such reference is refused. Only that is looked for, in the wire format of
protocol buffers (https://protobuf.dev/programming-guides/encoding); field numbers are those of
onnx.proto.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from act_core.foreign_text import clean
from act_core.policy_spec import BundleError

# Message -> field number -> message in it. Everything else is passed over.
_PARTS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "elsewhere"},  # external_data: a key, 1, and its value, 2
    "elsewhere": {},
}
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


def check_graph_file(path: Path) -> None:
    """Raises BundleError for a file that is no ONNX graph and for one that refers to others."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            reference = _first_reference(data)
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} does not load: it is no ONNX graph ({error})") from error
    if reference is not None:
        raise BundleError(
            f"{path} does not load: weights of it are in another file ('{clean(reference)}'), but "
            "a bundle's graph holds its own: export it again into one file"
        )


def _first_reference(data: mmap.mmap) -> str | None:
    """The first entry of external data; None where there is none. ValueError for damaged data."""
    waiting = [("model", 0, len(data))]
    while waiting:
        message, start, end = waiting.pop()
        if message == "elsewhere":
            return _value(data, start, end)
        for number, begin, stop in _fields(data, start, end):
            part = _PARTS[message].get(number)
            if part is not None:
                waiting.append((part, begin, stop))
    return None


def _value(data: mmap.mmap, start: int, end: int) -> str:
    """Of an entry with a key and a value, such as location: weights.bin."""
    texts = [data[begin:stop] for number, begin, stop in _fields(data, start, end) if number == 2]
    return b" ".join(texts).decode("utf-8", "replace")


def _fields(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of every field of a message that has a length."""
    while at < end:
        key, at = _varint(data, at, end)
        number, kind = key >> 3, key & 7
        if kind == _BYTES:
            size, at = _varint(data, at, end)
            if size > end - at:
                raise ValueError("it is cut off")
            yield number, at, at + size
            at += size
        elif kind == _VARINT:
            _, at = _varint(data, at, end)
        elif kind in (_FIXED_32, _FIXED_64):
            at += 4 if kind == _FIXED_32 else 8
        else:
            raise ValueError("it is damaged")
    if at != end:
        raise ValueError("it is cut off")


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """The number at ``at`` and where it ends."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("it is cut off")
