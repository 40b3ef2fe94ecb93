"""Calibration files of cameras, as ROS' camera_calibration writes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from act_core.errors import ConfigurationError

MATRICES = {"camera_matrix": 9, "rectification_matrix": 9, "projection_matrix": 12}


@dataclass(frozen=True)
class Calibration:
    """The fields of sensor_msgs/CameraInfo that are measured once; matrices row by row."""

    width: int
    height: int
    distortion_model: str
    d: tuple[float, ...]
    k: tuple[float, ...]  # 3 x 3
    r: tuple[float, ...]  # 3 x 3
    p: tuple[float, ...]  # 3 x 4

    def check_size(self, width: int, height: int) -> None:
        """Raises ConfigurationError if it is not for images of this size."""
        if (self.width, self.height) != (width, height):
            raise ConfigurationError(
                f"the calibration is for {self.width}x{self.height}, the images are "
                f"{width}x{height}: calibrate at this size, or set width and height"
            )


def read_calibration(file: str) -> Calibration:
    """Reads a YAML file with image_width, image_height, distortion_model and the matrices
    camera_matrix, distortion_coefficients, rectification_matrix and projection_matrix, each with
    ``data``. Raises ConfigurationError with what is missing or has the wrong size."""
    try:
        content = yaml.safe_load(Path(file).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(f"parameter calibration_file is '{file}': {error}") from error
    try:
        data = {name: _numbers(content[name]["data"]) for name in MATRICES}
        calibration = Calibration(
            int(content["image_width"]),
            int(content["image_height"]),
            str(content["distortion_model"]),
            _numbers(content["distortion_coefficients"]["data"]),
            data["camera_matrix"],
            data["rectification_matrix"],
            data["projection_matrix"],
        )
    except KeyError as error:
        raise ConfigurationError(f"'{file}': {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"'{file}' is not a camera calibration: {error}") from error
    for name, size in MATRICES.items():
        if len(data[name]) != size:
            raise ConfigurationError(
                f"'{file}': {name} has {len(data[name])} numbers, expected {size}"
            )
    return calibration


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
