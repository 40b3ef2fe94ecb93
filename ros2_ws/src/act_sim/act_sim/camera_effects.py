"""What a cheap camera adds to a picture: blur of its lens and noise of its sensor."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray


class ImageEffects(NamedTuple):
    """How strong the effects are. A relative blur looks the same at every resolution."""

    noise: float  # standard deviation [grey levels of 255]
    blur: float  # sigma of a Gaussian, as a part of the image height


def add_effects(
    image: NDArray[np.uint8], effects: ImageEffects, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The picture (H, W, 3) uint8 with blur first, as light passes the lens before the sensor."""
    blurred = image
    if effects.blur > 0.0:
        sigma = effects.blur * image.shape[0]
        blurred = cv2.GaussianBlur(image, (0, 0), sigma).astype(np.uint8, copy=False)
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    noise *= effects.noise
    noise += blurred
    return np.clip(np.rint(noise), 0, 255).astype(np.uint8)
