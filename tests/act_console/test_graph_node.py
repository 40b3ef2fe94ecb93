"""`act-check` listens to a real graph."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")

from act_console.check.findings import WRONG
from act_console.check.graph import check_graph
from act_console.check.graph_node import GraphNode
from act_core import ros as act_ros
from act_core import topics
from act_core.policy_spec import StartRange
from rclpy.node import Node
from std_msgs.msg import Bool

from tests.act_policy.policies import make_spec
from tests.ros_rig import Rig

SPEC = make_spec(start=StartRange((-0.1, -0.1), (0.1, 0.1)))


def test_what_runs_is_seen_and_nothing_is_said(ros):
    arm = Node("arm")
    joints = act_ros.publisher(arm, topics.JOINT_STATES)
    front = act_ros.publisher(arm, topics.camera_image("front"))
    other = act_ros.publisher(arm, topics.camera_image("top"))
    stop = act_ros.publisher(arm, topics.ESTOP_STATE)
    stop.publish(Bool(data=True))
    act_ros.publisher(arm, topics.JOINT_COMMANDS)

    def tell() -> None:
        now_ns = arm.get_clock().now().nanoseconds
        joints.publish(act_ros.joint_state(("right", "left"), (0.0, 2.0), now_ns))
        image = act_ros.array_to_image(np.zeros((12, 16, 3), np.uint8), now_ns, "front")
        front.publish(image)

    act_ros.steady_timer(arm, 0.02, tell)
    node = GraphNode(SPEC, listen_s=60.0)
    rig = Rig(arm, node)
    rig.wait_for(lambda: node.finished and node.graph.estopped, 60.0)
    node.close()
    graph = node.graph
    assert graph.runs
    assert list(graph.joints) == ["right", "left"]
    assert graph.there == ["front", "top"]
    assert graph.commanders == ["/arm"]
    assert graph.images["front"].shape == (12, 16, 3)
    assert not [each for each in node.publishers if "rosout" not in each.topic_name
                and "parameter" not in each.topic_name]  # fmt: skip
    found = [each.text for each in check_graph(SPEC, graph, {}, "toy") if each.state == WRONG]
    assert len(found) == 2
    assert "left is at 2.00, expected -0.10 to 0.10" in found[0]
    assert found[1] == "it is engaged"
    assert other is not None
