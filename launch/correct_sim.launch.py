"""A policy drives the simulated arm; when it is stuck, a simulated person takes over, puts it right
and hands it back. Every episode becomes a bag that says who had the arm when.

ros2 launch act_bringup correct_sim.launch.py episodes:=20
ros2 launch act_bringup correct_sim.launch.py level:=2 look:=plain out:=recordings/corrections
ros2 launch act_bringup correct_sim.launch.py person:=none viewer:=true  # and act-teleop beside it

Then: act-import bag recordings/corrections --out data/corrections --height 96 --width 128
      act-report data/corrections
"""

from __future__ import annotations

from act_bringup.arms import ROBOTS
from act_bringup.console import CONSOLE_ARGUMENTS, console_nodes
from act_bringup.launch_arguments import (
    EXECUTION_ARGUMENTS,
    IMAGE_ARGUMENTS,
    arguments_of,
    as_parameters,
    changed,
    declare,
)
from act_bringup.namespace import NAMESPACE, in_namespace
from act_bringup.required import required
from act_bringup.setup_argument import with_setup
from act_bringup.simulated import policy_node, recorder_node
from act_bringup.who_drives import EXPERT, NOBODY, check_joints, who_drives
from act_core.robots import find_robot
from act_record.record_parameters import RecordParameters
from act_sim.sim_parameters import SimParameters, arms_of_task
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

# Handed on to the sim node as they are.
DEFAULTS = {"level": "2", "width": "320", "height": "240"}
SIM_ARGUMENTS = tuple(
    changed(argument, DEFAULTS.get(argument[0], argument[1]))
    for argument in (
        *arguments_of(SimParameters, "task", "level", "seed", "real_time_factor", "viewer"),
        *IMAGE_ARGUMENTS,
    )
)
# Likewise, to the recorder.
_episodes, _out, _keep_failures = arguments_of(RecordParameters, "episodes", "out", "keep_failures")
RECORD_ARGUMENTS = (
    changed(_episodes, "20", "these are recorded"),
    changed(_out, "recordings/corrections"),
    _keep_failures,
)
ARGUMENTS = (
    ("policy", "", "the folder of a policy bundle; empty: the one that ships for the task"),
    *EXECUTION_ARGUMENTS,
    ("look", "", "plain or room; empty: as the policy knows it, else as the level is"),
)


def start_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    drive = who_drives(value("policy"), value("task"), without=NOBODY, choices=())
    if drive.spec is None:
        raise RuntimeError(
            f"policy: none ships for {value('task')}, and there is nobody to correct; name a bundle"
        )
    robot = ROBOTS[str(arms_of_task(value("task")))]
    check_joints(drive, find_robot(robot).joint_names)
    own_time = float(value("real_time_factor")) != 1.0
    sim = Node(
        package="act_sim",
        executable="sim_node",
        output="screen",
        parameters=[
            as_parameters(context, SIM_ARGUMENTS),
            {
                "cameras": drive.cameras,
                "look": value("look") or drive.look,
                "person": value("person") == EXPERT,
                "publish_clock": own_time,
            },
        ],
        on_exit=required("the simulation"),
    )
    policy = policy_node(value, drive, own_time)
    recorder = recorder_node(
        context,
        RECORD_ARGUMENTS,
        own_time,
        robot=robot,
        cameras=drive.cameras,
        rate_hz=drive.spec.rate_hz,
    )
    return in_namespace(
        context, [drive.announcement(), sim, policy, recorder, *console_nodes(context, robot)]
    )


def generate_launch_description() -> LaunchDescription:
    arguments = declare(
        (*ARGUMENTS, *SIM_ARGUMENTS, *RECORD_ARGUMENTS, *CONSOLE_ARGUMENTS, NAMESPACE)
    )
    person = DeclareLaunchArgument(
        "person",
        default_value=EXPERT,
        description=f"{EXPERT}: the task's expert behind 0.3 s of reaction time; {NOBODY}: whoever "
        "sends joint_commands/person",
        choices=[EXPERT, NOBODY],
    )
    return LaunchDescription(
        [*with_setup([*arguments, person]), OpaqueFunction(function=start_nodes)]
    )
