"""Episodes as MP4 files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from act_core.files import replacing
from act_core.timing import to_ns
from act_record.film import Film
from numpy.typing import NDArray

MINIMUM_HEIGHT = 240  # small policy images are enlarged to be watchable


def write_video(path: Path, frames: list[dict[str, NDArray[np.uint8]]], rate_hz: float) -> None:
    """Write the images of all cameras side by side, H.264.

    Args:
        frames: per observation and camera (H, W, 3) uint8, red first.
        rate_hz: observations per second; playback is in real time.
    """
    height = max(image.shape[0] for image in frames[0].values())
    scale = -(-MINIMUM_HEIGHT // height)
    pictures = [_side_by_side(list(images.values()), height, scale) for images in frames]
    with replacing(path) as new:
        film = Film(new, round(rate_hz))
        for number, picture in enumerate(pictures):
            film.add(to_ns(number / round(rate_hz)), picture)
        film.close()


def _side_by_side(images: list[NDArray[np.uint8]], height: int, scale: int) -> NDArray[np.uint8]:
    padded = [np.pad(image, ((0, height - len(image)), (0, 0), (0, 0))) for image in images]
    return np.hstack(padded).repeat(scale, axis=0).repeat(scale, axis=1)
