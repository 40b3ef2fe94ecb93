"""A robot of seven joints from outside of the tree: one file, and nothing else.

A policy for it runs in the policy node, and the mock arm follows under the file's limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import rclpy
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.policy_spec import ActionOutput, JointInput
from act_core.robots import find_robot
from act_policy.policy_node import PolicyNode
from act_sim.mock_arm_node import MockArmNode
from rclpy.node import Node

from tests.act_policy.policies import FunctionPolicy, make_spec
from tests.extending.document import example
from tests.ros_rig import ros_arguments, spinning, wait_until


@pytest.fixture
def seven(tmp_path) -> str:
    file = tmp_path / "seven.yaml"
    file.write_text(example("seven.yaml"))
    return str(file)


@contextmanager
def mock_arm(robot: str) -> Iterator[MockArmNode]:
    rclpy.init(args=ros_arguments(robot=robot))
    node = None
    try:
        node = MockArmNode()
        yield node
    finally:
        if node is not None:
            node.close()
            node.destroy_node()
        rclpy.try_shutdown()


def test_a_policy_drives_it_and_its_limits_hold(seven):
    robot = find_robot(seven)
    goal = robot.pose("home") + np.array([0.5, 0.2, 0.0, 0.0, -0.3, 0.0, -0.02])
    spec = make_spec(
        joint_input=JointInput("joint_position", robot.joint_names),
        output=ActionOutput("action", robot.joint_names),
        image_inputs=(),
    )
    policy = FunctionPolicy(spec, lambda _: np.tile(goal, (spec.chunk_size, 1)))
    with mock_arm(seven) as arm:
        runner = PolicyNode(policy, use_global_arguments=False)
        listener = Node("listener", use_global_arguments=False)
        states: list = []
        ros.subscription(listener, topics.JOINT_STATES, states.append)
        try:
            with spinning(arm, runner, listener):
                wait_until(lambda: bool(states))
                assert states[0].name == list(robot.joint_names)
                assert np.allclose(states[0].position, robot.pose("home"))
                runner._set_enabled(True)
                wait_until(lambda: np.allclose(states[-1].position, goal, atol=1e-6))
        finally:
            runner.close()
            runner.destroy_node()
            listener.destroy_node()
    speed = np.abs([state.velocity for state in states]).max(axis=0)
    assert (speed <= robot.limits.max_velocity_rad_s + 1e-6).all()
    assert speed[0] > 0.5, "it was the limit of the base that held it"


def test_a_robot_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(ConfigurationError, match="unknown robot 'sevn'; .*so101"):
        with mock_arm("sevn"):
            pass
