"""The argument console:=true of every launch file: a page in the browser beside the robot."""

from __future__ import annotations

from typing import Any

from act_core.console_parameters import ConsoleParameters
from launch import LaunchContext, LaunchDescriptionEntity
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from act_bringup.launch_arguments import Argument, arguments_of, as_parameters
from act_bringup.setup_argument import setup_of

# Not in this package's dependencies: it depends on this one, and no robot needs it to move.
PACKAGE = "act_console"
_PARAMETERS = {
    "console_host": "host",
    "console_port": "port",
    "console_token": "token",
    "console_recordings": "recordings",  # where the launch file records, unless told otherwise
}
CONSOLE_ARGUMENTS: tuple[Argument, ...] = (
    ("console", "false", "true: a page in the browser to watch, stop, teach and train"),
    *arguments_of(ConsoleParameters, **_PARAMETERS),
)


def console_nodes(context: LaunchContext, robot: str = "so101") -> list[LaunchDescriptionEntity]:
    """The console where it was asked for. Its end, or that it is not installed, ends nothing."""
    if LaunchConfiguration("console").perform(context).lower() != "true":
        return []
    return [console_node(context, robot)]


def console_node(context: LaunchContext, robot: str, on_exit: Any = None) -> Node:
    """The page's node."""
    given = as_parameters(context, CONSOLE_ARGUMENTS[1:])
    own = {_PARAMETERS[name]: value for name, value in given.items()}
    is_default = own["recordings"] == ConsoleParameters.recordings
    if "setup" in context.launch_configurations and (setup := setup_of(context)) is not None:
        own["setup"] = setup.name
        own["recordings"] = str(setup.folder / "episodes") if is_default else own["recordings"]
    elif is_default and "out" in context.launch_configurations:
        own["recordings"] = LaunchConfiguration("out").perform(context)
    return Node(
        package=PACKAGE,
        executable="console_node",
        output="screen",
        parameters=[{**own, "robot": robot}],
        on_exit=on_exit,
    )
