"""The emulated arm: six servos as they leave a calibration with LeRobot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from act_core.robot import Robot
from act_core.robots.so101 import JOINT_NAMES, SO101
from numpy.typing import ArrayLike

from so101_driver import registers as reg
from so101_driver.calibration import RAD_PER_COUNT, Calibration, JointCalibration
from so101_driver.emulator.joint import JointModel, LocalJoint
from so101_driver.emulator.memory import ServoMemory
from so101_driver.emulator.servo import EmulatedServo
from so101_driver.so_arm import servo_joints

# A published arm (legalaspro): where horns happen to be mounted on their shafts.
HOMING_OFFSETS = (530, -369, -98, 725, 1704, 1573)
# Gravity's pull on the bare arm at its zero pose [N m], from the masses in its model file.
GRAVITY_NM = (0.0, 0.54, 0.45, 0.117, 0.0, 0.0)
STOP_MARGIN_RAD = 0.03  # the mechanical stops are this far behind the limits


def emulated_calibration(robot: Robot = SO101) -> Calibration:
    """The calibration that fits `emulated_servos`, as LeRobot's procedure would record it."""
    joints = {}
    for joint, offset in zip(servo_joints(robot), HOMING_OFFSETS, strict=True):
        half = round((joint.upper_rad - joint.lower_rad) / 2 / RAD_PER_COUNT)
        low, high = reg.MIDDLE_COUNT - half, reg.MIDDLE_COUNT + half
        if joint.name == "wrist_roll":  # LeRobot does not record this one, it writes a full turn
            low, high = 0, 4095
        joints[joint.name] = JointCalibration(joint.servo_id, 0, offset, low, high)
    return Calibration(joints, robot)


def emulated_servos(
    position_rad: ArrayLike | None = None,
    joints: Sequence[JointModel] | None = None,
    robot: Robot = SO101,
) -> list[EmulatedServo]:
    """Six calibrated servos.

    position_rad: where the joints (6,) are at first; None: at rest. joints: what the servos turn
    instead of `LocalJoint`, for an arm that is simulated elsewhere.
    """
    calibration = emulated_calibration(robot)
    at_first = robot.pose("rest") if position_rad is None else position_rad
    start = np.asarray(at_first, dtype=np.float64)
    servos = []
    for index, name in enumerate(JOINT_NAMES):
        stored, fact = calibration[name], robot.joints[index]
        memory = ServoMemory(
            {
                reg.ID: stored.id,
                reg.HOMING_OFFSET: stored.homing_offset,
                reg.MIN_POSITION_LIMIT: stored.range_min,
                reg.MAX_POSITION_LIMIT: stored.range_max,
            }
        )
        middle = (stored.range_min + stored.range_max) / 2 + stored.homing_offset
        if name == "gripper":  # its zero is not the middle of its travel
            middle -= (fact.lower_rad + fact.upper_rad) / 2 / RAD_PER_COUNT
        joint = joints[index] if joints is not None else LocalJoint(
            *stops_rad(index, robot), float(start[index]), GRAVITY_NM[index]
        )  # fmt: skip
        servos.append(EmulatedServo(memory, joint, middle))
    return servos


def stops_rad(index: int, robot: Robot = SO101) -> tuple[float, float]:
    """Where a joint of the arm stops mechanically."""
    fact = robot.joints[index]
    return fact.lower_rad - STOP_MARGIN_RAD, fact.upper_rad + STOP_MARGIN_RAD
