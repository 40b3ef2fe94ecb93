"""Calibrations of cameras and their files, as ROS' camera_calibration writes them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from act_core import files
from act_core.camera_alignment import is_alignment, parse_alignment
from act_core.errors import ConfigurationError, suggest
from act_core.yaml_file import read_yaml

MATRICES = {"camera_matrix": 9, "rectification_matrix": 9, "projection_matrix": 12}
# Coefficients of each model of sensor_msgs/distortion_models.hpp.
DISTORTIONS = {"plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}
MOST_BYTES = 100_000  # a file of camera_calibration has 1 kB


@dataclass(frozen=True)
class Calibration:
    """The fields of sensor_msgs/CameraInfo that are measured once; matrices row by row.

    Raises ConfigurationError for what cannot be a calibration: numbers that are not finite, a focal
    length that is not above 0, another count of numbers, an unknown distortion model.
    """

    width: int
    height: int
    distortion_model: str
    d: tuple[float, ...]
    k: tuple[float, ...]  # 3 x 3
    r: tuple[float, ...]  # 3 x 3
    p: tuple[float, ...]  # 3 x 4

    def __post_init__(self) -> None:
        matrices = zip((self.k, self.r, self.p), MATRICES.items(), strict=True)
        for numbers, (name, size) in matrices:
            if len(numbers) != size:
                raise ConfigurationError(f"{name} has {len(numbers)} numbers, expected {size}")
        known = DISTORTIONS.get(self.distortion_model)
        if known is None:
            raise ConfigurationError(
                f"unknown distortion_model '{self.distortion_model}'; known: "
                f"{', '.join(DISTORTIONS)}"
            )
        if len(self.d) not in (0, *known):
            raise ConfigurationError(
                f"{self.distortion_model} has {' or '.join(map(str, known))} distortion "
                f"coefficients, got {len(self.d)}"
            )
        if not all(map(math.isfinite, (*self.d, *self.k, *self.r, *self.p))):
            raise ConfigurationError("a number is not finite")
        if not (self.k[0] > 0 and self.k[4] > 0):
            raise ConfigurationError(
                f"the focal lengths in camera_matrix are {self.k[0]:g} and {self.k[4]:g}, expected "
                "above 0"
            )

    @property
    def is_straight(self) -> bool:
        """Whether straight lines are straight in its pictures."""
        return not any(self.d)

    def check_size(self, width: int, height: int) -> None:
        """Raises ConfigurationError if it is not for images of this size."""
        if (self.width, self.height) != (width, height):
            raise ConfigurationError(
                f"the calibration is for {self.width}x{self.height}, the images are "
                f"{width}x{height}: calibrate at this size, or set width and height"
            )


def read_calibration(
    file: str | Path, camera: str = "", size: tuple[int, int] | None = None
) -> Calibration:
    """Reads a YAML file with image_width, image_height, distortion_model and the matrices
    camera_matrix, distortion_coefficients, rectification_matrix and projection_matrix, each with
    ``data``; or one of act-align-camera, of which ``camera`` is taken, for images of ``size``
    (width, height). Raises ConfigurationError with what is missing or wrong."""
    try:
        content = read_yaml(Path(file), MOST_BYTES)
    except ConfigurationError as error:
        raise ConfigurationError(f"camera calibration '{file}': it {error}") from error
    if is_alignment(content):
        try:
            return _of_alignment(content, camera, size)
        except ConfigurationError as error:
            raise ConfigurationError(f"'{file}': {error}") from None
    try:
        return Calibration(
            int(content["image_width"]),
            int(content["image_height"]),
            str(content["distortion_model"]),
            _numbers(content["distortion_coefficients"]["data"]),
            *(_numbers(content[name]["data"]) for name in MATRICES),
        )
    except KeyError as error:
        raise ConfigurationError(f"'{file}': {error} is missing") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigurationError(f"'{file}' is not a camera calibration: {error}") from error


def is_alignment_file(file: Path) -> bool:
    """Whether a file is there and one of act-align-camera, which is not to be written over."""
    try:
        return is_alignment(read_yaml(file, MOST_BYTES))
    except ConfigurationError:
        return False


def _of_alignment(content: Any, camera: str, size: tuple[int, int] | None) -> Calibration:
    """A camera of an alignment. It may be seen in images of another size, if of the same shape."""
    cameras = parse_alignment(content)
    if camera not in cameras:
        raise ConfigurationError(suggest("camera", camera, cameras))
    found = cameras[camera]
    width, height = size or (found.width, found.height)
    if abs(width * found.height - height * found.width) > width:  # by less than a pixel's row
        raise ConfigurationError(
            f"camera {camera} was aligned with images of {found.width}x{found.height}; "
            f"{width}x{height} has another shape, so that it shows something else: align again"
        )
    scale = width / found.width
    fx, fy = (scale * value for value in found.focal_px)
    cx, cy = (scale * (value + 0.5) - 0.5 for value in found.principal_px)
    k = (fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0)
    p = (fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0)
    level = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    return Calibration(width, height, "plumb_bob", found.distortion, k, level, p)


def write_calibration(file: Path, camera: str, calibration: Calibration) -> None:
    """Replaces ``file``, which `read_calibration` and ROS' camera_info_manager read."""

    def matrix(rows: int, numbers: Sequence[float]) -> dict[str, Any]:
        return {"rows": rows, "cols": len(numbers) // rows, "data": list(numbers)}

    content = {
        "image_width": calibration.width,
        "image_height": calibration.height,
        "camera_name": camera,
        "camera_matrix": matrix(3, calibration.k),
        "distortion_model": calibration.distortion_model,
        "distortion_coefficients": matrix(1, calibration.d),
        "rectification_matrix": matrix(3, calibration.r),
        "projection_matrix": matrix(3, calibration.p),
    }
    files.write_file(file, yaml.safe_dump(content, sort_keys=False))


def file_of_url(url: str, camera: str, share_of: Callable[[str], str]) -> Path:
    """The file behind a ``camera_info_url``, as ROS' camera_info_manager reads it.

    ``file:///path`` or ``package://package/path``; ``${NAME}`` is the camera's name and
    ``${ROS_HOME}`` the folder of that variable, or ``~/.ros``. Raises ConfigurationError for
    another form.

    Args:
        share_of: gives the share folder of a package; LookupError where there is none.
    """
    values = {"NAME": camera, "ROS_HOME": str(ros_home())}
    unknown = set(re.findall(r"\$\{([^}]*)\}", url)) - set(values)
    if unknown:
        raise ConfigurationError(
            f"parameter camera_info_url: ${{{unknown.pop()}}} is not known; known: "
            "${NAME}, ${ROS_HOME}"
        )
    filled = re.sub(r"\$\{([^}]*)\}", lambda found: values[found[1]], url)
    if filled.startswith("file:///"):
        return Path(filled.removeprefix("file://"))
    package, _, path = filled.removeprefix("package://").partition("/")
    if not (filled.startswith("package://") and package and path):
        raise ConfigurationError(
            f"parameter camera_info_url is '{url}', expected file:///path/to/front.yaml or "
            "package://package/path/to/front.yaml"
        )
    try:
        return Path(share_of(package)) / path
    except LookupError as error:
        raise ConfigurationError(f"parameter camera_info_url: {error.args[0]}") from error


def ros_home() -> Path:
    """Where ROS keeps what belongs to a user."""
    return Path(os.environ.get("ROS_HOME") or os.path.expanduser("~/.ros"))


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
