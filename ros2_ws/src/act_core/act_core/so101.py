"""Short names for the facts of the SO-101 arm; `act_core.robots.so101` is where they are."""

from __future__ import annotations

from act_core.robot import ServoJoint as Joint
from act_core.robots.so101 import JOINTS, SO101

__all__ = ["HOME_POSE_RAD", "JOINTS", "JOINT_NAMES", "NAMED_POSES_RAD", "REST_POSE_RAD",
           "SO101_LIMITS", "Joint"]  # fmt: skip

JOINT_NAMES = SO101.joint_names
SO101_LIMITS = SO101.limits
NAMED_POSES_RAD = SO101.poses
HOME_POSE_RAD = SO101.pose("home")
REST_POSE_RAD = SO101.pose("rest")
