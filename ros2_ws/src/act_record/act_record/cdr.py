"""The few messages that recordings are made of, from the bytes that they travel and are stored as.

Without ROS: a recording is converted on any machine. The layouts are those of sensor_msgs and
diagnostic_msgs, unchanged since ROS 2's first release; the encoding is CDR as the OMG defines it
(DDSI-RTPS 2.2, section 10): four bytes that name the byte order, then the fields, each aligned to
its own size. Everything here raises ValueError for bytes that hold no such message.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from act_core import images
from act_core.timing import NS_PER_S
from numpy.typing import NDArray

JOINT_STATE = "sensor_msgs/msg/JointState"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
DIAGNOSTIC_STATUS = "diagnostic_msgs/msg/DiagnosticStatus"

Bytes = bytes | memoryview

_LITTLE, _BIG = struct.Struct("<I"), struct.Struct(">I")
_ENCAPSULATION = 4  # bytes; alignment counts from behind them


class Joints(NamedTuple):
    """A sensor_msgs/JointState without effort."""

    stamp_ns: int
    names: tuple[str, ...]
    position: NDArray[np.float64]  # (J,) rad
    velocity: NDArray[np.float64]  # (J,) rad/s, or (0,)


def stamp_ns(data: Bytes) -> int:
    """The stamp of any message that begins with a header."""
    return _Fields(data).stamp_ns()


def read_joints(data: Bytes) -> Joints:
    fields = _Fields(data)
    stamp = fields.stamp_ns()
    fields.text()  # frame_id
    names = tuple(fields.text() for _ in range(fields.uint32()))
    return Joints(stamp, names, fields.doubles(), fields.doubles())


def read_status(data: Bytes) -> Mapping[str, str]:
    """The values of a diagnostic_msgs/DiagnosticStatus, and its text as ``message``."""
    fields = _Fields(data)
    fields.uint8()  # level
    fields.text()  # name
    message = fields.text()
    fields.text()  # hardware_id
    pairs = {fields.text(): fields.text() for _ in range(fields.uint32())}
    return {"message": message, **pairs}


def image_size(data: Bytes, type_name: str) -> tuple[int, int]:
    """(height, width) of an image message, raw or compressed [pixels]."""
    if type_name == COMPRESSED_IMAGE:
        height, width = read_image(data, type_name).shape[:2]
        return height, width
    fields = _Fields(data)
    fields.stamp_ns()
    fields.text()
    height, width = fields.uint32(), fields.uint32()
    fields.text()  # encoding
    fields.uint8()  # byte order
    step = fields.uint32()
    there = len(fields.octets())
    if not (0 < width <= step and 0 < height * step <= there):
        raise ValueError(f"an image of {width}x{height} in {there} bytes, {step} a row")
    return height, width


def read_image(data: Bytes, type_name: str) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, red first: what the policy node makes of the same message.

    A view of ``data`` where nothing has to be converted.
    """
    fields = _Fields(data)
    fields.stamp_ns()
    fields.text()
    if type_name == COMPRESSED_IMAGE:
        fields.text()  # format
        return images.decompress(fields.octets(), "rgb8")
    height, width, encoding = fields.uint32(), fields.uint32(), fields.text()
    big_endian, step = fields.uint8(), fields.uint32()
    pixels = images.unpack(fields.octets(), height, width, step, encoding, bool(big_endian))
    return images.convert(pixels, encoding, "rgb8")


class _Fields:
    """Reads the fields of one message in their order."""

    def __init__(self, data: Bytes) -> None:
        if len(data) < _ENCAPSULATION or data[0] != 0 or data[1] not in (0, 1):
            raise ValueError(f"{len(data)} bytes that are no message in plain CDR")
        self._data = data
        self._size = len(data)
        self._order = "<" if data[1] else ">"
        self._word = _LITTLE if data[1] else _BIG
        self._at = _ENCAPSULATION

    def stamp_ns(self) -> int:
        sec = self.uint32()
        return (sec if sec < 1 << 31 else sec - (1 << 32)) * NS_PER_S + self.uint32()

    def uint8(self) -> int:
        return self._take(1, 1)[0]

    def uint32(self) -> int:
        start = self._at + (_ENCAPSULATION - self._at) % 4
        self._at = start + 4
        if self._at > self._size:
            raise self._too_short()
        return int(self._word.unpack_from(self._data, start)[0])

    def text(self) -> str:
        length = self.uint32()
        start = self._at
        self._at = start + length
        if self._at > self._size:
            raise self._too_short()
        # Without the zero at its end. UnicodeDecodeError is a ValueError.
        return str(self._data[start : self._at - 1], "utf-8") if length else ""

    def octets(self) -> memoryview:
        return self._take(self.uint32(), 1)

    def doubles(self) -> NDArray[np.float64]:
        count = self.uint32()
        values = np.frombuffer(self._take(8 * count, 8 if count else 1), f"{self._order}f8")
        return values.astype(np.float64)

    def _take(self, size: int, alignment: int) -> memoryview:
        start = self._at + (_ENCAPSULATION - self._at) % alignment
        if start + size > self._size:
            raise self._too_short()
        self._at = start + size
        return memoryview(self._data)[start : self._at]

    def _too_short(self) -> ValueError:
        return ValueError(f"the message ends after {self._size} bytes, in a field")
