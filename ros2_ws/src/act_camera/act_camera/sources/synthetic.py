"""A camera that is not there: a pattern that tells the number of the frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from act_core import images
from act_core.parameters import parameter
from act_core.timing import Clock, MonotonicClock, PeriodicSchedule
from numpy.typing import NDArray

from act_camera.frame_source import Frame
from act_camera.sources import camera_source

INDEX_BITS = 16
STEP_PIXELS = 4  # that the bar moves from frame to frame


@dataclass(frozen=True)
class SyntheticOptions:
    """The parameter of a pattern beside those that every camera has."""

    motion_jpeg: bool = parameter(False, "deliver JPEGs, as most USB cameras do")


@camera_source("synthetic")
class SyntheticSource:
    """Frame n, at ``rate_hz``: a colour gradient, a white bar that moves on with every frame, and
    n modulo 2**16 as black and white blocks along the top edge (most significant bit first).

    `frame_index` reads the blocks, so a subscriber can tell which frame it got: after compression,
    too, and however late.

    Args:
        parameters: ``height`` and ``width`` [pixels], at least 16 x 16, and ``rate_hz``.
        clock: monotonic.
    """

    Options = SyntheticOptions
    warnings: tuple[str, ...] = ()
    damaged = 0

    def __init__(self, parameters: Any, clock: Clock | None = None) -> None:
        height, width, rate_hz = parameters.height, parameters.width, parameters.rate_hz
        self._clock = clock if clock is not None else MonotonicClock()
        self._schedule = PeriodicSchedule(1.0 / rate_hz, self._clock)
        self._motion_jpeg = parameters.motion_jpeg
        self._background = _gradient(height, width)
        self.rate_hz = rate_hz
        self.description = f"synthetic pattern, {width}x{height} at {rate_hz:g} Hz"

    def read(self) -> Frame:
        index = self._schedule.wait().index
        image, now_ns = self._draw(index), self._clock.now_ns()
        if not self._motion_jpeg:
            return Frame(image, now_ns)
        jpeg = images.compress(image, "rgb8")
        return Frame(images.decompress(jpeg, "rgb8"), now_ns, jpeg)

    def adjust(self, _parameters: Any) -> list[str]:
        return []

    def close(self) -> None:
        """Nothing to let go of."""

    def _draw(self, index: int) -> NDArray[np.uint8]:
        image = self._background.copy()
        height, width, _ = image.shape
        left = index * STEP_PIXELS % width
        image[:, left : left + max(width // 32, 1)] = 255
        bits = [index >> bit & 1 for bit in reversed(range(INDEX_BITS))]
        row = np.repeat(255 * np.array(bits, np.uint8), width // INDEX_BITS)
        image[: height // 8, : len(row)] = row[:, None]
        return image


def frame_index(image: NDArray[np.uint8]) -> int:
    """The number of a synthetic frame (H, W, 3), modulo 2**16."""
    height, width, _ = image.shape
    block = width // INDEX_BITS
    index = 0
    for k in range(INDEX_BITS):
        index = 2 * index + int(image[height // 16, k * block + block // 2, 1] > 127)
    return index


def _gradient(height: int, width: int) -> NDArray[np.uint8]:
    """(H, W, 3): red grows to the right, green downwards, blue falls to the right."""
    image = np.empty((height, width, 3), np.uint8)
    across = np.linspace(0, 200, width).astype(np.uint8)
    image[..., 0] = across
    image[..., 1] = np.linspace(0, 200, height).astype(np.uint8)[:, None]
    image[..., 2] = across[::-1]
    return image
