"""Stands in for cv2.VideoCapture on a V4L2 device: modes, controls, stamps, unplugging."""

from __future__ import annotations

import cv2
import numpy as np
from act_core.timing import FakeClock


class FakeCapture:
    """A camera with the sizes and controls given; a frame comes every ``period_s`` of ``clock``.

    As with a real driver, a size that does not exist is replaced by the nearest, the format can
    only be one that exists, and a control that does not exist is refused.
    """

    def __init__(
        self,
        clock: FakeClock,
        sizes=((640, 480), (1280, 720)),
        formats=("MJPG", "YUYV"),
        controls=(
            cv2.CAP_PROP_AUTO_EXPOSURE, cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_GAIN,
            cv2.CAP_PROP_AUTO_WB, cv2.CAP_PROP_WB_TEMPERATURE,
        ),
        latency_s: float = 0.004,
        period_s: float = 1 / 30,
        opens: bool = True,
    ) -> None:  # fmt: skip
        self.clock = clock
        self.sizes, self.formats, self.controls = sizes, formats, controls
        self.latency_s, self.period_s, self.opens = latency_s, period_s, opens
        self.format, self.size, self.rate_hz = formats[-1], list(sizes[0]), 30.0
        self.converts = True
        self.control_values: dict[int, float] = {}
        self.frames: list = []  # what the next reads give in place of a good picture
        self.stamp_offset_s = 0.0
        self.opened_with: tuple | None = None
        self.order: list[int] = []
        self.released = False

    def __call__(self, device: str, api: int) -> FakeCapture:
        self.opened_with = (device, api)
        return self

    def isOpened(self) -> bool:
        return self.opens

    def set(self, property_id: int, value: float) -> bool:
        self.order.append(property_id)
        if property_id == cv2.CAP_PROP_CONVERT_RGB:
            self.converts = bool(value)
            return True
        if property_id == cv2.CAP_PROP_FOURCC:
            wanted = "".join(chr(int(value) >> 8 * k & 0xFF) for k in range(4))
            self.format = wanted if wanted in self.formats else self.format
            return wanted == self.format
        if property_id in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT):
            self.size[property_id == cv2.CAP_PROP_FRAME_HEIGHT] = int(value)
            if property_id == cv2.CAP_PROP_FRAME_HEIGHT:
                self.size = list(min(self.sizes, key=lambda s: abs(s[1] - self.size[1])))
            return True
        if property_id == cv2.CAP_PROP_FPS:
            self.rate_hz = value if self.format == "MJPG" else 5.0
            return True
        if property_id not in self.controls:
            return False
        self.control_values[property_id] = value
        return True

    def get(self, property_id: int) -> float:
        if property_id == cv2.CAP_PROP_POS_MSEC:
            return self._stamp_ms
        return {
            cv2.CAP_PROP_FOURCC: float(sum(ord(c) << 8 * k for k, c in enumerate(self.format))),
            cv2.CAP_PROP_FRAME_WIDTH: float(self.size[0]),
            cv2.CAP_PROP_FRAME_HEIGHT: float(self.size[1]),
            cv2.CAP_PROP_FPS: self.rate_hz,
        }[property_id]

    def read(self):
        self.clock.advance(self.period_s)
        self._stamp_ms = (self.clock.now_ns() / 1e9 + self.stamp_offset_s) * 1e3
        self.clock.advance(self.latency_s)
        if self.frames:
            return self.frames.pop(0)
        image = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        image[..., 0] = 200  # blue, in OpenCV's order
        if self.format == "MJPG" and not self.converts:
            return True, buffer_with(without_tables(jpeg_of(image)))
        return True, image

    def release(self) -> None:
        self.released = True


def jpeg_of(image: np.ndarray, quality: int = 95) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def without_tables(jpeg: bytes) -> bytes:
    """As most cameras send it: the Huffman tables are those of the standard anyway."""
    at, kept = 2, jpeg[:2]
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if jpeg[at + 1] != 0xC4:
            kept += jpeg[at:end]
        at = end
    return kept + jpeg[at:]


def buffer_with(jpeg: bytes, length: int = 100_000) -> np.ndarray:
    """A driver's buffer, one row: behind the picture are the remains of an older, longer one."""
    remains = jpeg_of(np.full((64, 64, 3), 7, np.uint8))
    return np.frombuffer((jpeg + remains).ljust(length, b"\x00"), np.uint8).reshape(1, -1)


UNPLUGGED = (False, None)
DAMAGED = (True, np.empty((0, 0, 3), np.uint8))
