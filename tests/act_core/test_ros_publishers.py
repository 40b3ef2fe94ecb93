"""Who else publishes on a topic."""

from __future__ import annotations

import itertools

from act_core import ros as act_ros
from act_core import topics
from act_core.ros_publishers import PublisherWatch, publishers_of, several
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
    assert several(arm, topics.JOINT_COMMANDS) is None, "as after a restart of a killed node"
    arm.destroy_node()
    policy.destroy_node()


def test_who_sends_is_told_from_who_could(ros, spin_until):
    arm, policy, leader = Node("arm"), Node("policy"), Node("leader")
    watch = PublisherWatch(arm, topics.JOINT_COMMANDS)
    act_ros.subscription(arm, topics.JOINT_COMMANDS, lambda _message, info: watch.saw(info))
    first, second, third = (
        act_ros.publisher(node, topics.JOINT_COMMANDS) for node in (policy, policy, leader)
    )
    message = act_ros.joint_state(["a"], [0.0], 1)

    def spin(*publishers, until) -> None:
        turn = itertools.cycle(publishers)

        def step() -> bool:
            if publishers:
                next(turn).publish(message)  # of two at once, depth 1 keeps the newer
            watch.look()
            return until()

        spin_until(step, arm, policy, leader)

    assert (watch.sending(), watch.at_once(), watch.warning()) == ([], None, None)
    spin(first, until=lambda: watch.sending() == ["/policy"])
    assert watch.is_single
    spin(until=lambda: watch.warning() == "2 publishers on joint_commands: /leader, /policy")
    assert watch.at_once() is None, "the leader has said nothing"
    text = "2 nodes send joint_commands at once, /leader, /policy"
    spin(first, third, until=lambda: watch.at_once() == text)
    assert watch.warning() == text
    # Two of one name: the same launch file twice.
    text = "2 nodes send joint_commands at once, /policy, /policy"
    spin(first, second, until=lambda: watch.at_once() == text)
    spin(first, until=lambda: watch.at_once() is None)
    for node in (arm, policy, leader):
        node.destroy_node()
