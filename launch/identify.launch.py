"""Moves an SO-101 through a safe motion and records it, for act-identify.

ros2 launch act_bringup identify.launch.py port:=/dev/so101_follower calibration:=my_arm
ros2 launch act_bringup identify.launch.py hardware:=emulated       # the whole path, without an arm
ros2 launch act_bringup identify.launch.py hardware:=simulated arm_parameters:=my_arm.yaml

Then: act-identify identify_bag --out my_arm.yaml

Take everything off the table first. The motion is simulated before anything moves, and refused if
the arm would touch the table, itself or the end of a joint's travel. All arguments of
real_so101.launch.py (or, simulated, of sim.launch.py) may be given. More: docs/identification.md.
"""

from __future__ import annotations

from act_bringup.bag_recording import bag_and_namespace, bag_recorder, included
from act_bringup.launch_arguments import arguments_of, as_parameters, declare
from act_bringup.namespace import NAMESPACE, absolute
from act_bringup.required import required
from act_bringup.setup_argument import with_setup
from act_bringup.who_drives import NOBODY
from act_core import topics
from act_core.setup_file import EMULATED, REAL
from act_sim.excite_parameters import ExciteParameters
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch.conditions import IfCondition, UnlessCondition
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import Node

SIMULATED = "simulated"
# No objects on the simulated table, and no episode that ends in the middle of the motion.
UNDISTURBED = {"policy": NOBODY, "task": "reach", "pause_s": "1000000.0"}
EXCITE_ARGUMENTS = arguments_of(
    ExciteParameters, "duration_s", "amplitude", "motion_seed", "table_height_m"
)
RECORDED = (topics.JOINT_STATES, topics.JOINT_COMMANDS_APPLIED, topics.ESTOP_STATE)


def start_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    recorder = bag_recorder(context, RECORDED)
    namespace = absolute(context, "").rstrip("/")
    own_time = LaunchConfiguration("hardware").perform(context) == SIMULATED
    excite = Node(
        package="act_sim",
        executable="excite_node",
        namespace=namespace or None,  # whether or not the arm's launch file pushed it already
        output="screen",
        parameters=[as_parameters(context, EXCITE_ARGUMENTS), {"use_sim_time": own_time}],
        on_exit=required("the motion"),
    )
    told = LogInfo(
        msg=f"recorded into {LaunchConfiguration('bag').perform(context)}; then: act-identify "
        f"{bag_and_namespace(context)} --out my_arm.yaml"
    )
    return [recorder, excite, told]


def generate_launch_description() -> LaunchDescription:
    hardware = DeclareLaunchArgument(
        "hardware",
        default_value=REAL,
        description=f"the arm; {EMULATED}: a simulated one behind an emulated servo bus; "
        f"{SIMULATED}: a simulated one on the topics themselves",
        choices=[REAL, EMULATED, SIMULATED],
    )
    bag = ("bag", "identify_bag", "folder to record into; must not be there yet")
    is_simulated = PythonExpression(["'", LaunchConfiguration("hardware"), f"' == '{SIMULATED}'"])
    return LaunchDescription(
        [
            *with_setup([hardware, *declare((bag, *EXCITE_ARGUMENTS, NAMESPACE))]),
            included("real_so101.launch.py", UnlessCondition(is_simulated), UNDISTURBED),
            # With the simulation's own clock a busy machine tears no hole into the motion.
            included(
                "sim.launch.py",
                IfCondition(is_simulated),
                UNDISTURBED | {"use_sim_time": "true"},
            ),
            OpaqueFunction(function=start_nodes),
        ]
    )
