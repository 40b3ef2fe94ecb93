"""The parameters of the camera node, those of its source included."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError
from act_core.parameters import parameter

from act_camera.calibration import file_of_url, ros_home
from act_camera.frame_source import FrameSource
from act_camera.sources import SOURCES

MOTION_JPEG = "MJPG"  # a camera's pixel format, by its FourCC


@dataclass(frozen=True)
class CameraParameters:
    """Parameters of every camera; `parameters_of` adds those of a source."""

    camera: str = parameter("front", "name; the topics are camera/<name>/image_raw and so on")
    source: str = parameter(
        "v4l2",
        "v4l2: a USB camera; video: a file; synthetic: a pattern with the frame's number; or one "
        "of your own, see act_camera.sources",
    )
    width: int = parameter(640, "of the images [pixels]", low=16, high=7680)
    height: int = parameter(480, "of the images [pixels]", low=16, high=4320)
    rate_hz: float = parameter(30.0, "frames a second", low=0.1, high=300.0)
    rotate_deg: int = parameter(
        0, "turn the images clockwise, for a camera that is mounted so: 90, 180 or 270",
        low=0, high=270,
    )  # fmt: skip
    delay_s: float = parameter(
        0.0, "known time from the exposure to the camera's own stamp; subtracted from the stamp",
        low=0.0, high=1.0, settable=True,
    )  # fmt: skip
    frame_id: str = parameter("", "of the images; empty: <camera>_optical_frame")
    calibration_file: str = parameter(
        "", "YAML of ROS' camera_calibration, or of act-align-camera; empty: "
        "$ROS_HOME/camera_info/<camera>.yaml, if it is there, where set_camera_info puts it",
    )  # fmt: skip
    camera_info_url: str = parameter(
        "", "the same as a URL: file:///path or package://package/path, with ${NAME}, ${ROS_HOME}"
    )
    rectify: bool = parameter(
        False, "publish images without the lens' distortion, as the simulation draws them; needs a "
        "calibration",
    )  # fmt: skip
    compressed: bool = parameter(
        True, "also publish JPEG on image_raw/compressed, while somebody listens: the camera's own "
        "bytes where it sends Motion JPEG and is not rotated",
    )  # fmt: skip
    jpeg_quality: int = parameter(
        90, "of JPEGs that are not the camera's own", low=1, high=100, settable=True
    )
    stale_after_s: float = parameter(
        0.5, "without a frame for so long: an error", low=0.05, high=3600.0
    )

    def check(self) -> None:
        """Raises ConfigurationError for values that do not fit together."""
        if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", self.camera):
            raise ConfigurationError(
                f"parameter camera is '{self.camera}', expected letters, digits and '_': it is "
                "part of a topic's name"
            )
        if self.rotate_deg % 90:
            raise ConfigurationError(
                f"parameter rotate_deg is {self.rotate_deg}, expected 0, 90, 180 or 270"
            )
        if self.calibration_file and self.camera_info_url:
            raise ConfigurationError(
                "parameters calibration_file and camera_info_url: two calibrations; leave one out"
            )
        check_source = getattr(SOURCES.find(self.source), "check", None)
        if check_source is not None:
            check_source(self)

    def image_size(self) -> tuple[int, int] | None:
        """Width and height of the images as they are published; None where only the source knows
        them."""
        if getattr(SOURCES.find(self.source), "has_own_size", False):
            return None
        if self.rotate_deg % 180:
            return self.height, self.width
        return self.width, self.height

    def open_source(self) -> FrameSource:
        """Opens the camera."""
        return SOURCES.find(self.source)(self)

    def source_options(self) -> dict[str, Any]:
        """The parameters of the source alone."""
        fields = dataclasses.fields(SOURCES.find(self.source).Options)
        return {field.name: getattr(self, field.name) for field in fields}

    def calibration_path(self, share_of: Callable[[str], str]) -> tuple[Path, bool]:
        """The file of the calibration, and whether somebody named it; see `file_of_url`."""
        if self.calibration_file:
            return Path(self.calibration_file), True
        if self.camera_info_url:
            return file_of_url(self.camera_info_url, self.camera, share_of), True
        return ros_home() / "camera_info" / f"{self.camera}.yaml", False


@lru_cache
def parameters_of(source: str) -> type[CameraParameters]:
    """The parameters of a camera node with that source.

    Raises ConfigurationError for a source that is not there or that calls a parameter of its own
    like one that every camera has.
    """
    options = SOURCES.find(source).Options
    common = {field.name for field in dataclasses.fields(CameraParameters)}
    for field in dataclasses.fields(options):
        if field.name in common:
            raise ConfigurationError(
                f"camera source '{source}': its parameter '{field.name}' is one of every camera"
            )
    return dataclass(frozen=True)(type("CameraParameters", (options, CameraParameters), {}))
