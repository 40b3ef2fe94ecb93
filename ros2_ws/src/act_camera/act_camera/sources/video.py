"""A recorded video in place of a camera."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from act_core.errors import ConfigurationError
from act_core.parameters import parameter
from act_core.timing import Clock, MonotonicClock, PeriodicSchedule

from act_camera.frame_source import EndOfVideoError, Frame
from act_camera.sources import camera_source


@dataclass(frozen=True)
class VideoOptions:
    """Parameters of a video beside those that every camera has; its size and rate are its own."""

    file: str = parameter("", "the video")
    loop: bool = parameter(True, "begin again at its end")


@camera_source("video")
class VideoSource:
    """The frames of a file at its own rate, over and over again or once.

    Raises ConfigurationError for a file that is not there or that OpenCV cannot read.
    """

    Options = VideoOptions
    has_own_size = True
    warnings: tuple[str, ...] = ()
    damaged = 0

    def __init__(self, parameters: Any, clock: Clock | None = None) -> None:
        file = parameters.file
        if not Path(file).is_file():
            raise ConfigurationError(f"parameter file is '{file}', expected a video file")
        self._file = file
        self._loop = parameters.loop
        self._clock = clock if clock is not None else MonotonicClock()
        self._capture = self._opened()
        rate_hz = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate_hz = rate_hz if 0.1 <= rate_hz <= 1000.0 else 30.0  # some files do not say
        self._schedule = PeriodicSchedule(1.0 / self.rate_hz, self._clock)
        width = round(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = round(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        self.description = f"video {file}, {width}x{height} at {self.rate_hz:g} Hz"

    def read(self) -> Frame:
        there, image = self._capture.read()
        if not there and self._loop:
            self.close()
            self._capture = self._opened()
            there, image = self._capture.read()
        if not there:
            raise EndOfVideoError(f"{self._file} has ended")
        self._schedule.wait()
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
        return Frame(rgb, self._clock.now_ns())

    @classmethod
    def check(cls, parameters: Any) -> None:
        """Says before the first frame what is wrong with the file."""
        cls(parameters).close()

    def adjust(self, _parameters: Any) -> list[str]:
        return []

    def close(self) -> None:
        self._capture.release()

    def _opened(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(self._file)
        if not capture.isOpened():
            raise ConfigurationError(
                f"parameter file: OpenCV cannot read '{self._file}' as a video"
            )
        return capture
