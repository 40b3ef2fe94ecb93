"""The argument setup:=... of every launch file: one name in place of ports, cameras and so on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from act_camera.camera_parameters import parameters_of
from act_core.errors import ConfigurationError, suggest
from act_core.setup_file import Setup, read_setup
from launch import LaunchContext, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, SetLaunchConfiguration
from launch.substitutions import LaunchConfiguration
from so101_driver.driver_parameters import DriverParameters

SETUP = "setup"


def with_setup(arguments: Sequence[DeclareLaunchArgument]) -> list[LaunchDescriptionEntity]:
    """``arguments`` as a launch file announces them, after one more, ``setup``.

    What a set-up says takes the place of an argument's default; what was typed wins. What it says
    beyond ``arguments`` is of no use to this launch file and is left out.
    """
    names = [argument.name for argument in arguments]

    def fill_in(context: LaunchContext) -> list[LaunchDescriptionEntity]:
        setup = setup_of(context)
        if setup is None:
            return []
        values = {
            name: value
            for name, value in setup.launch_arguments().items()
            if name in names and name not in context.launch_configurations
        }
        told = " ".join(f"{name}:={value}" for name, value in values.items())
        return [
            LogInfo(msg=f"set-up {setup.name} ({setup.file}): {told or 'nothing that this uses'}"),
            *(SetLaunchConfiguration(name, value) for name, value in values.items()),
        ]

    announced = DeclareLaunchArgument(
        SETUP,
        default_value="",
        description="name of a set-up (`act` lists them), or its file; other arguments win over it",
    )
    return [announced, OpaqueFunction(function=fill_in), *arguments]


def setup_of(context: LaunchContext) -> Setup | None:
    """The set-up that was named. Raises RuntimeError for one that is not there or is wrong."""
    name = LaunchConfiguration(SETUP).perform(context)
    if not name:
        return None
    try:
        return checked(read_setup(name))
    except ConfigurationError as error:
        raise RuntimeError(f"setup:={name}: {error}") from error


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


def _names(parameters: type) -> list[str]:
    return [field.name for field in dataclasses.fields(parameters)]
