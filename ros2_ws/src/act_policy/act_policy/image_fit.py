"""Images of another size than the policy was trained on."""

from __future__ import annotations

import numpy as np
from act_core.policy_spec import ImageInput
from numpy.typing import NDArray


def resize(image: NDArray[np.uint8], wanted: ImageInput) -> NDArray[np.uint8]:
    """``image`` (h, w, 3) in the size (H, W, 3) that ``wanted`` states; the same array if it fits.

    Pixels are averaged by area when shrinking and interpolated when enlarging. Raises ValueError
    when the proportions differ by more than 1 %: a stretched picture is not what the policy knows.
    """
    height, width = image.shape[:2]
    if (height, width) == (wanted.height, wanted.width):
        return image
    if abs(height * wanted.width - width * wanted.height) > 0.01 * height * wanted.width:
        raise ValueError(
            f"image of camera '{wanted.camera}' is {width}x{height}, which has other proportions "
            f"than the policy's {wanted.width}x{wanted.height}; crop it before it comes here"
        )
    import cv2  # only here: without resizing the runtime does not need it

    shrinking = height > wanted.height
    method = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    small = cv2.resize(image, (wanted.width, wanted.height), interpolation=method)
    return small.astype(np.uint8, copy=False)
