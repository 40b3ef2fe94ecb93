"""Where cameras stand and how they see, as `act-align-camera` writes it.

The file (YAML, metres; the pose of each camera's optical frame, x right, y down, z forwards, in the
frame of the base or of the body that carries the gripper):

    act_camera_alignment: 1
    robot: so101
    cameras:
      front:
        mounted_on: base
        position_m: [0.62, 0.0, 0.42]
        quaternion_wxyz: [0.2, 0.6, 0.7, 0.3]
        width: 640
        height: 480
        focal_px: [579.4, 579.4]
        principal_px: [319.5, 239.5]
        distortion: [0.0, 0.0, 0.0, 0.0, 0.0]      # plumb_bob: k1, k2, p1, p2, k3
      ...

What else is in it (intervals, errors, the bag) is for people. The camera node makes its CameraInfo
of it, the simulation puts its cameras where these are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError, suggest
from act_core.measured_file import Kind, check_kind, mapping, read_measured

VERSION_KEY, VERSION = "act_camera_alignment", 1
KIND = Kind(VERSION_KEY, VERSION, "camera alignment", "the alignment is", "act-align-camera")
BASE, GRIPPER = "base", "gripper"
MOUNTS = (BASE, GRIPPER)
FARTHEST_M = 5.0  # from what it is mounted on: beyond that it is millimetres
_FIELDS = (
    "mounted_on", "position_m", "quaternion_wxyz", "width", "height", "focal_px", "principal_px",
    "distortion",
)  # fmt: skip


@dataclass(frozen=True)
class AlignedCamera:
    """One camera. Raises ConfigurationError for numbers that no camera has.

    position_m (3,), quaternion_wxyz (4,) of length 1: the optical frame in that of ``mounted_on``.
    focal_px, principal_px: (right, down), of pictures of width x height pixels, OpenCV's camera
    matrix. distortion (5,): k1, k2, p1, p2, k3 of the model plumb_bob.
    """

    mounted_on: str
    position_m: tuple[float, ...]
    quaternion_wxyz: tuple[float, ...]
    width: int
    height: int
    focal_px: tuple[float, ...]
    principal_px: tuple[float, ...]
    distortion: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.mounted_on not in MOUNTS:
            raise ConfigurationError(suggest("mount", f"{self.mounted_on!s:.40}", MOUNTS))
        sizes = {
            "position_m": 3, "quaternion_wxyz": 4, "focal_px": 2, "principal_px": 2,
            "distortion": 5,
        }  # fmt: skip
        for name, size in sizes.items():
            values = getattr(self, name)
            if len(values) != size or not all(math.isfinite(value) for value in values):
                raise ConfigurationError(f"{name} is {values!s:.80}, expected {size} numbers")
        for name in ("width", "height"):
            if not 16 <= getattr(self, name) <= 10_000:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, expected 16 to 10000")
        if max(map(abs, self.position_m)) > FARTHEST_M:
            raise ConfigurationError(
                f"position_m is {self.position_m!s:.80}, expected metres within {FARTHEST_M:g}"
            )
        length = math.hypot(*self.quaternion_wxyz)
        if abs(length - 1.0) > 0.01:
            raise ConfigurationError(f"quaternion_wxyz has the length {length:.3g}, expected 1")
        if not all(0.1 * self.width < value < 20.0 * self.width for value in self.focal_px):
            raise ConfigurationError(
                f"focal_px is {self.focal_px!s:.80}, expected between a tenth and twenty times the "
                f"width of {self.width} pixels"
            )
        for value, size in zip(self.principal_px, (self.width, self.height), strict=True):
            if not 0.0 < value < size:
                raise ConfigurationError(
                    f"principal_px is {self.principal_px!s:.80}, expected a point of the picture "
                    f"of {self.width}x{self.height}"
                )

    @property
    def fovy_deg(self) -> float:
        """Vertical field of view of a picture without distortion [degrees]."""
        return math.degrees(2.0 * math.atan(0.5 * self.height / self.focal_px[1]))


def read_alignment(path: str | Path, robot: str = "so101") -> dict[str, AlignedCamera]:
    """The cameras of a file by name. Raises ConfigurationError for what is no such file, naming
    what is wrong: another robot, a field that is missing or unknown, numbers that cannot be."""
    return read_measured(path, KIND, partial(parse_alignment, robot=robot))


def is_alignment(content: Any) -> bool:
    """Whether what a YAML file holds calls itself a camera alignment."""
    return isinstance(content, dict) and VERSION_KEY in content


def parse_alignment(content: Any, robot: str = "so101") -> dict[str, AlignedCamera]:
    """See `read_alignment`."""
    check_kind(content, KIND, robot)
    cameras = content.get("cameras")
    if not isinstance(cameras, dict) or not cameras:
        raise ConfigurationError(f"cameras: {cameras!r:.40}, expected names with values")
    return {str(name): _camera(f"{name!s:.40}", values) for name, values in cameras.items()}


def _camera(name: str, values: Any) -> AlignedCamera:
    for key in mapping(values, f"camera {name}"):
        if key not in _FIELDS:
            raise ConfigurationError(suggest(f"field of camera {name}", f"{key!s:.40}", _FIELDS))
    missing = [key for key in _FIELDS if key not in values]
    if missing:
        raise ConfigurationError(f"camera {name} has no {', '.join(missing)}")
    try:
        return AlignedCamera(
            str(values["mounted_on"]),
            _numbers("position_m", values),
            _numbers("quaternion_wxyz", values),
            _whole("width", values),
            _whole("height", values),
            _numbers("focal_px", values),
            _numbers("principal_px", values),
            _numbers("distortion", values),
        )
    except ConfigurationError as error:
        raise ConfigurationError(f"camera {name}: {error}") from None


def _whole(key: str, values: Mapping[str, Any]) -> int:
    value = values[key]
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"{key} is {value!r:.40}, expected a whole number")
    return value


def _numbers(key: str, values: Mapping[str, Any]) -> tuple[float, ...]:
    value = values[key]
    numbers = isinstance(value, list) and all(
        isinstance(each, (int, float)) and not isinstance(each, bool) for each in value
    )
    if not numbers:
        raise ConfigurationError(f"{key} is {value!r:.80}, expected a list of numbers")
    return tuple(float(each) for each in value)
