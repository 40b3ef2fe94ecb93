"""Which arms a launch has, and what is refused before anything starts."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from act_bringup.arms import OF_ONE, OF_TWO, arms_of
from act_bringup.namespace import absolute, in_namespace
from act_bringup.who_drives import Drive, check_joints
from act_core.policy_spec import ActionOutput, JointInput
from act_core.robots import find_robot
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from launch_ros.actions import PushRosNamespace

from tests.act_policy.policies import make_spec

DEFAULTS = {"port": "/dev/ttyACM0", "calibration": "", "leader_port": "", "leader_calibration": ""}
TWO = {"left_port": "/dev/l", "left_calibration": "l",
       "right_port": "/dev/r", "right_calibration": "r"}  # fmt: skip


def context(arms: str, **given: str) -> LaunchContext:
    made = LaunchContext()
    values = {"arms": arms, **dict.fromkeys([name for name, _, _ in OF_TWO], ""), **DEFAULTS}
    made.launch_configurations.update({**values, **given})
    return made


def test_one_arm_has_no_side():
    (arm,) = arms_of(context("1", port="/dev/a", leader_port="/dev/b"), True, DEFAULTS)
    assert (arm.side, arm.joint_prefix, arm.port, arm.leader_port) == ("", "", "/dev/a", "/dev/b")


def test_two_arms_have_their_own_ports_joints_and_partners():
    left, right = arms_of(context("2", **TWO, right_leader_port="/dev/x"), True, DEFAULTS)
    assert (left.side, left.joint_prefix, left.other_side, left.port) == (
        "left", "left_", "right", "/dev/l",
    )  # fmt: skip
    assert (right.calibration, right.leader_port, right.other_side) == ("r", "/dev/x", "left")
    assert left.joint_prefix + "gripper" in find_robot("so101_bimanual").joint_names
    assert [arm.port for arm in arms_of(context("2"), False, DEFAULTS)] == ["", ""]  # emulated


@pytest.mark.parametrize(
    ("arms", "given", "expected"),
    [
        ("1", {"left_port": "/dev/a"}, "left_port: only with arms:=2; there is one arm"),
        ("2", {"port": "/dev/a"}, "port: there are two arms; expected left_port, right_port"),
        ("2", {"left_port": "/dev/a"}, "arms:=2 needs right_port"),
        ("2", {**TWO, "right_calibration": ""}, "arms:=2 needs right_calibration"),
        ("2", {**TWO, "right_port": "/dev/l"}, "/dev/l is given twice: each arm has its own port"),
        ("2", {**TWO, "left_leader_port": "/dev/r"}, "/dev/r is given twice"),
        ("2", {**TWO, "right_calibration": "l"}, "are both 'l': each arm has its own"),
    ],
)
def test_what_does_not_fit_together_is_refused(arms, given, expected):
    with pytest.raises(RuntimeError, match=expected):
        arms_of(context(arms, **given), True, DEFAULTS)
    assert set(DEFAULTS) == set(OF_ONE)


def test_a_policy_for_one_arm_is_refused_on_two_with_both_lists():
    one, both = find_robot("so101").joint_names, find_robot("so101_bimanual").joint_names
    spec = make_spec(joint_input=JointInput("joints", one), output=ActionOutput("action", one))
    check_joints(Drive("", spec=spec), one[::-1])
    check_joints(Drive("nobody"), both)
    with pytest.raises(RuntimeError) as refused:
        check_joints(Drive("", spec=spec), both)
    commands, there = str(refused.value).split("; here are ")
    assert commands.endswith(f"it commands {', '.join(one)}")
    assert there == ", ".join(both)


@pytest.mark.parametrize("typed", ["robot1", "/robot1", "robot1/"])
def test_nodes_are_put_into_the_namespace(typed):
    named = context("1", namespace=typed)
    pushed, node = in_namespace(named, ["the node"])
    assert isinstance(pushed, PushRosNamespace)
    assert node == "the node"
    assert absolute(named, "joint_states") == "/robot1/joint_states"


def test_without_a_namespace_nothing_is_pushed():
    bare = context("1", namespace="")
    assert in_namespace(bare, ["the node"]) == ["the node"]
    assert absolute(bare, "joint_states") == "/joint_states"


@pytest.mark.parametrize("name", ["sim", "real_so101", "record_sim", "correct_sim", "identify"])
def test_each_launch_file_takes_a_namespace_and_a_set_up(name):
    file = Path(__file__).parents[2] / "launch" / f"{name}.launch.py"
    spec = importlib.util.spec_from_file_location(f"{name}_launch", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    entities = module.generate_launch_description().entities
    names = [entity.name for entity in entities if isinstance(entity, DeclareLaunchArgument)]
    assert {"namespace", "setup"} <= set(names)
    assert len(names) == len(set(names))
