"""What an arm is told, for stacks that do not know ``joint_commands``: ros2_control's controllers.

Beside ``joint_commands/applied`` and at the same rate, so what comes out is what is left of a
command after arbiter, e-stop, watchdog and limiter, and the held position while nothing is
followed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Duration
from numpy.typing import NDArray
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray, MultiArrayDimension, String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from act_core import ros, topics
from act_core.arm_parameters import ARRAY, TRAJECTORY, ArmParameters
from act_core.errors import ConfigurationError, suggest
from act_core.robot import Robot
from act_core.robot_file import description_of
from act_core.timing import NS_PER_S, to_ns

TOPICS = {
    TRAJECTORY: topics.JOINT_TRAJECTORY,
    ARRAY: topics.POSITION_COMMANDS,
}


class ForeignOutput:
    """Publishes applied positions as ``output`` of `ArmParameters` asks for.

    - trajectory: trajectory_msgs/JointTrajectory of one point, a control period ahead, stamped 0
      ("now"), as joint_trajectory_controller takes it;
    - array: std_msgs/Float64MultiArray, as forward_command_controller takes it. It has no names, so
      the order is that of ``output_joints``.

    Args:
        joints: of the arm, in the order of the positions.
        period_s: of the control loop.

    Raises ConfigurationError for joints that the arm does not have, or that are named twice.
    """

    def __init__(
        self, node: Node, parameters: ArmParameters, joints: Sequence[str], period_s: float
    ) -> None:
        order = list(parameters.output_joints) or list(joints)
        for name in order:
            if name not in joints:
                raise ConfigurationError(
                    f"parameter output_joints: {suggest('joint', name, joints)}"
                )
        if len(set(order)) != len(order):
            raise ConfigurationError(f"parameter output_joints names one twice: {', '.join(order)}")
        topic = TOPICS[parameters.output]
        if parameters.output_topic:
            topic = topics.Topic(parameters.output_topic, topic.type_name, topic.qos, topic.rate_hz)
        self._kind = parameters.output
        self._names = order
        self._places = [list(joints).index(name) for name in order]
        sec, nanosec = divmod(to_ns(period_s), NS_PER_S)
        self._ahead = Duration(sec=sec, nanosec=nanosec)
        self._publisher = ros.publisher(node, topic)

    def publish(self, position: NDArray[np.float64]) -> None:
        """Sends positions (J,) [rad] of all joints of the arm."""
        values = position[self._places].tolist()
        if self._kind == TRAJECTORY:
            point = JointTrajectoryPoint(positions=values, time_from_start=self._ahead)
            self._publisher.publish(JointTrajectory(joint_names=self._names, points=[point]))
            return
        message = Float64MultiArray(data=values)
        label = MultiArrayDimension(label=",".join(self._names), size=len(values), stride=1)
        message.layout.dim = [label]
        self._publisher.publish(message)


def publish_description(node: Node, robot: Robot) -> bool:
    """Publishes the robot's URDF, where it has one, on the latched topic ``robot_description``.

    Returns whether it has. ConfigurationError where its file cannot be read.
    """
    if robot.urdf is None:
        return False
    latched = ros.publisher(node, topics.ROBOT_DESCRIPTION)
    latched.publish(String(data=description_of(robot.urdf)))
    return True
