"""A policy in another unit than the topics' moves no arm: it is refused where it is consumed.

A bundle in degrees was run as if in radians: 25.7, -55.6, 51.5 went out and the arm stood at its
limits.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.policy_spec import ActionOutput, BundleError, JointInput, StartRange
from act_core.policy_units import Reach, check_units
from act_core.robots import known_joints
from act_core.robots.so101 import JOINT_NAMES, SO101_LIMITS
from act_policy.bundle import ParitySample, write_bundle
from act_policy.inference_worker import VirtualWorker
from act_policy.load_policy import check_recorded
from act_policy.policy_runner import Action, Hold, PolicyRunner
from act_policy.start_gate import StartGate
from hypothesis import given
from hypothesis import strategies as st

from tests.act_policy.policies import FunctionPolicy, make_graph, make_spec, observation_at

MS = 1_000_000
DEGREES = (25.7, -55.6, 51.5, 60.0, -3.0, 40.0)


def so101_spec(unit="rad", names=JOINT_NAMES, **changes):
    spec = make_spec(
        joint_input=JointInput("joint_position", tuple(names), unit),
        output=ActionOutput("action", tuple(names), unit),
    )
    return replace(spec, **changes)


def runner_of(spec, rows=None) -> PolicyRunner:
    policy = FunctionPolicy(spec, rows or (lambda seen: np.tile(seen.joint_position, (4, 1))))
    return PolicyRunner(spec, VirtualWorker(policy))


@pytest.mark.parametrize("unit", ["degrees", "deg", "percent", "old_degrees", "unknown", "", "m"])
@pytest.mark.parametrize("prefix", ["", "left_", "main_"])
def test_a_declared_unit_that_is_not_the_topics_is_refused(unit, prefix):
    spec = so101_spec(unit, [prefix + name for name in JOINT_NAMES])
    for consume in (runner_of, check_units, lambda spec: StartGate(spec, 0.3)):
        with pytest.raises(BundleError) as refused:
            consume(spec)
        text = str(refused.value)
        assert f"takes {prefix}shoulder_pan in '{unit}', but joint_states carries rad" in text
        assert "import it again" in text
        assert "\n" not in text


def test_the_unit_of_the_output_counts_as_well():
    spec = so101_spec(output=ActionOutput("action", JOINT_NAMES, "degrees"))
    with pytest.raises(BundleError, match="gives shoulder_pan in 'degrees', but joint_commands"):
        runner_of(spec)


def test_one_joint_of_another_unit_is_named():
    with pytest.raises(BundleError, match="takes gripper in 'percent'"):
        runner_of(so101_spec("rad,rad,rad,rad,rad,percent"))
    with pytest.raises(BundleError, match="6 joints in 2 units"):
        runner_of(so101_spec("rad,m"))


def test_another_robot_may_have_what_joint_states_may_carry():
    hand = ("hand_x", "hand_y", "hand_z", "gripper")
    assert not known_joints(hand)
    check_units(so101_spec("m,m,m,1", hand))
    check_units(so101_spec("rad", ("a", "b")))
    with pytest.raises(BundleError, match="carries rad or m or 1"):
        check_units(so101_spec("mm", hand))


def test_names_are_recognised_in_any_order_and_dress():
    names = [f"main_{name}.pos" for name in reversed(JOINT_NAMES)]
    assert {name: joint.name for name, joint in known_joints(names).items()} == {
        f"main_{name}.pos": name for name in JOINT_NAMES
    }


@pytest.mark.parametrize("what", ["start", "joints", "actions"])
def test_degrees_that_are_said_to_be_radians_are_refused(tmp_path, what):
    """By the numbers that the bundle recorded; a slip of one joint is enough."""
    random = np.random.default_rng(1)
    joints = random.uniform(-1, 1, (2, 6)).astype(np.float32)
    chunks = random.uniform(-1, 1, (2, 4, 6)).astype(np.float32)
    spec = so101_spec()
    if what == "start":
        spec = replace(spec, start=StartRange(DEGREES, DEGREES))
    elif what == "joints":
        joints[1] = DEGREES
    else:
        chunks[1, 2] = DEGREES
    images = {"front": np.zeros((2, *spec.image_inputs[0].shape), np.uint8)}
    sample = ParitySample(joints, images, chunks)
    bundle = write_bundle(tmp_path, spec, {"fp32": make_graph(spec)}, sample)
    with pytest.raises(BundleError, match=": -?[0-9.]+ rad is far .*probably degrees") as why:
        check_recorded(bundle)
    assert f"{what} have" in str(why.value)


def test_a_start_in_degrees_is_no_start():
    spec = so101_spec(start=StartRange(DEGREES, DEGREES))
    with pytest.raises(BundleError, match="start of the bundle has shoulder_pan: 25.7 rad is far"):
        StartGate(spec, 0.3)
    with pytest.raises(ConfigurationError, match="start_pose has shoulder_pan: 25.7 rad is far"):
        StartGate(so101_spec(), 0.3, DEGREES)
    StartGate(so101_spec(), 0.3, (0.0, -1.7, 1.65, 1.2, 0.0, 0.0))


def test_an_action_far_outside_the_limits_is_not_commanded():
    rows = {"now": np.zeros((4, 6))}
    runner = runner_of(so101_spec(), lambda _seen: rows["now"])
    runner.observe(observation_at(0, np.zeros(6)), 0)
    assert isinstance(runner.act(0), Action)
    rows["now"] = np.zeros((4, 6))
    rows["now"][3] = DEGREES  # a later row is reason enough: the arm would be on its way there
    for t_ms in range(10, 2000, 10):
        runner.observe(observation_at(t_ms * MS, np.zeros(6)), t_ms * MS)
        result = runner.act(t_ms * MS)
        if isinstance(result, Action):
            assert np.abs(result.position).max() == 0.0  # the plan of before, until it is over
    assert isinstance(result, Hold)
    assert result.reason == "inference_failed"
    assert "the policy wants shoulder_lift: -55.6 rad is far outside" in result.detail
    rows["now"] = np.zeros((4, 6))
    runner.observe(observation_at(2000 * MS, np.zeros(6)), 2000 * MS)
    assert isinstance(runner.act(2000 * MS), Action), "it recovers by itself"


@given(st.lists(st.floats(0.0, 1.0), min_size=6, max_size=6))
def test_what_the_limiter_would_clip_is_within_reach(shares):
    """Up to some tenths beyond the limits a policy overshoots: that is the limiter's work."""
    low, high = SO101_LIMITS.lower_rad - 0.5, SO101_LIMITS.upper_rad + 0.5
    assert Reach(JOINT_NAMES).beyond(low + np.array(shares) * (high - low)) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 5.0, -5.0, 1e300])
def test_what_no_joint_can_do_is_beyond_reach(value):
    for index, name in enumerate(JOINT_NAMES):
        position = np.zeros(6)
        position[index] = value
        assert f"{name}: " in (Reach(JOINT_NAMES).beyond(position) or "")
    assert (Reach(("a",)).beyond([value]) is None) == (abs(value) == 5.0)
