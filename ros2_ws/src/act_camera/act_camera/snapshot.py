"""One picture of a camera, in a file: enough to see which camera it is and where it looks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2

from act_camera.camera_parameters import parameters_of

WARM_UP_FRAMES = 15  # half a second, until automatic exposure has settled


def take_snapshot(source: str, file: Path, **options: Any) -> str:
    """Writes a JPEG; returns what the camera is and delivers, in words.

    source, options: as the parameters of the camera node.

    Raises CameraLostError where there is no picture to be had, ConfigurationError for wrong
    options.
    """
    parameters = parameters_of(source)(source=source, **options)
    parameters.check()
    camera = parameters.open_source()
    try:
        for _ in range(WARM_UP_FRAMES):
            frame = camera.read()
    finally:
        camera.close()
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
    return camera.description
