"""The argument console:=true of every launch file: a page in the browser beside the robot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from act_core.console_parameters import ConsoleParameters
from act_core.setup_file import EMULATED
from act_record.record_parameters import COMPRESSED
from launch import LaunchContext, LaunchDescriptionEntity
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from act_bringup.launch_arguments import Argument, arguments_of, as_parameters
from act_bringup.setup_argument import setup_of
from act_bringup.setup_check import sends_jpegs

# Not in this package's dependencies: it depends on this one, and no robot needs it to move.
PACKAGE = "act_console"
_PARAMETERS = {
    "console_host": "host",
    "console_port": "port",
    "console_token": "token",
    "console_recordings": "recordings",  # where the launch file records, unless told otherwise
}
RECORD: Argument = (
    "console_record",
    "false",
    "true: a recorder that a page starts and stops; it takes in every picture all the time",
)
CONSOLE_ARGUMENTS: tuple[Argument, ...] = (
    ("console", "false", "true: a page in the browser to watch, stop, teach and train"),
    *arguments_of(ConsoleParameters, **_PARAMETERS),
    RECORD,
)


def console_nodes(
    context: LaunchContext, robot: str = "so101", cameras: Sequence[str] | None = None
) -> list[LaunchDescriptionEntity]:
    """The console where it was asked for, and a recorder where that was. The end of the console, or
    that it is not installed, ends nothing.

    cameras: to record, where a recorder is asked for; None: the launch has one already.
    """

    def is_true(name: str) -> bool:
        return LaunchConfiguration(name).perform(context).lower() == "true"

    nodes: list[LaunchDescriptionEntity] = []
    if is_true("console"):
        nodes.append(console_node(context, robot))
    if cameras is not None and is_true(RECORD[0]):
        use_sim_time = context.launch_configurations.get("use_sim_time", "false").lower() == "true"
        rate_hz = context.launch_configurations.get("camera_rate_hz")
        recorder = {
            **_recorder_of(context),
            **({} if rate_hz is None else {"rate_hz": float(rate_hz)}),
            "out": _told(context)["recordings"],
            "robot": robot,
            "cameras": list(cameras),
            "use_sim_time": use_sim_time,
        }
        nodes.append(
            Node(
                package="act_record",
                executable="record_node",
                output="screen",
                parameters=[recorder],
            )
        )
    return nodes


def _recorder_of(context: LaunchContext) -> dict[str, Any]:
    """What a set-up says of recording: `act teach` records likewise."""
    setup = setup_of(context) if "setup" in context.launch_configurations else None
    if setup is None or setup.hardware == EMULATED:
        return {}
    told: dict[str, Any] = {"task": setup.task} if setup.task else {}
    if setup.cameras and all(sends_jpegs(entry) for entry in setup.cameras.values()):
        told["images"] = COMPRESSED
    calibration = setup.launch_arguments().get("calibration", "")
    if calibration.endswith(".json"):
        told["calibration"] = calibration
    return told


def console_node(context: LaunchContext, robot: str, on_exit: Any = None) -> Node:
    """The page's node."""
    return Node(
        package=PACKAGE,
        executable="console_node",
        output="screen",
        parameters=[{**_told(context), "robot": robot}],
        on_exit=on_exit,
    )


def _told(context: LaunchContext) -> dict[str, Any]:
    """Parameters of the page's node, by the arguments of the launch and its set-up."""
    given = as_parameters(context, CONSOLE_ARGUMENTS[1:-1])
    own = {_PARAMETERS[name]: value for name, value in given.items()}
    is_default = own["recordings"] == ConsoleParameters.recordings
    if "setup" in context.launch_configurations and (setup := setup_of(context)) is not None:
        own["setup"] = setup.name
        own["recordings"] = str(setup.folder / "episodes") if is_default else own["recordings"]
    elif is_default and "out" in context.launch_configurations:
        own["recordings"] = LaunchConfiguration("out").perform(context)
    return own
