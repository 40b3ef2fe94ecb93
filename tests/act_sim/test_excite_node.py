"""The node beside a mock arm's topics: it moves nothing before it knows that nothing is hit."""

import numpy as np
import pytest
import rclpy
from act_core import ros, topics
from act_core.robots import find_robot
from act_sim.excite_node import ExciteNode
from act_sim.identified_arm import JOINT_NAMES
from rclpy.node import Node
from std_msgs.msg import Bool

from tests.ros_rig import Rig, ros_arguments

HOME_POSE_RAD = find_robot("so101").pose("home")


class ArmTopics(Node):
    """Tells one pose, or follows; keeps what is commanded."""

    def __init__(self, follows: bool) -> None:
        super().__init__("arm")
        self.position = np.array(HOME_POSE_RAD)
        self.commands: list[np.ndarray] = []
        self._follows = follows
        self._states = ros.publisher(self, topics.JOINT_STATES)
        self._estop = ros.publisher(self, topics.ESTOP_STATE)
        ros.subscription(self, topics.JOINT_COMMANDS, self._on_command)
        self.create_timer(0.02, self._tell)

    def stop(self) -> None:
        self._estop.publish(Bool(data=True))

    def _on_command(self, message) -> None:
        self.commands.append(np.array(message.position))
        if self._follows:
            self.position = self.commands[-1]

    def _tell(self) -> None:
        stamp_ns = self.get_clock().now().nanoseconds
        self._states.publish(ros.joint_state(JOINT_NAMES, self.position, stamp_ns))


@pytest.fixture
def start():
    """Nodes of one ROS context of their own, and what lets them work."""
    begun = []

    def start(follows=True, **parameters):
        rclpy.init(args=ros_arguments(**{"duration_s": 20.0, **parameters}))
        arm, node = ArmTopics(follows), ExciteNode()
        begun.extend((arm, node))
        return arm, node, Rig(arm, node)

    yield start
    for each in begun:
        getattr(each, "close", lambda: None)()
        each.destroy_node()
    rclpy.shutdown()


def test_a_table_in_the_way_is_refused_before_anything_moves(start):
    arm, node, rig = start(table_height_m=0.2)
    rig.wait_for(lambda: node.finished)
    assert not node.succeeded
    assert arm.commands == []


def test_it_moves_smoothly_from_where_the_arm_stands_until_the_stop_is_pressed(start):
    arm, node, rig = start()
    rig.wait_for(lambda: len(arm.commands) > 100)
    arm.stop()
    rig.wait_for(lambda: node.finished)
    assert not node.succeeded
    motion = np.array(arm.commands)
    assert motion[0] == pytest.approx(HOME_POSE_RAD, abs=0.01)
    count = len(arm.commands)
    rig.wait_for(lambda: True)
    assert len(arm.commands) <= count + 1


def test_an_arm_that_does_not_follow_ends_it(start):
    arm, node, rig = start(follows=False)
    rig.wait_for(lambda: node.finished)
    assert not node.succeeded
    assert np.abs(np.array(arm.commands)[-1] - HOME_POSE_RAD).max() > 0.6
