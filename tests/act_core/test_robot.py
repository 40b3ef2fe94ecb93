"""Robots as data: what ships, what a file says, and what is refused."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import pytest
import yaml
from act_core.errors import ConfigurationError
from act_core.robot import Joint, Robot, ServoJoint, side_by_side
from act_core.robots import ROBOTS, find_robot, known_joints
from hypothesis import given
from hypothesis import strategies as st

URDF = """<?xml version="1.0"?>
<robot name="seven">
  <joint name="base" type="fixed"/>
  <joint name="j1" type="revolute"><limit lower="-2.5" upper="2.0" velocity="1.5"/></joint>
  <joint name="j2" type="continuous"/>
  <joint name="slide" type="prismatic"><limit upper="0.04" velocity="0.1"/></joint>
</robot>
"""


def written(tmp_path, content: object, urdf: str = URDF) -> str:
    (tmp_path / "seven.urdf").write_text(urdf)
    file = tmp_path / "seven.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return str(file)


def test_the_so101():
    robot = find_robot("so101")
    assert robot.joint_names == (
        "shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper",
    )  # fmt: skip
    assert robot.grippers == ("gripper",)
    assert robot.sides == ()
    assert robot.index("elbow_flex") == 2
    assert robot.joint("gripper").range_rad == pytest.approx(1.919863)
    assert [joint.servo_id for joint in robot.joints] == [1, 2, 3, 4, 5, 6]
    assert robot.pose("rest")[1] == -1.7
    with pytest.raises(ValueError, match="read-only"):
        robot.pose("rest")[1] = 0.0


def test_joints_are_known_by_their_names_in_the_robots_order():
    one, both = find_robot("so101"), find_robot("so101_bimanual")
    found = known_joints([*sorted(one.joint_names), "wheel"])
    assert tuple(found) == one.joint_names
    assert tuple(found.values()) == one.joints
    assert tuple(known_joints(sorted(both.joint_names, reverse=True))) == both.joint_names
    dressed = [f"arm/{name}.pos" for name in one.joint_names[:5]]  # all but one are enough
    assert tuple(known_joints(dressed)) == tuple(dressed)


@pytest.mark.parametrize("names", [(), ("gripper",), ("shoulder_pan", "elbow_flex", "gripper")])
def test_names_that_many_robots_have_tell_nothing(names):
    assert known_joints(names) == {}


def test_two_arms_are_one_robot_with_two_sides():
    both, one = find_robot("so101_bimanual"), find_robot("so101")
    assert both.sides == ("left", "right")
    assert both.grippers == ("left_gripper", "right_gripper")
    assert both.joint_names[6] == "right_shoulder_pan"
    right = both.side("right")
    assert right.joint_names == tuple(f"right_{name}" for name in one.joint_names)
    assert np.array_equal(right.limits.upper_rad, one.limits.upper_rad)
    assert np.array_equal(both.pose("home"), np.tile(one.pose("home"), 2))
    assert np.array_equal(right.pose("home"), one.pose("home"))


def test_arms_that_share_no_pose_have_none_together():
    one, other = (
        Robot(name, (Joint("a", -1.0, 1.0),), {name: np.zeros(1)}) for name in ("one", "other")
    )
    assert side_by_side("pair", {"left": one, "right": other}).poses == {}


def test_a_prefix_keeps_what_a_joint_is():
    robot = find_robot("so101").prefixed("left_")
    assert robot.joint_names[0] == "left_shoulder_pan"
    assert robot.joints[5].servo_id == 6
    assert robot.grippers == ("left_gripper",)


def test_a_file_with_limits_from_its_urdf(tmp_path):
    content = {
        "urdf": "seven.urdf",
        "acceleration_rad_s2": 12,
        "joints": [
            {"name": "j2"},
            {"name": "j1", "upper_rad": 1.0, "servo_id": 3},
            {"name": "slide", "is_gripper": True, "max_acceleration_rad_s2": 1.0},
        ],
        "poses": {"home": [0, 0.5, 0.04]},
    }
    robot = find_robot(written(tmp_path, content))
    assert robot.name == "seven"
    assert robot.joints[0] == Joint("j2", -math.pi, math.pi, 3.0, 12.0)
    assert robot.joints[1] == ServoJoint("j1", -2.5, 1.0, 1.5, 12.0, servo_id=3)
    assert robot.joints[2] == Joint("slide", 0.0, 0.04, 0.1, 1.0, is_gripper=True)
    assert robot.pose("home").tolist() == [0.0, 0.5, 0.04]


ONE = {"name": "a", "lower_rad": -1.0, "upper_rad": 1.0}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"joints": []}, "has no joints"),
        ({}, "joints: expected a list, got None"),
        ({"joints": [{"name": "a"}]}, "joint a: lower_rad and upper_rad missing; write them, or"),
        ({"joints": [ONE, ONE]}, "two joints called a"),
        ({"joints": [{**ONE, "uper_rad": 1}]}, "unknown key of joint a 'uper_rad'; did you mean"),
        ({"joint": [ONE]}, "unknown key 'joint'; did you mean 'joints'"),
        ({"joints": [{**ONE, "lower_rad": 2.0}]}, "lower limit 2.0 is not below upper limit 1.0"),
        ({"joints": [{**ONE, "upper_rad": float("inf")}]}, "upper_rad is inf, expected a finite"),
        ({"joints": [{**ONE, "max_velocity_rad_s": 0}]}, "max_velocity_rad_s must be above zero"),
        ({"joints": [{**ONE, "lower_rad": True}]}, "lower_rad is True, expected a finite number"),
        ({"joints": [{**ONE, "is_gripper": "yes"}]}, "is_gripper is true or false"),
        ({"joints": [{**ONE, "servo_id": "3"}]}, "servo_id is a whole number"),
        ({"joints": ["a"]}, "a joint is 'a', expected at least"),
        ({"joints": [ONE], "poses": {"home": [0, 0]}}, "pose 'home' has 2 values, expected one"),
        ({"joints": [ONE], "poses": {"home": [90]}}, "has a at 90, outside of -1 to 1"),
        ({"joints": [ONE], "poses": {"home": ["x"]}}, "pose home is 'x', expected a finite"),
        ({"joints": [ONE], "poses": ["home"]}, "poses: expected names with a list"),
        ({"joints": [{"name": "j3"}], "urdf": "seven.urdf"},
         "unknown joint of the URDF 'j3'; did you mean"),
        ({"joints": [ONE], "urdf": "none.urdf"}, "none.urdf' cannot be read"),
        ("- a", "expected the keys name, urdf"),
        ("a: [", "is not YAML"),
        ("[" * 50_000, "is not YAML"),
    ],
)  # fmt: skip
def test_what_a_file_cannot_say(tmp_path, content, text):
    with pytest.raises(ConfigurationError, match=text) as error:
        find_robot(written(tmp_path, content))
    assert "seven.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("urdf", "text"),
    [
        ("<robot", "is not XML"),
        ("<sdf/>", "the first tag is <sdf>, expected <robot>; a xacro file becomes"),
        ('<!DOCTYPE x [<!ENTITY a "aa">]><robot/>', "no document type and no entities"),
        (URDF.replace("-2.5", "nan"), "j1: lower is 'nan', expected a finite number"),
    ],
)
def test_what_is_no_urdf(tmp_path, urdf, text):
    with pytest.raises(ConfigurationError, match=text):
        find_robot(written(tmp_path, {"joints": [{"name": "j1"}], "urdf": "seven.urdf"}, urdf))


def test_no_such_robot():
    with pytest.raises(ConfigurationError, match="unknown robot 'so100'; did you mean .*YAML"):
        find_robot("so100")
    with pytest.raises(ConfigurationError, match="robot.yaml' cannot be read"):
        find_robot("/no/robot.yaml")
    with pytest.raises(ConfigurationError, match="is no act_core.robot.Robot"):
        find_robot("math:pi")
    assert ROBOTS.names() == ["so101", "so101_bimanual", "so_arm100"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("robots")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["name", "joints", "poses", "urdf", "lower_rad", "upper_rad", "side", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(content=VALUES)
def test_any_content_is_a_robot_or_refused(folder, content):
    file = folder / "any.yaml"
    file.write_text(yaml.safe_dump(content))
    with suppress(ConfigurationError):
        assert isinstance(find_robot(str(file)), Robot)


@pytest.mark.parametrize("prefix", ["left ", "\x1b[2J", "a,b", "é_"])
def test_a_prefix_that_no_joint_can_have_is_refused(prefix):
    with pytest.raises(ConfigurationError, match="prefix of the joints is '.*', expected"):
        find_robot("so101").prefixed(prefix)
