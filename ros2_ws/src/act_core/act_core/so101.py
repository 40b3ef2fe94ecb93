"""The SO-101 arm: its joints, their limits and two poses. Every other joint fact derives from here.

Positions are radians with zero in the middle of each joint's range of travel, as in the arm's
"new calibration" model files (TheRobotStudio/SO-ARM100, Simulation/SO101, Apache-2.0), which also
give the position limits. Speed and acceleration are this project's choice: the servo (STS3215,
7.4 V, 1:345) turns at most 5.4 rad/s without load, and its torque limit of 3.35 N m accelerates
its own 0.028 kg m^2 and a stretched arm by about 50 rad/s^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from act_core.limits import JointLimits


@dataclass(frozen=True)
class Joint:
    """One joint of the arm and the servo that drives it."""

    name: str
    servo_id: int
    lower_rad: float
    upper_rad: float
    max_velocity_rad_s: float = 3.0
    max_acceleration_rad_s2: float = 40.0


JOINTS: tuple[Joint, ...] = (
    Joint("shoulder_pan", 1, -1.91986, 1.91986),
    Joint("shoulder_lift", 2, -1.74533, 1.74533),
    Joint("elbow_flex", 3, -1.69, 1.69),
    Joint("wrist_flex", 4, -1.65806, 1.65806),
    Joint("wrist_roll", 5, -2.74385, 2.84121),
    Joint("gripper", 6, -0.174533, 1.74533, max_velocity_rad_s=4.0),
)

JOINT_NAMES: tuple[str, ...] = tuple(joint.name for joint in JOINTS)

SO101_LIMITS = JointLimits(
    names=JOINT_NAMES,
    lower_rad=np.array([joint.lower_rad for joint in JOINTS]),
    upper_rad=np.array([joint.upper_rad for joint in JOINTS]),
    max_velocity_rad_s=np.array([joint.max_velocity_rad_s for joint in JOINTS]),
    max_acceleration_rad_s2=np.array([joint.max_acceleration_rad_s2 for joint in JOINTS]),
)


def _pose(*position_rad: float) -> np.ndarray:
    pose = np.array(position_rad)
    pose.setflags(write=False)
    return pose


# (6,) [rad] in the order of JOINT_NAMES.
HOME_POSE_RAD = _pose(0.0, -1.0, 1.0, 1.0, 0.0, 0.0)  # folded half-way, gripper over the table
REST_POSE_RAD = _pose(0.0, -1.7, 1.65, 1.2, 0.0, 0.0)  # folded onto itself: safe without torque
NAMED_POSES_RAD = {"home": HOME_POSE_RAD, "rest": REST_POSE_RAD}
