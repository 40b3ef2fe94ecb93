"""Which robots the driver can be for: the SO-101, and arms that differ from it in their data."""

from __future__ import annotations

from typing import cast

from act_core.errors import ConfigurationError
from act_core.robot import Robot, ServoJoint
from act_core.robots import find_robot
from act_core.robots.so101 import JOINT_NAMES, POSES, SO101

SO101_NAME = SO101.name
ARM = "so101, so_arm100, or a YAML file with the same joints (another gripper, other travel)"


def find_arm(name: str) -> Robot:
    """The arm of that name or file.

    Raises ConfigurationError for a robot with other joints, joints without a servo, two joints on
    one servo, no gripper or without the pose ``rest``, in which the torque is switched off.
    """
    robot = find_robot(name)
    expected = ", ".join(JOINT_NAMES)
    if robot.joint_names != JOINT_NAMES:
        raise ConfigurationError(
            f"robot '{name}' has the joints {', '.join(robot.joint_names)}; this driver is for arms"
            f" with {expected}, in this order"
        )
    without = [joint.name for joint in robot.joints if not isinstance(joint, ServoJoint)]
    if without:
        raise ConfigurationError(f"robot '{name}': no servo_id of {', '.join(without)}")
    ids = [joint.servo_id for joint in servo_joints(robot)]
    if len(set(ids)) != len(ids):
        raise ConfigurationError(f"robot '{name}': two joints have the same servo_id: {ids}")
    if robot.grippers != ("gripper",):
        raise ConfigurationError(
            f"robot '{name}': is_gripper is for the joint gripper, and only it"
        )
    missing = [pose for pose in POSES if pose not in robot.poses]
    if missing:
        raise ConfigurationError(f"robot '{name}' has no pose {' and no pose '.join(missing)}")
    return robot


def servo_joints(robot: Robot) -> tuple[ServoJoint, ...]:
    """The joints of a robot that `find_arm` has found."""
    return cast("tuple[ServoJoint, ...]", robot.joints)
