"""Takes a lens' distortion out of images, so that straight lines are straight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from act_core.errors import ConfigurationError
from numpy.typing import NDArray

from act_camera.calibration import Calibration

MODELS = ("plumb_bob", "rational_polynomial")  # what OpenCV's undistortion takes


class Rectification:
    """What a camera with that calibration would show without distortion: the same camera matrix,
    black where it saw nothing. Raises ConfigurationError for another model of distortion."""

    def __init__(self, calibration: Calibration) -> None:
        import cv2

        if calibration.distortion_model not in MODELS:
            raise ConfigurationError(
                f"rectify: the calibration's distortion_model is {calibration.distortion_model}, "
                f"expected {' or '.join(MODELS)}"
            )
        matrix = np.array(calibration.k).reshape(3, 3)
        size = (calibration.width, calibration.height)
        self._maps = cv2.initUndistortRectifyMap(
            matrix, np.array(calibration.d or (0.0,) * 4), None, matrix, size, cv2.CV_16SC2
        )
        k = calibration.k
        self.calibration = replace(
            calibration,
            d=(0.0,) * len(calibration.d),
            r=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
            p=(k[0], k[1], k[2], 0.0, k[3], k[4], k[5], 0.0, k[6], k[7], k[8], 0.0),
        )

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image (H, W, 3) without distortion. Raises ValueError for another size."""
        import cv2

        height, width = self.calibration.height, self.calibration.width
        if image.shape[:2] != (height, width):
            raise ValueError(
                f"an image of {image.shape[1]}x{image.shape[0]} for a calibration of "
                f"{width}x{height}"
            )
        straight = cv2.remap(image, *self._maps, interpolation=cv2.INTER_LINEAR)
        return np.asarray(straight, dtype=np.uint8)
