"""A subscription with its own thread, on real topics."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from act_core import ros as act_ros
from act_core import topics
from act_core.ros_listener import Listener
from rclpy.node import Node
from rclpy.publisher import Publisher

from tests.ros_rig import Rig, wait_until


class Heard:
    """What came, in which thread, and what went wrong with it."""

    def __init__(self) -> None:
        self.stamps: list[int] = []
        self.threads: set[str] = set()
        self.errors: list[str] = []

    def __call__(self, message) -> None:
        self.threads.add(threading.current_thread().name)
        if list(message.name) == ["bad"]:
            raise ValueError("a bad message")
        self.stamps.append(act_ros.stamp_ns(message.header.stamp))

    def on_error(self, error: Exception) -> None:
        self.errors.append(str(error))


@contextmanager
def listening(heard: Heard) -> Iterator[tuple[Node, Publisher, Listener]]:
    node = Node("listens")
    publisher = act_ros.publisher(node, topics.JOINT_COMMANDS)
    listener = Listener(node, topics.JOINT_COMMANDS, heard, heard.on_error)
    try:
        wait_until(lambda: publisher.get_subscription_count() > 0)
        yield node, publisher, listener
    finally:
        listener.close()
        node.destroy_node()


def test_messages_come_in_a_thread_of_its_own_and_a_bad_one_does_not_end_it(ros):
    heard = Heard()
    with listening(heard) as (node, publisher, _):
        good = act_ros.joint_state(["j"], [0.0], 7)
        # An executor at work takes none of them away.
        rig = Rig(node)
        rig.wait_for(lambda: heard.stamps or publisher.publish(good))
        bad = act_ros.joint_state(["bad"], [0.0], 8)
        rig.wait_for(lambda: heard.errors or publisher.publish(bad))
        after = act_ros.joint_state(["j"], [0.0], 9)
        rig.wait_for(lambda: 9 in heard.stamps or publisher.publish(after))
    assert heard.threads == {"listener"}
    assert set(heard.errors) == {"a bad message"}
    assert set(heard.stamps) == {7, 9}


def test_nothing_is_heard_after_close(ros):
    heard = Heard()
    with listening(heard) as (node, publisher, listener):
        other = Heard()
        act_ros.subscription(node, topics.JOINT_COMMANDS, other)
        listener.close()
        message = act_ros.joint_state(["j"], [0.0], 7)
        Rig(node).wait_for(lambda: other.stamps or publisher.publish(message))
    assert heard.stamps == []


def test_a_publisher_that_does_not_fit_is_told_of(ros, capfd: pytest.CaptureFixture):
    heard = Heard()
    told = []
    with listening(heard) as (node, _, _):
        kind = act_ros.interface_type(topics.JOINT_COMMANDS.type_name)
        best_effort = act_ros.QOS[topics.SENSOR]
        node.create_publisher(kind, topics.JOINT_COMMANDS.name, best_effort)

        def is_told() -> bool:
            told.append(capfd.readouterr().err)
            return "incompatible QoS" in "".join(told)

        wait_until(is_told)
