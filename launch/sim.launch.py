"""The simulated SO-101 at its task, driven by a policy bundle, the scripted expert or nobody.

ros2 launch act_bringup sim.launch.py
ros2 launch act_bringup sim.launch.py task:=lift_cube episodes:=5 policy:=expert
ros2 launch act_bringup sim.launch.py task:=transfer_cube     # two arms: this task takes two
ros2 launch act_bringup sim.launch.py policy:=/path/to/bundle mode:=newest viewer:=true
ros2 launch act_bringup sim.launch.py episodes:=5 film:=out
ros2 launch act_bringup sim.launch.py console:=true     # a page in the browser beside it
"""

from __future__ import annotations

from act_bringup.arms import ROBOTS, simulated_arms_argument
from act_bringup.console import CONSOLE_ARGUMENTS, console_nodes
from act_bringup.launch_arguments import (
    EXECUTION_ARGUMENTS,
    IMAGE_ARGUMENTS,
    arguments_of,
    as_parameters,
    declare,
)
from act_bringup.namespace import NAMESPACE, in_namespace
from act_bringup.required import required
from act_bringup.rviz import RVIZ, rviz_nodes
from act_bringup.setup_argument import with_setup
from act_bringup.simulated import policy_node
from act_bringup.who_drives import EXPERT, NOBODY, check_joints, who_drives
from act_core.robots import find_robot
from act_sim.looks import CAMERAS
from act_sim.sim_parameters import SimParameters, arms_of_task
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

# Handed on to the sim node as they are.
SIM_ARGUMENTS = (
    *arguments_of(
        SimParameters, "task", "level", "seed", "episodes", "real_time_factor",
        "command_delay_s", "camera_delay_s", "frame_loss", "pause_s", "arm_parameters",
        "camera_alignment", "viewer",
    ),
    *IMAGE_ARGUMENTS,
)  # fmt: skip
ARGUMENTS = (
    (
        "policy",
        "",
        f"the folder of a policy bundle, {EXPERT} or {NOBODY}; empty: the policy that ships for "
        f"the task, or the {EXPERT} where none does",
    ),
    ("cameras", "", "e.g. front,top; empty: those of the policy, else front and the wrists"),
    *EXECUTION_ARGUMENTS,
    (
        "look",
        "",
        "plain or room; empty: as the policy knows it, else as the level is",
    ),
    ("use_sim_time", "false", "stamp with simulated time and publish /clock"),
    ("film", "", "folder for demo.mp4 and demo.png, a picture of the plans; empty: none"),
)


def start_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    takes = arms_of_task(value("task"))
    arms = int(value("arms")) if value("arms") else takes
    # A policy that ships for a task has the arms that the task takes.
    policy = value("policy") or (EXPERT if arms != takes else "")
    drive = who_drives(policy, value("task"), without=EXPERT, choices=(EXPERT, NOBODY))
    robot = find_robot(ROBOTS[str(arms)])
    check_joints(drive, robot.joint_names)
    cameras = [name for name in value("cameras").split(",") if name]
    cameras = cameras or drive.cameras or list(CAMERAS[arms])
    shared = {"use_sim_time": value("use_sim_time").lower() == "true"}
    sim = Node(
        package="act_sim",
        executable="sim_node",
        output="screen",
        parameters=[
            as_parameters(context, SIM_ARGUMENTS),
            {
                "arms": arms,
                "cameras": cameras,
                "expert": drive.is_expert,
                "look": value("look") or drive.look,
                "publish_clock": shared["use_sim_time"],
            },
        ],
        on_exit=required("the simulation"),
    )
    nodes: list[LaunchDescriptionEntity] = [drive.announcement(), sim]
    if value("film"):
        film = Node(
            package="act_record",
            executable="film_node",
            output="screen",
            parameters=[{"out": value("film"), "cameras": cameras, "robot": robot.name, **shared}],
        )
        nodes.append(film)
    if drive.spec is not None:
        nodes.append(policy_node(value, drive, **shared))
    nodes += [*console_nodes(context, robot.name, cameras), *rviz_nodes(context, robot)]
    return in_namespace(context, nodes)


def generate_launch_description() -> LaunchDescription:
    arguments = declare((*ARGUMENTS, *SIM_ARGUMENTS, *CONSOLE_ARGUMENTS, RVIZ, NAMESPACE))
    return LaunchDescription(
        [*with_setup([*arguments, simulated_arms_argument()]), OpaqueFunction(function=start_nodes)]
    )
