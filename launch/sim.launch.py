"""The simulated SO-101 at its task, driven by a policy bundle, the scripted expert or nobody.

ros2 launch act_bringup sim.launch.py
ros2 launch act_bringup sim.launch.py task:=lift_cube episodes:=5 policy:=expert
ros2 launch act_bringup sim.launch.py policy:=/path/to/bundle mode:=newest viewer:=true
ros2 launch act_bringup sim.launch.py episodes:=5 film:=out
"""

from __future__ import annotations

from act_bringup.launch_arguments import (
    EXECUTION_ARGUMENTS,
    IMAGE_ARGUMENTS,
    as_parameters,
    declare,
)
from act_bringup.required import required
from act_bringup.setup_argument import with_setup
from act_bringup.who_drives import EXPERT, NOBODY, who_drives
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

DEFAULT_CAMERAS = {"1": ["front", "wrist"], "2": ["front", "left_wrist", "right_wrist"]}

# Handed on to the sim node as they are: name, default, description.
SIM_ARGUMENTS = (
    ("task", "pick_place", "by name, or the place of one: package.module:Class, file.py:Class"),
    ("level", "0", "domain randomization, 0 (none) to 3 (a stranger's room)"),
    ("seed", "0", "of the first episode; the next ones count up"),
    ("episodes", "0", "end after so many; 0: never"),
    ("real_time_factor", "1.0", "speed of simulated time; other than 1 needs use_sim_time:=true"),
    ("command_delay_s", "0.0", "injected: commands act so much later"),
    ("camera_delay_s", "0.0", "injected: images arrive so much later"),
    *IMAGE_ARGUMENTS,
    ("frame_loss", "0.0", "injected: share of the images that never arrive, 0 to 1"),
    ("viewer", "false", "open a window to watch and push things"),
)
ARGUMENTS = (
    (
        "policy",
        "",
        f"the folder of a policy bundle, {EXPERT} or {NOBODY}; empty: the policy that ships for "
        f"the task, or the {EXPERT} where none does",
    ),
    ("cameras", "", "e.g. front,top; empty: those of the policy, else front and wrist"),
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

    # Policies ship for one arm.
    policy = value("policy") or (EXPERT if value("arms") == "2" else "")
    drive = who_drives(policy, value("task"), without=EXPERT, choices=(EXPERT, NOBODY))
    cameras = [name for name in value("cameras").split(",") if name]
    cameras = cameras or drive.cameras or DEFAULT_CAMERAS[value("arms")]
    use_sim_time = value("use_sim_time").lower() == "true"
    sim = Node(
        package="act_sim",
        executable="sim_node",
        output="screen",
        parameters=[
            as_parameters(context, SIM_ARGUMENTS),
            {
                "arms": int(value("arms")),
                "cameras": cameras,
                "expert": drive.is_expert,
                "look": value("look") or drive.look,
                "publish_clock": use_sim_time,
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
            parameters=[{"out": value("film"), "cameras": cameras, "use_sim_time": use_sim_time}],
        )
        nodes.append(film)
    if drive.spec is None:
        return nodes
    runner = Node(
        package="act_policy",
        executable="policy_node",
        output="screen",
        parameters=[
            {
                "bundle": drive.bundle,
                "enabled": True,
                "mode": value("mode"),
                "control_rate_hz": float(value("control_rate_hz")),
                "engine": value("engine"),
                "variant": value("variant"),
                "image_fit": "resize",
                "use_sim_time": use_sim_time,
            }
        ],
        on_exit=required("the policy"),
    )
    return [*nodes, runner]


def generate_launch_description() -> LaunchDescription:
    arguments = declare((*ARGUMENTS, *SIM_ARGUMENTS))
    arms = DeclareLaunchArgument(
        "arms",
        default_value="1",
        description="1, or 2 with the second mirrored",
        choices=list(DEFAULT_CAMERAS),
    )
    return LaunchDescription(
        [*with_setup([*arguments, arms]), OpaqueFunction(function=start_nodes)]
    )
