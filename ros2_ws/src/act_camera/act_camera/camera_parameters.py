"""The parameters of the camera node, and the camera that they describe."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from act_core.errors import ConfigurationError
from act_core.parameters import parameter

from act_camera.calibration import file_of_url, ros_home
from act_camera.frame_source import FrameSource
from act_camera.synthetic_source import SyntheticSource
from act_camera.v4l2_source import Mode, V4l2Settings, V4l2Source
from act_camera.video_source import VideoSource

V4L2, VIDEO, SYNTHETIC = "v4l2", "video", "synthetic"


@dataclass(frozen=True)
class CameraParameters:
    """Parameters of one camera."""

    camera: str = parameter("front", "name; the topics are camera/<name>/image_raw and so on")
    source: str = parameter(
        V4L2, "v4l2: a USB camera; video: a file; synthetic: a pattern with the frame's number",
        choices=(V4L2, VIDEO, SYNTHETIC),
    )  # fmt: skip
    device: str = parameter(
        "/dev/video0", "v4l2: a name under /dev/v4l/by-id stays the same after replugging"
    )
    file: str = parameter("", "video: the file; played at its own rate and size")
    loop: bool = parameter(True, "video: begin again at its end")
    width: int = parameter(640, "of the images [pixels]", low=16, high=7680)
    height: int = parameter(480, "of the images [pixels]", low=16, high=4320)
    rate_hz: float = parameter(30.0, "frames a second", low=0.1, high=300.0)
    fourcc: str = parameter("MJPG", "v4l2: what the camera sends; YUYV is slow over USB 2")
    exposure_ms: float = parameter(
        0.0, "v4l2: fixed exposure time; 0: automatic", low=0.0, settable=True
    )
    gain: float = parameter(
        -1.0, "v4l2: in the camera's units; -1: as it is", low=-1.0, settable=True
    )
    white_balance_k: float = parameter(
        0.0, "v4l2: colour temperature [K]; 0: automatic", low=0.0, settable=True
    )
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
        "", "YAML of ROS' camera_calibration; empty: $ROS_HOME/camera_info/<camera>.yaml, if it is "
        "there, where set_camera_info puts it",
    )  # fmt: skip
    camera_info_url: str = parameter(
        "", "the same as a URL: file:///path or package://package/path, with ${NAME}, ${ROS_HOME}"
    )
    compressed: bool = parameter(False, "also publish JPEG on image_raw/compressed")
    jpeg_quality: int = parameter(90, "of the JPEGs", low=1, high=100, settable=True)
    stale_after_s: float = parameter(0.5, "without a frame for so long: an error", low=0.05)

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
        if len(self.fourcc) != 4:
            raise ConfigurationError(f"parameter fourcc is '{self.fourcc}', expected four letters")
        if self.calibration_file and self.camera_info_url:
            raise ConfigurationError(
                "parameters calibration_file and camera_info_url: two calibrations; leave one out"
            )
        if self.source == VIDEO:
            VideoSource(self.file).close()  # says now what is wrong with the file

    def image_size(self) -> tuple[int, int]:
        """Width and height of the images as they are published (a video has its own)."""
        if self.rotate_deg % 180:
            return self.height, self.width
        return self.width, self.height

    def open_source(self) -> Callable[[], FrameSource]:
        """What opens the camera."""
        if self.source == SYNTHETIC:
            return lambda: SyntheticSource(self.height, self.width, self.rate_hz)
        if self.source == VIDEO:
            return lambda: VideoSource(self.file, self.loop)
        return lambda: V4l2Source(self.device, self.v4l2_settings())

    def v4l2_settings(self) -> V4l2Settings:
        """What a USB camera is asked for."""
        return V4l2Settings(
            Mode(self.fourcc, self.width, self.height, self.rate_hz),
            exposure_ms=self.exposure_ms or None,
            gain=self.gain if self.gain >= 0 else None,
            white_balance_k=self.white_balance_k or None,
        )

    def calibration_path(self, share_of: Callable[[str], str]) -> tuple[Path, bool]:
        """The file of the calibration, and whether somebody named it; see `file_of_url`."""
        if self.calibration_file:
            return Path(self.calibration_file), True
        if self.camera_info_url:
            return file_of_url(self.camera_info_url, self.camera, share_of), True
        return ros_home() / "camera_info" / f"{self.camera}.yaml", False
