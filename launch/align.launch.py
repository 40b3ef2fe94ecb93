"""Records what act-align-camera needs: pictures of the printed board, and the arm's joints.

act-align-camera --print board.pdf                               # once: print it, glue it flat
ros2 launch act_bringup align.launch.py setup:=kitchen           # the arm is limp: move it by hand
ros2 launch act_bringup align.launch.py port:=/dev/so101_follower calibration:=my_arm \
    cameras:=front=/dev/video0,wrist=/dev/video2
ros2 launch act_bringup align.launch.py hardware:=simulated      # a simulated arm shows how it goes

Then: act-align-camera align_bag --out my_cameras.yaml

First hold the board before each camera that stands still, tilted one way and another, near and far;
then lay it before the arm, where those cameras see it too, and do not touch it any more. Move the
gripper by hand so that its camera sees the board from many sides, and rest for a second at each.
Ctrl-C ends the recording. More, with pictures: docs/camera_alignment.md.
"""

from __future__ import annotations

from act_bringup.bag_recording import bag_and_namespace, bag_recorder, included
from act_bringup.launch_arguments import declare
from act_bringup.namespace import NAMESPACE
from act_bringup.setup_argument import with_setup
from act_bringup.who_drives import EXPERT, NOBODY
from act_core import topics
from act_core.setup_file import REAL
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch.conditions import IfCondition, UnlessCondition
from launch.substitutions import LaunchConfiguration, PythonExpression

SIMULATED = "simulated"
OWN_CAMERAS = "front,wrist"  # of the simulation
# The board is there for as long as it is looked at, and the simulated person shows how.
SHOWN = {"policy": EXPERT, "task": "look_around", "pause_s": "1000000.0", "camera_rate_hz": "5.0"}
LIMP = {"policy": NOBODY, "torque": "false"}


def start_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    def value(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    simulated = value("hardware") == SIMULATED
    cameras = value("cameras") or (OWN_CAMERAS if simulated else "")
    if not cameras:
        raise RuntimeError("cameras:= is empty: there is nothing to align")
    names = [entry.partition("=")[0] for entry in cameras.split(",") if entry]
    # What a camera sends as JPEG is recorded as it is, a twentieth of the pixels.
    kind = topics.camera_image if simulated else topics.camera_compressed
    recorder = bag_recorder(context, (topics.JOINT_STATES, *map(kind, names)))
    told = LogInfo(
        msg=f"recording into {value('bag')}; Ctrl-C when the board was seen from all sides, then: "
        f"act-align-camera {bag_and_namespace(context)} --out my_cameras.yaml"
    )
    return [recorder, told]


def generate_launch_description() -> LaunchDescription:
    hardware = DeclareLaunchArgument(
        "hardware",
        default_value=REAL,
        description=f"the arm, limp; {SIMULATED}: one that somebody shows the board to",
        choices=[REAL, SIMULATED],
    )
    bag = ("bag", "align_bag", "folder to record into; must not be there yet")
    is_simulated = PythonExpression(["'", LaunchConfiguration("hardware"), f"' == '{SIMULATED}'"])
    return LaunchDescription(
        [
            *with_setup([hardware, *declare((bag, NAMESPACE))]),
            included("real_so101.launch.py", UnlessCondition(is_simulated), LIMP),
            included("sim.launch.py", IfCondition(is_simulated), SHOWN),
            OpaqueFunction(function=start_nodes),
        ]
    )
