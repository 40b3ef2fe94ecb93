"""Demonstrations in simulation, driven and recorded through ROS: one bag for each episode.

ros2 launch act_bringup record_sim.launch.py episodes:=3
ros2 launch act_bringup record_sim.launch.py task:=pick_place episodes:=20 level:=1 out:=recordings
ros2 launch act_bringup record_sim.launch.py driver:=none viewer:=true   # and act-teleop beside it

Then: act-import bag recordings --out data/recorded --height 96 --width 128
"""

from __future__ import annotations

from act_bringup.arms import ROBOTS
from act_bringup.console import CONSOLE_ARGUMENTS, console_nodes
from act_bringup.launch_arguments import (
    IMAGE_ARGUMENTS,
    arguments_of,
    as_parameters,
    changed,
    declare,
)
from act_bringup.namespace import NAMESPACE, in_namespace
from act_bringup.required import required
from act_bringup.setup_argument import with_setup
from act_bringup.simulated import recorder_node
from act_bringup.who_drives import EXPERT, NOBODY, who_drives
from act_record.record_parameters import RecordParameters
from act_sim.looks import CAMERAS
from act_sim.sim_parameters import LOCKSTEP, REAL_TIME, SimParameters, arms_of_task
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

# Handed on to the sim node as they are.
SIM_ARGUMENTS = (
    *arguments_of(
        SimParameters, "task", "level", "seed", "arm_parameters", "camera_alignment", "viewer"
    ),
    *IMAGE_ARGUMENTS,
)
# Likewise, to the recorder.
_episodes, *_others = arguments_of(RecordParameters, "episodes", "out", "keep_failures")
RECORD_ARGUMENTS = (changed(_episodes, "20", "these are recorded"), *_others)


def start_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    drive = who_drives(value("driver"), value("task"), without=NOBODY, choices=(EXPERT, NOBODY))
    arms = arms_of_task(value("task"))
    robot = ROBOTS[str(arms)]
    cameras = [name for name in value("cameras").split(",") if name] or list(CAMERAS[arms])
    # In lockstep the simulation waits for its pictures, and time is its own.
    own_time = value("pacing") == LOCKSTEP
    sim = Node(
        package="act_sim",
        executable="sim_node",
        output="screen",
        parameters=[
            as_parameters(context, SIM_ARGUMENTS),
            {
                "cameras": cameras,
                "expert": drive.is_expert,
                "pacing": value("pacing"),
                "publish_clock": own_time,
            },
        ],
        on_exit=required("the simulation"),
    )
    recorder = recorder_node(
        context, RECORD_ARGUMENTS, own_time,
        robot=robot, cameras=cameras, rate_hz=float(value("camera_rate_hz")),
    )  # fmt: skip
    return in_namespace(
        context, [drive.announcement(), sim, recorder, *console_nodes(context, robot)]
    )


def generate_launch_description() -> LaunchDescription:
    cameras = ("cameras", "", "to record, e.g. front,top; empty: front and the wrists")
    arguments = declare((cameras, *SIM_ARGUMENTS, *RECORD_ARGUMENTS, *CONSOLE_ARGUMENTS, NAMESPACE))
    driver = DeclareLaunchArgument(
        "driver",
        default_value=EXPERT,
        description=f"{EXPERT}: the task's scripted expert; {NOBODY}: whoever sends joint_commands",
        choices=[EXPERT, NOBODY],
    )
    pacing = DeclareLaunchArgument(
        "pacing",
        default_value=REAL_TIME,
        description=f"{REAL_TIME}, or {LOCKSTEP}: as fast as pictures come, and none is missed",
        choices=[REAL_TIME, LOCKSTEP],
    )
    return LaunchDescription(
        [*with_setup([*arguments, driver, pacing]), OpaqueFunction(function=start_nodes)]
    )
