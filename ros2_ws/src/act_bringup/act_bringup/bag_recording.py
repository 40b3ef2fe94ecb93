"""What launch files share that move an arm, or have it moved, and record a bag of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from act_core.topics import Topic
from ament_index_python import get_package_share_directory
from launch import Condition, LaunchContext
from launch.actions import ExecuteProcess, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from act_bringup.namespace import absolute
from act_bringup.required import required


def included(
    file: str, condition: Condition, arguments: Mapping[str, str]
) -> IncludeLaunchDescription:
    """The nodes of another launch file, which takes its other arguments from this one's command
    line."""
    folder = Path(get_package_share_directory("act_bringup"), "launch")
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(folder / file)),
        launch_arguments=arguments.items(),
        condition=condition,
    )


def bag_recorder(context: LaunchContext, topics: Iterable[Topic]) -> ExecuteProcess:
    """Records these topics into the argument ``bag``; RuntimeError where that is there already."""
    bag = LaunchConfiguration("bag").perform(context)
    if Path(bag).exists():
        raise RuntimeError(f"bag:={bag} is there already: choose another name, or move it away")
    return ExecuteProcess(
        cmd=["ros2", "bag", "record", "-o", bag,
             *(absolute(context, topic.name) for topic in topics)],
        output="log",
        on_exit=required("the recorder"),
    )  # fmt: skip


def bag_and_namespace(context: LaunchContext) -> str:
    """The bag, with the option that tells a command in which namespace its topics are."""
    bag = LaunchConfiguration("bag").perform(context)
    namespace = absolute(context, "").strip("/")
    return f"{bag} --namespace {namespace}" if namespace else bag
