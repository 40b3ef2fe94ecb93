"""Inference on one computer, control on another: two nodes that share topics and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")

import rclpy
from act_core import topics
from act_core.errors import ConfigurationError
from act_core.ros import publisher
from act_policy import policy_node
from act_policy.chunk import Chunk
from act_policy.chunk_wire import Tag, bundle_mark
from act_policy.inference_node import FunctionPolicy, InferenceNode
from act_policy.observing_node import chunk_message
from act_policy.policy_node import PolicyNode
from act_policy.policy_runner import Hold
from rclpy.parameter import Parameter

from tests.act_policy.policies import JOINTS, K, make_bundle, make_spec
from tests.act_policy.test_policy_node import Robot, holding
from tests.ros_rig import ros_arguments

PATIENCE_S = 60.0
HOUR_NS = 3_600_000_000_000


@pytest.fixture
def halves(ros, spin_until, tmp_path):
    """``add(kind, **parameters)`` starts a node; ``until(condition)`` spins all that there are."""
    bundle = make_bundle(tmp_path / "toy").folder
    nodes: list = []

    def add(kind, *arguments, **parameters):
        values = {"bundle": str(bundle), "realtime_priority": 0, "inference_threads": 1}
        if kind is Robot:
            nodes.append(Robot())
        else:
            values |= parameters
            overrides = [Parameter(name, value=value) for name, value in values.items()]
            nodes.append(kind(*arguments, parameter_overrides=overrides))
        return nodes[-1]

    def end(node) -> None:
        nodes.remove(node)
        getattr(node, "close", lambda: None)()
        node.destroy_node()

    def until(condition) -> None:
        spin_until(condition, *nodes, timeout_s=PATIENCE_S)

    yield add, until, end, bundle
    for node in nodes:
        end(node)


def control(add):
    return add(PolicyNode, role="control", enabled=True, max_joint_age_s=30.0,
               max_observation_age_s=30.0, max_plan_age_s=2.0)  # fmt: skip


def inference(add, *policy):
    return add(InferenceNode, *policy, role="inference", max_joint_age_s=30.0,
               max_image_age_s=30.0, max_skew_s=5.0)  # fmt: skip


def test_control_follows_holds_without_chunks_and_goes_on_by_itself(halves):
    add, until, end, _ = halves
    robot, arm = add(Robot), control(add)
    until(holding(arm, "no_plan"))
    far = inference(add)
    until(lambda: len(robot.commands) >= 20)
    assert robot.commands[-1].name == list(JOINTS)
    assert np.isfinite(robot.commands[-1].position).all()
    until(lambda: "/act_policy: inference" in robot.reports)
    end(far)
    until(lambda: isinstance(arm._result, Hold))
    held = len(robot.commands)
    inference(add)
    until(lambda: len(robot.commands) >= held + 20)


def test_the_inference_side_needs_no_clock_of_the_robots(halves):
    add, until, _, bundle = halves
    robot = add(Robot)
    robot.clock_offset_ns = -HOUR_NS
    far = inference(add)
    until(lambda: robot.chunks)
    chunk = robot.chunks[-1]
    assert abs(chunk.header.stamp.sec * 10**9 - robot.now_ns()) < 60e9
    assert chunk.header.frame_id.startswith(f"bundle={bundle_mark(bundle)} inference_s=")
    until(lambda: "/act_inference: inference" in robot.reports)
    until(lambda: robot.reports["/act_inference: inference"][2].get("clock_offset_p50_ms"))
    offset_ms = float(robot.reports["/act_inference: inference"][2]["clock_offset_p50_ms"])
    assert offset_ms == pytest.approx(3.6e6, rel=0.01)
    assert far.inferences > 0


def test_a_silent_camera_is_told_by_the_side_that_misses_it(halves):
    add, until, _, _ = halves
    robot = add(Robot)
    robot.camera_on = False
    inference(add)
    name = "/act_inference: inference"
    until(lambda: name in robot.reports and "no chunk goes out" in robot.reports[name][1])
    until(lambda: "nothing from camera 'front' yet" in robot.reports[name][1])


def test_chunks_of_a_stranger_are_refused_counted_and_named(halves):
    add, until, _, _ = halves
    robot, arm = add(Robot), control(add)
    chunks = publisher(robot, topics.POLICY_CHUNK)

    def send() -> None:
        chunk = Chunk(robot.now_ns(), 10.0, np.zeros((K, 2)))
        chunks.publish(chunk_message(chunk, JOINTS, Tag("f" * 16, 0.0)))

    robot.create_timer(0.1, send)
    until(holding(arm, "inference_failed", "its chunk was refused: it is of bundle ffff"))
    name = "/act_policy: inference"
    until(lambda: name in robot.reports and robot.reports[name][2].get("last_refused_chunk"))
    until(lambda: int(robot.reports[name][2]["chunks_refused_bundle"]) >= 2)
    assert not robot.commands


def test_a_function_is_a_policy_and_what_it_answers_is_checked(halves):
    add, until, _, _ = halves
    robot = add(Robot)
    answers: list = [np.zeros(3)]
    inference(add, FunctionPolicy(make_spec(), lambda joints, images: answers[0]))
    name = "/act_inference: inference"
    until(lambda: name in robot.reports and "it answered (3,), expected (4, 2)" in
          robot.reports[name][1])  # fmt: skip
    answers[0] = np.full((K, 2), np.nan)
    until(lambda: "not finite" in robot.reports[name][1])
    answers[0] = np.full((K, 2), 0.25)
    until(lambda: robot.chunks)
    assert list(robot.chunks[-1].points[0].positions) == [0.25, 0.25]


def test_the_role_decides_which_node_it_is(tmp_path):
    bundle = make_bundle(tmp_path / "toy").folder
    for role, kind in (("inference", InferenceNode), ("control", PolicyNode)):
        rclpy.init(args=ros_arguments(role=role, bundle=bundle, realtime_priority=0))
        try:
            node = policy_node.node_of_role()
            assert type(node) is kind
            node.close()
            node.destroy_node()
        finally:
            rclpy.try_shutdown()


def test_a_role_that_is_none_is_refused(halves):
    add, _, _, _ = halves
    with pytest.raises(ConfigurationError, match="unknown role 'contrl'; did you mean 'control'"):
        add(PolicyNode, role="contrl")
