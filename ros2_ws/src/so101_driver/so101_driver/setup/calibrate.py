"""Calibrates an arm as LeRobot does, so that the file fits both.

Per servo: the middle of the joint's travel becomes 2047 counts (its homing offset), the joint is
moved to both ends, and what was recorded becomes its position limits. wrist_roll is not moved: it
gets a full turn, 0 to 4095, as LeRobot gives it; its stops are in the arm's model. Source:
huggingface/lerobot, src/lerobot/robots/so_follower (calibrate) and motors/motors_bus.py
(set_half_turn_homings, record_ranges_of_motion).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from act_core.errors import ConfigurationError
from act_core.robot import Robot, ServoJoint
from act_core.robots.so101 import SO101

from so101_driver import registers as reg
from so101_driver.arm import So101Arm
from so101_driver.arm_checks import CALIBRATION_REGISTERS, write_calibration
from so101_driver.bus import Bus
from so101_driver.bus_errors import BusError
from so101_driver.calibration import Calibration, JointCalibration
from so101_driver.calibration_checks import check_travel
from so101_driver.registers import COUNTS_PER_TURN, HOMING_OFFSET, MIDDLE_COUNT
from so101_driver.setup.console import Console
from so101_driver.setup.sweep import Range, Sweep, sweep, swept_joints
from so101_driver.so_arm import servo_joints

FULL_TURN = Range(0, COUNTS_PER_TURN - 1)
HELD = tuple(CALIBRATION_REGISTERS.values())
GOES_LIMP = "The arm goes limp now: hold it, then Enter:"
HOMING_TOLERANCE = 60  # counts, 5 degrees: a hand moves while it holds an arm


class EepromBackup:
    """What the servos held before; written back if the calibration does not come to its end."""

    def __init__(self, bus: Bus, joints: Sequence[ServoJoint]) -> None:
        self._bus = bus
        self._held = {
            joint.servo_id: [(r, bus.read_sure(joint.servo_id, r)) for r in HELD]
            for joint in joints
        }

    def restore(self) -> None:
        """Writes it back. Raises BusError, with what that means, when that cannot be done."""
        try:
            for servo_id, values in self._held.items():
                self._bus.write(servo_id, reg.LOCK, 0)
                for register, value in values:
                    self._bus.write(servo_id, register, value)
                self._bus.write(servo_id, reg.LOCK, 1)
        except BusError as error:
            raise BusError(
                f"{error}; the servos hold an unfinished calibration: calibrate again before the "
                "arm is used"
            ) from error


def calibrate(bus: Bus, console: Console, robot: Robot = SO101) -> Calibration:
    """Asks the person through it, writes the servos and returns what belongs into the file.

    The torque goes off and stays off. If it ends early, by whatever exception, the servos get their
    old values back. Raises BusError for servos that do not do what they were told, SeamError for a
    joint that was not in its middle and ConfigurationError for one that was not moved.
    """
    joints = servo_joints(robot)
    backup = EepromBackup(bus, joints)
    try:
        console.ask(GOES_LIMP)
        release(bus, joints)
        _prepare(bus, joints)
        console.ask(
            "Put every joint in the MIDDLE of its travel (upper arm upright, forearm level, "
            "gripper half open) and hold it there, then Enter:"
        )
        offsets = _home(bus, joints)
        recording = sweep(bus, console, swept_joints(robot))
        calibration = _calibration(offsets, recording, robot)
        write_calibration(So101Arm(bus, calibration))
        for joint in joints:
            bus.write_checked(joint.servo_id, reg.LOCK, 1)
    except BaseException:
        backup.restore()
        raise
    return calibration


def release(bus: Bus, joints: Sequence[ServoJoint]) -> None:
    """Switches the torque of every joint off. Raises BusError where one does not confirm it."""
    for joint in joints:
        bus.write_checked(joint.servo_id, reg.TORQUE_ENABLE, 0)


def _prepare(bus: Bus, joints: Sequence[ServoJoint]) -> None:
    """EEPROM open, position mode, one turn, no offset, no limits."""
    for joint in joints:
        servo_id = joint.servo_id
        bus.write_checked(servo_id, reg.LOCK, 0)
        bus.write_checked(servo_id, reg.OPERATING_MODE, 0)
        phase = bus.read(servo_id, reg.PHASE)
        bus.write_checked(servo_id, reg.PHASE, phase & ~reg.MULTI_TURN)
        bus.write_checked(servo_id, reg.HOMING_OFFSET, 0)
        bus.write_checked(servo_id, reg.MIN_POSITION_LIMIT, FULL_TURN.lowest)
        bus.write_checked(servo_id, reg.MAX_POSITION_LIMIT, FULL_TURN.highest)


def _home(bus: Bus, joints: Sequence[ServoJoint]) -> dict[int, int]:
    """Makes the present positions the middle; returns the offsets by servo."""
    offsets = {}
    for joint in joints:
        raw = bus.read(joint.servo_id, reg.PRESENT_POSITION) % COUNTS_PER_TURN
        # 4095 - 2047 is one more than fits: LeRobot's "Magnitude 2048 exceeds 2047".
        offset = min(raw - MIDDLE_COUNT, HOMING_OFFSET.highest)
        bus.write_checked(joint.servo_id, reg.HOMING_OFFSET, offset)
        offsets[joint.servo_id] = offset
        position = bus.read(joint.servo_id, reg.PRESENT_POSITION)
        if abs(position - MIDDLE_COUNT) > HOMING_TOLERANCE:
            raise BusError(
                f"servo {joint.servo_id} ({joint.name}) reports {position} counts after its middle "
                f"was set, expected about {MIDDLE_COUNT}: it was moved, or its PHASE is unusual. "
                "Switch the power off and on, then calibrate again"
            )
    return offsets


def _calibration(offsets: Mapping[int, int], recording: Sweep, robot: Robot) -> Calibration:
    joints = {}
    for joint in servo_joints(robot):
        here = recording.ranges.get(joint.servo_id, FULL_TURN)
        try:
            joints[joint.name] = JointCalibration(
                joint.servo_id, 0, offsets[joint.servo_id], here.lowest, here.highest
            )
        except ConfigurationError as error:
            raise ConfigurationError(f"{joint.name}: {error}") from error
    calibration = Calibration(joints, robot)
    check_travel(calibration, robot)
    return calibration
