"""What a dataset and a policy are about: names, units, image sizes, rate."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from act_core.errors import ConfigurationError
from act_core.policy_fit import Meeting

LARGEST_IMAGE_PX = 8192  # a side; what is larger is a damaged file
MOST_CAMERAS = 16


@dataclass(frozen=True)
class Camera:
    """One camera's name and image size in pixels (as captured, before any downscaling)."""

    name: str
    height: int
    width: int

    def __post_init__(self) -> None:
        for name in ("height", "width"):
            value = getattr(self, name)
            if not isinstance(value, int) or not 1 <= value <= LARGEST_IMAGE_PX:
                raise ConfigurationError(
                    f"{name} of camera '{self.name}' is {value}, expected 1 to {LARGEST_IMAGE_PX}"
                )


@dataclass(frozen=True)
class Features:
    """Order, names and units of every value, so that datasets and policies can be compared."""

    joints: tuple[str, ...]
    joint_units: tuple[str, ...]
    actions: tuple[str, ...]
    action_units: tuple[str, ...]
    cameras: tuple[Camera, ...]
    rate_hz: float

    def __post_init__(self) -> None:
        for names, units in ((self.joints, self.joint_units), (self.actions, self.action_units)):
            if len(names) != len(units):
                raise ConfigurationError(
                    f"{len(names)} names {names} but {len(units)} units {units}"
                )
        if not 0 < self.rate_hz < math.inf:
            raise ConfigurationError(f"rate_hz is {self.rate_hz}, expected a positive rate")
        if len(self.cameras) > MOST_CAMERAS:
            raise ConfigurationError(
                f"{len(self.cameras)} cameras, expected at most {MOST_CAMERAS}"
            )

    @property
    def camera_names(self) -> tuple[str, ...]:
        return tuple(camera.name for camera in self.cameras)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Features:
        return cls(
            cameras=tuple(Camera(**camera) for camera in values["cameras"]),
            rate_hz=float(values["rate_hz"]),
            **{
                name: tuple(values[name])
                for name in ("joints", "joint_units", "actions", "action_units")
            },
        )

    def differences(self, other: Features) -> list[str]:
        """One line for each field that differs, e.g. "cameras: (...) instead of (...)"."""
        return [
            f"{field.name}: {getattr(other, field.name)} instead of {getattr(self, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        ]


def one_unit(units: tuple[str, ...]) -> str:
    """The unit of all values, or all of them joined: "m,m,m,1"."""
    return units[0] if len(set(units)) == 1 else ",".join(units)


def meeting(name: str, features: Features) -> Meeting:
    """What a policy meets in a dataset or an environment; `name` is it in words."""
    return Meeting(
        name,
        features.joints,
        features.actions,
        one_unit(features.joint_units),
        one_unit(features.action_units),
        features.rate_hz,
        {camera.name: (camera.height, camera.width) for camera in features.cameras},
    )
