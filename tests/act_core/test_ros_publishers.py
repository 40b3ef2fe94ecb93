"""Who else publishes on a topic."""

from __future__ import annotations

from act_core import ros as act_ros
from act_core import topics
from act_core.ros_publishers import publishers_of, several
from rclpy.node import Node


def names(node: Node) -> list[str]:
    return [one.node for one in publishers_of(node, topics.JOINT_COMMANDS)]


def test_publishers_are_named_with_their_namespaces(ros, spin_until):
    arm = Node("arm", namespace="/left")
    policy = Node("policy", namespace="/left")
    leader = Node("leader", cli_args=["--ros-args", "-r", "joint_commands:=/left/joint_commands"])
    elsewhere = Node("elsewhere", namespace="/right")
    members = (arm, policy, leader, elsewhere)
    assert names(arm) == []
    assert several(arm, topics.JOINT_COMMANDS) is None
    act_ros.publisher(elsewhere, topics.JOINT_COMMANDS)
    act_ros.publisher(policy, topics.JOINT_COMMANDS)
    spin_until(lambda: names(arm) == ["/left/policy"], *members)
    assert several(arm, topics.JOINT_COMMANDS) is None
    act_ros.publisher(leader, topics.JOINT_COMMANDS)
    spin_until(lambda: names(arm) == ["/leader", "/left/policy"], *members)
    text = "2 publishers on joint_commands: /leader, /left/policy"
    assert several(arm, topics.JOINT_COMMANDS) == text
    assert len({one.gid for one in publishers_of(arm, topics.JOINT_COMMANDS)}) == 2
    for member in members:
        member.destroy_node()


def test_two_publishers_of_one_node_are_two(ros, spin_until):
    arm, policy = Node("arm"), Node("policy")
    for _ in range(2):
        act_ros.publisher(policy, topics.JOINT_COMMANDS)
    spin_until(lambda: names(arm) == ["/policy", "/policy"], arm, policy)
    arm.destroy_node()
    policy.destroy_node()
