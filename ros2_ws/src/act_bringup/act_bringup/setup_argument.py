"""The argument setup:=... of every launch file: one name in place of ports, cameras and so on."""

from __future__ import annotations

from collections.abc import Sequence

from act_core.errors import ConfigurationError
from act_core.setup_file import Setup, read_setup
from launch import LaunchContext, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, SetLaunchConfiguration
from launch.substitutions import LaunchConfiguration

from act_bringup.setup_check import checked

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
