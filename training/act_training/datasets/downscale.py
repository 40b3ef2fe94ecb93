"""Camera images to the size that the network sees, by whole factors."""

from __future__ import annotations

import numpy as np
from act_core.errors import ConfigurationError
from numpy.typing import NDArray


def downscaled_size(height: int, width: int, factor: int) -> tuple[int, int]:
    """Image size after averaging `factor` x `factor` pixels; the factor must divide both sides."""
    if height % factor or width % factor:
        raise ConfigurationError(
            f"model.image_downscale is {factor}, which does not divide the {height}x{width} "
            "(height x width) images of the dataset"
        )
    return height // factor, width // factor


def downscale_images(images: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """(..., H, W, 3) -> (..., H/factor, W/factor, 3): block means, rounded half to even."""
    if factor == 1:
        return images
    *lead, height, width, channels = images.shape
    blocks = images.reshape(*lead, height // factor, factor, width // factor, factor, channels)
    return np.rint(blocks.mean(axis=(-4, -2), dtype=np.float32)).astype(np.uint8)
