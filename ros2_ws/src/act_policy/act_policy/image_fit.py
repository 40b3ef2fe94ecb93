"""Images of another size than the policy was trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
from act_core.policy_spec import DEPTH, ImageInput
from numpy.typing import NDArray


def other_proportions(height: int, width: int, wanted: ImageInput) -> str | None:
    """What to say of images that cannot be brought to the policy's size: their proportions differ
    from it by more than 1 %, and a stretched picture is not what the policy knows."""
    if abs(height * wanted.width - width * wanted.height) <= 0.01 * height * wanted.width:
        return None
    return (
        f"image of camera '{wanted.camera}' is {width}x{height}, which has other proportions "
        f"than the policy's {wanted.width}x{wanted.height}; crop it before it comes here"
    )


def resize(image: NDArray[Any], wanted: ImageInput) -> NDArray[Any]:
    """``image`` (h, w, C) in the size (H, W, C) that ``wanted`` states; the same array if it fits.

    Colours are averaged by area when shrinking and interpolated when enlarging; of depth the
    nearest pixel is taken, since a mean of two distances is neither, and of what was not measured
    nothing. Raises ValueError for `other_proportions`.
    """
    height, width = image.shape[:2]
    if (height, width) == (wanted.height, wanted.width):
        return image
    wrong = other_proportions(height, width, wanted)
    if wrong is not None:
        raise ValueError(wrong)
    import cv2  # only here: without resizing the runtime does not need it

    size = (wanted.width, wanted.height)
    if wanted.encoding == DEPTH:
        return cv2.resize(image, size, interpolation=cv2.INTER_NEAREST_EXACT).reshape(wanted.shape)
    method = cv2.INTER_AREA if height > wanted.height else cv2.INTER_LINEAR
    small = cv2.resize(image, size, interpolation=method)
    return small.astype(np.uint8, copy=False)
