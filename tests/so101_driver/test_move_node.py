"""The arm is moved to a pose, slowly, and the node ends."""

from __future__ import annotations

import json

import numpy as np
import pytest
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.parameters import from_values
from act_core.policy_json import spec_to_json
from act_core.policy_spec import ActionOutput, JointInput, PolicySpec, StartRange
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES, REST_POSE_RAD
from rclpy.node import Node
from rclpy.parameter import Parameter
from so101_driver.move_node import MoveNode, MoveParameters
from std_msgs.msg import Bool

from tests.ros_rig import PATIENCE_S


class Follower(Node):
    """An arm that is at once where it is told to be."""

    def __init__(self) -> None:
        super().__init__("follower", use_global_arguments=False)
        self.position = np.zeros(6)
        self.alive = True
        self.names = JOINT_NAMES
        self.sent = 0
        self.commands: list[np.ndarray] = []
        self._states = ros.publisher(self, topics.JOINT_STATES)
        self.estop = ros.publisher(self, topics.ESTOP_STATE)
        ros.subscription(self, topics.JOINT_COMMANDS, self._on_command)
        self.create_timer(0.01, self._on_timer)

    def _on_timer(self) -> None:
        if self.alive:
            now_ns = self.get_clock().now().nanoseconds
            position = self.position[: len(self.names)]
            self._states.publish(ros.joint_state(self.names, position, now_ns))
            self.sent += 1

    def _on_command(self, message) -> None:
        self.position = ros.read_joints(message, JOINT_NAMES).position
        self.commands.append(self.position)


@pytest.fixture
def moving(spin_until):
    """``moving(**parameters)``: the node and an arm at zero that is at once where it is told."""
    nodes: list = []

    def start(**parameters):
        values = {"timeout_s": PATIENCE_S, **parameters}
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        nodes.extend([MoveNode(parameter_overrides=overrides), Follower()])
        return nodes

    yield start
    for node in nodes:
        node.destroy_node()


def test_it_goes_to_the_pose_in_small_steps_and_ends(moving, spin_until):
    node, follower = moving(pose="home", speed_rad_s=2.0)
    spin_until(lambda: node.finished, node, follower)
    assert node.succeeded
    assert follower.position == pytest.approx(HOME_POSE_RAD)
    assert np.abs(np.diff(np.array(follower.commands), axis=0)).max() < 0.2


def test_positions_in_place_of_a_pose(moving, spin_until):
    target = [0.1, -0.2, 0.2, 0.1, 0.0, 0.3]
    node, follower = moving(position=target, speed_rad_s=2.0)
    spin_until(lambda: node.finished, node, follower)
    assert follower.position == pytest.approx(target)


def test_an_engaged_estop_ends_it_without_a_motion(moving, spin_until):
    node, follower = moving(pose="rest")
    follower.estop.publish(Bool(data=True))
    follower.alive = False
    spin_until(lambda: node.finished, node, follower)
    assert not node.succeeded
    assert follower.commands == []


def test_without_its_clock_it_moves_nothing_and_says_why(moving, spin_until, capfd):
    node, follower = moving(pose="home", timeout_s=1.0, use_sim_time=True)
    spin_until(lambda: node.finished, node, follower)
    assert follower.commands == []
    assert "not there within 1 s: simulated time has not begun" in capfd.readouterr().err


def test_joint_states_of_another_arm_are_no_end(moving, spin_until):
    node, follower = moving(pose="home", speed_rad_s=2.0)
    follower.names = ["left", "right"]
    spin_until(lambda: follower.sent > 10, node, follower)
    assert not node.finished
    follower.names = JOINT_NAMES
    spin_until(lambda: node.finished, node, follower)
    assert node.succeeded


def test_without_joint_states_it_gives_up(moving, spin_until):
    node, follower = moving(timeout_s=1.0)
    follower.alive = False
    spin_until(lambda: node.finished, node, follower)
    assert not node.succeeded
    assert follower.commands == []


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"position": (0.0,) * 5}, "position has 5 values, expected 6"),
        ({"position": (3.0, 0, 0, 0, 0, 0)}, "shoulder_pan: 3.0 rad, expected"),
        ({"pose": "hom"}, "did you mean 'home'"),
    ],
)
def test_what_cannot_be_is_named(values, text):
    with pytest.raises(ConfigurationError, match=text):
        from_values(MoveParameters, values).target()


def bundle_at(folder, unit="rad", **changes):
    """A policy.json of a policy whose joints are in the opposite order."""
    names = tuple(reversed(JOINT_NAMES))
    values = {"start": StartRange((0.0, 0.1, 0.2, 0.3, 0.4, 0.5), (0.2, 0.1, 0.2, 0.3, 0.4, 0.5))}
    spec = PolicySpec(
        "pick", 30.0, 4, JointInput("joints", names, unit), (), ActionOutput("action", names, unit),
        **{**values, **changes},
    )  # fmt: skip
    (folder / "policy.json").write_text(json.dumps(spec_to_json(spec)))
    return str(folder)


def test_the_start_of_a_policy_is_found_by_the_names_of_its_joints(tmp_path):
    target = from_values(MoveParameters, {"start_of": bundle_at(tmp_path)}).target()
    assert target == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.1, 0.1])
    with pytest.raises(ConfigurationError, match="policy.json has no 'start'"):
        from_values(MoveParameters, {"start_of": bundle_at(tmp_path, start=None)}).target()
    with pytest.raises(ConfigurationError, match="no policy.json in /no/bundle: no such folder"):
        from_values(MoveParameters, {"start_of": "/no/bundle"}).target()


def test_a_start_in_another_unit_is_no_pose(tmp_path):
    with pytest.raises(ConfigurationError, match="takes gripper in 'degrees', but joint_states"):
        from_values(MoveParameters, {"start_of": bundle_at(tmp_path, "degrees")}).target()


def test_the_poses_are_those_of_the_arm():
    assert from_values(MoveParameters, {"pose": "rest"}).target() is REST_POSE_RAD
