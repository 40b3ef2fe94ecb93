"""A USB camera through Video4Linux, read with OpenCV.

Facts about OpenCV's V4L2 backend that this file rests on (modules/videoio/src/cap_v4l.cpp, 4.x and
5.0): properties are passed to the driver in V4L2's own units; the format must be set before the
size, or a camera stays in raw YUYV, which at 640x480 gives many cameras 5 to 15 frames a second;
CAP_PROP_POS_MSEC is the time stamp of the driver's buffer, monotonic for USB cameras; and a frame
that never comes is waited for as long as an environment variable says, 10 s by default. With
CAP_PROP_CONVERT_RGB off a frame is the buffer as it came from the camera.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from act_core import images
from act_core.errors import ConfigurationError
from act_core.parameters import parameter
from act_core.timing import NS_PER_S, Clock, MonotonicClock
from numpy.typing import NDArray

from act_camera.camera_jpeg import camera_jpeg
from act_camera.camera_parameters import MOTION_JPEG
from act_camera.frame_source import CameraLostError, Frame
from act_camera.sources import camera_source

# V4L2_CID_EXPOSURE_AUTO (linux/v4l2-controls.h).
EXPOSURE_MANUAL, EXPOSURE_APERTURE_PRIORITY = 1, 3
EXPOSURE_UNITS_PER_MS = 10  # V4L2_CID_EXPOSURE_ABSOLUTE counts in 100 us
MAX_DAMAGED_IN_A_ROW = 30

OpenCapture = Callable[[str, int], Any]


class Mode(NamedTuple):
    """What a camera delivers."""

    fourcc: str
    width: int
    height: int
    rate_hz: float

    def __str__(self) -> str:
        return f"{self.fourcc} {self.width}x{self.height} at {self.rate_hz:g} Hz"


@dataclass(frozen=True)
class V4l2Options:
    """Parameters of a USB camera beside those that every camera has."""

    device: str = parameter(
        "/dev/video0", "of the camera; a name under /dev/v4l/by-id stays the same after replugging"
    )
    fourcc: str = parameter(MOTION_JPEG, "what the camera sends; YUYV is slow over USB 2")
    exposure_ms: float = parameter(0.0, "fixed exposure time; 0: automatic", low=0.0, settable=True)
    gain: float = parameter(-1.0, "in the camera's units; -1: as it is", low=-1.0, settable=True)
    white_balance_k: float = parameter(
        0.0, "colour temperature [K]; 0: automatic", low=0.0, settable=True
    )

    def __post_init__(self) -> None:
        if len(self.fourcc) != 4:
            raise ConfigurationError(f"parameter fourcc is '{self.fourcc}', expected four letters")


@camera_source("v4l2")
class V4l2Source:
    """An open camera.

    Whatever it does not do as it was asked is in ``warnings``; it is used all the same.

    Args:
        parameters: of the camera node, `V4l2Options` among them.
        open_capture: makes the cv2.VideoCapture; another one for tests.
        clock: monotonic.

    Raises CameraLostError, with what to do, for a device that is not there or cannot be opened.
    """

    Options = V4l2Options

    def __init__(
        self,
        parameters: Any,
        open_capture: OpenCapture = cv2.VideoCapture,
        clock: Clock | None = None,
    ) -> None:
        p = parameters
        self._clock = clock if clock is not None else MonotonicClock()
        self._device = device = p.device
        _check_device(device)
        # OpenCV reads this once, when it waits for the first frame.
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2")
        self._capture = open_capture(device, cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise CameraLostError(
                f"{device} cannot be opened: is it a camera's second, metadata device, or does "
                "another program use it?"
            )
        self.rate_hz = p.rate_hz
        self.damaged = 0
        self._damaged_in_a_row = 0
        self._mode_warnings = self._set_mode(Mode(p.fourcc, p.width, p.height, p.rate_hz))
        self.warnings = tuple(self._mode_warnings + self._set_controls(p))
        self.description = f"{device}, {self._mode()}"

    def read(self) -> Frame:
        while True:
            there, image = self._capture.read()
            now_ns = self._clock.now_ns()
            if not there:
                raise CameraLostError(f"{self._device} delivers no frames")
            if image is not None and image.size:
                with suppress(ValueError):  # damaged on its way
                    frame = self._frame(image, now_ns)
                    self._damaged_in_a_row = 0
                    return frame
            self.damaged += 1
            self._damaged_in_a_row += 1
            if self._damaged_in_a_row >= MAX_DAMAGED_IN_A_ROW:
                raise CameraLostError(f"{self._device}: {self._damaged_in_a_row} damaged frames")

    def close(self) -> None:
        self._capture.release()

    def _frame(self, image: NDArray[np.uint8], now_ns: int) -> Frame:
        captured_ns = self._captured_ns(now_ns)
        if image.ndim == 3 and image.shape[2] == 3:  # converted by OpenCV
            rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
            return Frame(rgb, captured_ns)
        jpeg = camera_jpeg(image.reshape(-1))
        return Frame(images.decompress(jpeg, "rgb8"), captured_ns, jpeg)

    def _captured_ns(self, now_ns: int) -> int:
        """The driver's stamp; the time of reading where that is on another clock or missing."""
        stamp_ns = round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return stamp_ns if now_ns - NS_PER_S < stamp_ns <= now_ns else now_ns

    def adjust(self, parameters: Any) -> list[str]:
        """Sets exposure, gain and white balance of the running camera; what it did not take."""
        refused = self._set_controls(parameters)
        self.warnings = tuple(self._mode_warnings + refused)
        return refused

    def _set_mode(self, wanted: Mode) -> list[str]:
        """Sets format, size and rate; returns what the camera does in their place."""
        capture = self._capture
        capture.set(cv2.CAP_PROP_FOURCC, _fourcc_code(wanted.fourcc))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.height)
        capture.set(cv2.CAP_PROP_FPS, wanted.rate_hz)
        given = self._mode()
        if given.fourcc == MOTION_JPEG:
            capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)  # its own bytes are published, too
        if given[:3] != wanted[:3] or abs(given.rate_hz - wanted.rate_hz) > 0.05 * wanted.rate_hz:
            return [f"asked for {wanted}, the camera gives {given}"]
        return []

    def _set_controls(self, options: V4l2Options) -> list[str]:
        """Sets what can change while it runs; returns what the camera did not take."""
        capture, refused = self._capture, list[str]()

        def control(name: str, property_id: int, value: float) -> None:
            if not capture.set(property_id, value):
                refused.append(f"the camera does not let its {name} be set to {value:g}")

        if options.exposure_ms == 0:
            capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, EXPOSURE_APERTURE_PRIORITY)
        else:
            control("exposure mode", cv2.CAP_PROP_AUTO_EXPOSURE, EXPOSURE_MANUAL)
            units = round(options.exposure_ms * EXPOSURE_UNITS_PER_MS)
            control("exposure (in 100 us)", cv2.CAP_PROP_EXPOSURE, units)
        if options.gain >= 0:
            control("gain", cv2.CAP_PROP_GAIN, options.gain)
        if options.white_balance_k == 0:
            capture.set(cv2.CAP_PROP_AUTO_WB, 1)
        else:
            control("white balance mode", cv2.CAP_PROP_AUTO_WB, 0)
            control("white balance (in K)", cv2.CAP_PROP_WB_TEMPERATURE, options.white_balance_k)
        return refused

    def _mode(self) -> Mode:
        get = self._capture.get
        code = int(get(cv2.CAP_PROP_FOURCC))
        return Mode(
            "".join(chr(code >> 8 * k & 0xFF) for k in range(4)),
            int(get(cv2.CAP_PROP_FRAME_WIDTH)),
            int(get(cv2.CAP_PROP_FRAME_HEIGHT)),
            get(cv2.CAP_PROP_FPS),
        )


def _check_device(device: str) -> None:
    if not Path(device).exists():
        known = sorted(glob("/dev/v4l/by-id/*")) or sorted(glob("/dev/video*"))
        raise CameraLostError(f"there is no {device}; cameras here: {', '.join(known) or 'none'}")
    if not os.access(device, os.R_OK | os.W_OK):
        raise CameraLostError(
            f"no permission for {device}: `sudo usermod -aG video $USER`, then log in again"
        )


def _fourcc_code(fourcc: str) -> int:
    return sum(ord(letter) << 8 * k for k, letter in enumerate(fourcc))
