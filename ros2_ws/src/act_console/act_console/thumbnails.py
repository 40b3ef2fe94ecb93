"""Pictures as a page shows them: small enough for ten of them a second."""

from __future__ import annotations

import cv2
import numpy as np
from act_core import images
from numpy.typing import NDArray

WIDTH, QUALITY = 480, 70


def small_jpeg(picture: NDArray[np.uint8], width: int = WIDTH) -> bytes:
    """A JPEG of an (H, W, 3) picture, red first, at most ``width`` pixels wide."""
    height, old_width = picture.shape[:2]
    if old_width > width:
        size = (width, max(1, round(height * width / old_width)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    return images.compress(picture, "rgb8", QUALITY)
