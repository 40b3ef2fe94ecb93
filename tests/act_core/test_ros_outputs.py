"""What is sent to an arm, as controllers of ros2_control take it."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")

import rclpy
from act_core import ros as act_ros
from act_core import topics
from act_core.controlled_arm_node import ControlledArmNode
from act_core.errors import ConfigurationError
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES
from act_sim.mock_arm_node import MockArmNode
from rclpy.node import Node

from tests.ros_rig import Rig, ros_arguments

PATIENCE_S = 60.0


@contextmanager
def running(kind, *more: str, **parameters: object):
    rclpy.init(args=[*ros_arguments(**parameters), *more])
    nodes: list = []
    try:
        nodes.append(kind())
        nodes.append(Node("listener", use_global_arguments=False))
        yield nodes[0], nodes[1], Rig(*nodes)
    finally:
        for node in nodes:
            getattr(node, "close", lambda: None)()
            node.destroy_node()
        rclpy.try_shutdown()


def hear(node: Node, topic: topics.Topic, name: str = "") -> list:
    heard: list = []
    act_ros.subscription(node, topics.Topic(name or topic.name, topic.type_name, topic.qos),
                         heard.append)  # fmt: skip
    return heard


def test_a_trajectory_says_what_was_applied():
    with running(MockArmNode, output="trajectory") as (_, listener, rig):
        applied = hear(listener, topics.JOINT_COMMANDS_APPLIED)
        sent = hear(listener, topics.JOINT_TRAJECTORY)
        commands = act_ros.publisher(listener, topics.JOINT_COMMANDS)
        target = HOME_POSE_RAD + np.array([3.0, 0, 0, 0, 0, 0])  # beyond its limit

        def command() -> None:
            now_ns = listener.get_clock().now().nanoseconds
            commands.publish(act_ros.joint_state(JOINT_NAMES, target, now_ns))

        act_ros.steady_timer(listener, 0.02, command)
        limit = 1.91986

        def is_there() -> bool:
            return bool(sent and applied) and (
                sent[-1].points[0].positions[0] == applied[-1].position[0] == limit
            )

        rig.wait_for(is_there, PATIENCE_S)
        message = sent[-1]
        assert list(message.joint_names) == list(JOINT_NAMES)
        assert len(message.points) == 1
        assert list(message.points[0].positions) == list(applied[-1].position)
        assert message.points[0].time_from_start.nanosec == 10_000_000
        assert (message.header.stamp.sec, message.header.stamp.nanosec) == (0, 0)
        assert max(each.points[0].positions[0] for each in sent) <= limit


def test_an_array_has_the_joints_that_were_asked_for_in_their_order():
    parameters = {
        "output": "array", "output_topic": "/mine/commands",
        "output_joints": ["gripper", "shoulder_lift"],
    }  # fmt: skip
    with running(MockArmNode, **parameters) as (_, listener, rig):
        sent = hear(listener, topics.POSITION_COMMANDS, "/mine/commands")
        rig.wait_for(lambda: sent, PATIENCE_S)
        np.testing.assert_allclose(sent[-1].data, HOME_POSE_RAD[[5, 1]])
        assert sent[-1].layout.dim[0].label == "gripper,shoulder_lift"


def test_without_being_asked_nothing_goes_out_and_the_robot_is_described():
    with running(MockArmNode) as (arm, listener, rig):
        names = {publisher.topic_name for publisher in arm.publishers}
        assert not any("controller" in name for name in names)
        if "/robot_description" not in names:
            pytest.skip("the package of the arm's meshes is not installed")
        told = hear(listener, topics.ROBOT_DESCRIPTION)  # a latecomer
        rig.wait_for(lambda: told, PATIENCE_S)
        assert "<robot" in told[0].data
        assert 'name="shoulder_pan" type="revolute"' in told[0].data
        assert 'filename="file:///' in told[0].data


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"output_joints": ["griper"]}, "output_joints: unknown joint 'griper'; did you mean"),
        ({"output_joints": ["gripper", "gripper"]}, "names one twice: gripper, gripper"),
        ({"output": "tractory"}, "unknown output 'tractory'; did you mean 'trajectory'"),
    ],
)
def test_what_cannot_be_sent_is_refused_at_the_start(parameters, text):
    with pytest.raises(ConfigurationError, match=text):
        with running(MockArmNode, **{"output": "trajectory", **parameters}):
            pass


def test_an_arm_of_other_software_follows_through_limiter_and_watchdog():
    parameters = {"output": "array", "measured": "/joint_states"}
    with running(ControlledArmNode, "-r", "__ns:=/act", **parameters) as (arm, listener, rig):
        sent = hear(listener, topics.POSITION_COMMANDS, f"/act/{topics.POSITION_COMMANDS.name}")
        told = hear(listener, topics.JOINT_STATES, "/act/joint_states")
        measured = act_ros.publisher(listener, topics.JOINT_STATES)
        name = f"/act/{topics.JOINT_COMMANDS.name}"
        command_topic = topics.Topic(name, topics.JOINT_COMMANDS.type_name, topics.COMMAND)
        commands = act_ros.publisher(listener, command_topic)
        rig.wait_for(lambda: arm.status.hold == "where the arm is has not been told yet")
        assert not sent
        target = HOME_POSE_RAD + np.array([0.5, 0, 0, 0, 0, 0])
        order = [3, 1, 0, 2, 5, 4]  # joint_state_broadcaster has an order of its own

        def tell() -> None:
            now_ns = listener.get_clock().now().nanoseconds
            here = np.array(sent[-1].data) if sent else HOME_POSE_RAD
            names = [JOINT_NAMES[i] for i in order]
            measured.publish(act_ros.joint_state(names, here[order], now_ns))
            commands.publish(act_ros.joint_state(JOINT_NAMES, target, now_ns))

        act_ros.steady_timer(listener, 0.02, tell)
        rig.wait_for(lambda: sent and np.allclose(sent[-1].data, target), PATIENCE_S)
        np.testing.assert_allclose(sent[0].data, HOME_POSE_RAD)
        assert list(told[-1].name) == list(JOINT_NAMES)


def test_an_arm_of_other_software_needs_an_output_and_a_name_of_its_own():
    with pytest.raises(ConfigurationError, match="output is none: nothing would move"):
        with running(ControlledArmNode, measured="/other"):
            pass
    with pytest.raises(ConfigurationError, match="where this node tells the joints itself"):
        with running(ControlledArmNode, output="array"):
            pass
