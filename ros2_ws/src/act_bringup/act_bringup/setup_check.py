"""Whether the nodes know what a set-up tells them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from act_camera.camera_parameters import MOTION_JPEG, parameters_of
from act_core.errors import ConfigurationError, suggest
from act_core.setup_file import Setup, Value
from so101_driver.driver_parameters import DriverParameters


def checked(setup: Setup) -> Setup:
    """The same; ConfigurationError for what is no parameter of the node that it is for."""
    for key in setup.arm:
        if key not in (known := _names(DriverParameters)):
            raise ConfigurationError(f"set-up {setup.file}: {suggest('key of arm', key, known)}")
    for name, entry in setup.cameras.items():
        if "topic" in entry:
            continue  # another driver's: it has no node here
        source = str(entry.get("source", "v4l2" if "device" in entry else "video"))
        for key in entry:
            if key not in (known := _names(parameters_of(source))):
                what = suggest(f"key of camera {name}", key, known)
                raise ConfigurationError(f"set-up {setup.file}: {what}")
    return setup


def sends_jpegs(camera: Mapping[str, Value]) -> bool:
    """Whether its own JPEGs can be recorded: no loss, and a twentieth of the space."""
    return (
        "device" in camera
        and camera.get("fourcc", MOTION_JPEG) == MOTION_JPEG
        and not camera.get("rotate_deg")
        and camera.get("compressed", True) is True
    )


def _names(parameters: type) -> list[str]:
    return [field.name for field in dataclasses.fields(parameters)]
