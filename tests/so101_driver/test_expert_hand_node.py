"""What the hand at a leader is told of a simulation, and what it says where there is nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import rclpy
from act_core import ros, topics
from act_core.robots.so101 import SO101
from act_sim.sim_node import SimNode
from rclpy.node import Node
from so101_driver.emulator.expert_hand import Sight
from so101_driver.expert_hand_node import ExpertHandNode

from tests.ros_rig import Rig, ros_arguments

SMALL = {"task": "reach", "cameras": "[]"}
INEXPERT = """
from act_sim.task import Task
from act_sim.tasks.reach import Reach
class Reech(Reach):
    name = "reech"
    make_expert = Task.make_expert
"""


@contextmanager
def rig(**parameters) -> Iterator[tuple[Rig, SimNode, ExpertHandNode, Node]]:
    """A simulation, the hand's node, which is not spun yet, and somebody who sends."""
    rclpy.init(args=ros_arguments(**{**SMALL, **parameters}))
    nodes: list = []
    try:
        nodes += [SimNode(), Node("other", use_global_arguments=False)]
        nodes += [ExpertHandNode(SO101, use_global_arguments=False)]
        sim, other, hand = nodes
        yield Rig(*nodes), sim, hand, other
    finally:
        for node in nodes[:1]:
            node.close()
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()


def test_it_sees_what_the_expert_wants_and_who_has_the_arm():
    with rig() as (spun, sim, hand, other):
        assert "waits for a simulation, none tells of its task on /episode/status" in hand.look()
        spun.wait_for(lambda: isinstance(hand.look(), Sight))
        sight = hand.look()
        assert (sight.owner, sight.is_over) == ("policy", False)
        # How far from the arm, which stands: the expert goes on with its motion all the same.
        assert not np.allclose(sight.wanted_rad, sim.bridge.sim.joint_position, atol=1e-3)
        assert (SO101.limits.lower_rad <= sight.wanted_rad).all()
        assert (sight.wanted_rad <= SO101.limits.upper_rad).all()
        assert np.abs(sight.applied_rad - sim.bridge.sim.joint_position).max() < 0.1

        client = other.create_client(ros.interface_type(topics.ESTOP.type_name), topics.ESTOP.name)
        spun.wait_for(client.service_is_ready)
        client.call_async(client.srv_type.Request(data=True))
        spun.wait_for(lambda: hand.look() == "waits: the e-stop is engaged")

        with pytest.raises(ValueError, match="its joints are left_shoulder_pan, the leader's"):
            hand._wanted.hear(ros.joint_state(["left_shoulder_pan"], [0.0], 0))
        assert "its joints are left_shoulder_pan, the leader's shoulder_pan, " in str(hand.look())


def test_nobody_is_shown_what_nobody_watches():
    rclpy.init(args=ros_arguments(**SMALL))
    sim = SimNode()
    try:
        spun = Rig(sim)
        spun.wait_for(lambda: sim._period > 50)
        assert sim.bridge._expert is None
    finally:
        sim.close()
        sim.destroy_node()
        rclpy.try_shutdown()


def test_a_task_without_an_expert_is_named_with_those_that_have_one(tmp_path):
    (tmp_path / "own.py").write_text(INEXPERT)
    with rig(task=f"{tmp_path}/own.py:Reech") as (spun, _sim, hand, _other):
        spun.wait_for(lambda: "has no scripted expert" in str(hand.look()))
        assert hand.look().startswith("does nothing: the task 'reech' has no scripted expert")
        assert "nearest first: reach, " in hand.look()
