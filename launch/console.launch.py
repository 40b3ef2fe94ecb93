"""A page in the browser: watch a robot that runs, stop it, teach it, look after what it recorded.

ros2 launch act_bringup console.launch.py
ros2 launch act_bringup console.launch.py setup:=kitchen
ros2 launch act_bringup console.launch.py console_host:=0.0.0.0     # a phone; by the link it shows

The other launch files start the same with console:=true.
"""

from __future__ import annotations

from act_bringup.arms import ROBOTS, arms_argument
from act_bringup.console import CONSOLE_ARGUMENTS, console_node
from act_bringup.launch_arguments import declare
from act_bringup.namespace import NAMESPACE, in_namespace
from act_bringup.required import required
from act_bringup.setup_argument import with_setup
from launch import LaunchContext, LaunchDescription, LaunchDescriptionEntity
from launch.actions import OpaqueFunction
from launch.substitutions import LaunchConfiguration


def start_nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    robot = ROBOTS[LaunchConfiguration("arms").perform(context)]
    return in_namespace(context, [console_node(context, robot, required("the console"))])


def generate_launch_description() -> LaunchDescription:
    arguments = declare((*CONSOLE_ARGUMENTS[1:-1], NAMESPACE))
    return LaunchDescription(
        [*with_setup([arms_argument(), *arguments]), OpaqueFunction(function=start_nodes)]
    )
