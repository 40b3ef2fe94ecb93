"""The whole calibration of an emulated arm by an emulated person."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.robots.so101 import JOINT_NAMES, JOINTS, SO101
from so101_driver import registers as reg
from so101_driver.bus_errors import BusError, PortError
from so101_driver.calibration import JointConversion
from so101_driver.emulator.arm import emulated_servos
from so101_driver.setup.calibrate import HELD, calibrate
from so101_driver.setup.drift import drifts
from so101_driver.setup.sweep import SeamError, sweep, swept_joints

from tests.so101_driver.setup.arms import MIDDLE_RAD, Person, Table, through_the_range

SWEPT = [joint.name for joint in swept_joints(SO101)]


def held(table: Table) -> dict:
    return {name: [table.held(name, register) for register in HELD] for name in JOINT_NAMES}


def uncalibrated_table(middle: int = 900) -> Table:
    """Horns as they happen to be mounted: every middle is somewhere else on the encoder."""
    table = Table()
    for k, servo in enumerate(table.servos):
        servo._zero_count = (middle + 500 * k) % 4096
        servo.memory.keep(reg.HOMING_OFFSET, 11 + k)
        servo.memory.keep(reg.MIN_POSITION_LIMIT, 5)
        servo.write(reg.LOCK.address, b"\x01")  # the motor takes in the new zero
    return table


def test_a_calibrated_arm_reports_radians_as_the_model_has_them():
    table = uncalibrated_table()
    person = Person({"MIDDLE": lambda: table.put_all(MIDDLE_RAD)}, through_the_range(table, SWEPT))
    calibration = calibrate(table.open(), person)
    assert all(table.held(name, reg.LOCK) == 1 for name in JOINT_NAMES)

    table.power_cycle()
    for name, joint in calibration.items():
        kept = (joint.homing_offset, joint.range_min, joint.range_max)
        assert tuple(held(table)[name]) == kept
        assert table.held(name, reg.TORQUE_ENABLE) == 0
    roll = calibration["wrist_roll"]
    assert (roll.range_min, roll.range_max) == (0, 4095)

    conversion = JointConversion(calibration)
    bus = table.open()
    for position_rad in (np.zeros(6), np.array([0.5, -0.7, 0.9, -0.4, 1.2, 0.6])):
        table.put_all(position_rad)
        reading = bus.sync_read(calibration.servo_ids, (reg.PRESENT_POSITION,))
        counts = [reading.values[i][0] for i in calibration.servo_ids]
        measured = conversion.to_rad(counts)
        # wrist_roll's zero is where it was held, not the middle of a recorded range.
        expected = position_rad.copy()
        expected[4] -= MIDDLE_RAD[4]
        assert measured == pytest.approx(expected, abs=3 * 2 * math.pi / 4096)


def test_the_servos_of_an_arm_with_ids_of_its_own():
    joints = tuple(replace(joint, servo_id=joint.servo_id + 10) for joint in SO101.joints)
    robot = replace(SO101, joints=joints)
    table = Table(emulated_servos([0.0] * 6, robot=robot), robot=robot)
    person = Person({"MIDDLE": lambda: table.put_all(MIDDLE_RAD)}, through_the_range(table, SWEPT))
    calibration = calibrate(table.open(), person, robot)
    assert calibration.servo_ids == (11, 12, 13, 14, 15, 16)
    assert all(table.held(name, reg.LOCK) == 1 for name in JOINT_NAMES)
    person.motion = through_the_range(table, SWEPT)
    measured = drifts(sweep(table.open(), person, swept_joints(robot)), calibration)
    assert [drift.joint for drift in measured] == SWEPT


def test_a_person_who_forgets_a_joint_is_reminded():
    table = uncalibrated_table()
    person = Person({"MIDDLE": lambda: table.put_all(MIDDLE_RAD)})
    person.motion = through_the_range(table, [n for n in SWEPT if n != "elbow_flex"])

    def move_the_elbow() -> None:
        person.motion = through_the_range(table, ["elbow_flex"])

    person.answers["Enter to go on moving"] = move_the_elbow
    calibration = calibrate(table.open(), person)
    assert "elbow_flex moved 0 of about 194 degrees" in person.heard
    elbow = calibration["elbow_flex"]
    assert elbow.range_max - elbow.range_min == pytest.approx(
        2 * 1.69 / (2 * math.pi) * 4096, abs=3
    )


def test_a_short_travel_can_be_kept_on_purpose():
    table = uncalibrated_table()
    person = Person(
        {"MIDDLE": lambda: table.put_all(MIDDLE_RAD), "Enter to go on moving": "keep"},
        through_the_range(table, SWEPT, share=0.5),
    )
    calibration = calibrate(table.open(), person)
    pan = calibration["shoulder_pan"]
    assert pan.range_max - pan.range_min == pytest.approx(1.91986 / (2 * math.pi) * 4096, abs=3)


def test_the_person_sees_where_the_joints_are():
    table = uncalibrated_table()
    person = Person({"MIDDLE": lambda: table.put_all(MIDDLE_RAD)}, through_the_range(table, SWEPT))
    calibrate(table.open(), person)
    assert [line.split()[0] for line in person.seen[1:]] == SWEPT
    assert "220°" in person.seen[1]


def test_a_joint_that_was_not_in_its_middle_is_found_at_the_seam():
    table = uncalibrated_table()
    before = held(table)

    def wrong_middle() -> None:
        table.put_all([1.9, *MIDDLE_RAD[1:]])  # shoulder_pan at its end

    motion = [lambda p=p: table.put("shoulder_pan", p) for p in np.arange(1.9, -1.95, -0.3)]
    with pytest.raises(
        SeamError, match="servo 1 jumped from .* over the end of its encoder's turn"
    ):
        calibrate(table.open(), Person({"MIDDLE": wrong_middle}, motion))
    assert held(table) == before


@pytest.mark.parametrize("raw", [0, 1, 2047, 4094, 4095])
def test_every_count_of_the_encoder_can_be_the_middle(raw):
    table = Table()
    for servo in table.servos:
        servo._zero_count = raw
        servo.write(reg.LOCK.address, b"\x01")
    person = Person({"MIDDLE": lambda: table.put_all([0.0] * 6), "Enter to go on": "keep"})
    person.motion = through_the_range(table, SWEPT, share=0.9)
    calibration = calibrate(table.open(), person)
    assert calibration["wrist_roll"].homing_offset == min(raw - 2047, 2047)
    table.put_all([0.0] * 6)
    position = table.open().read(5, reg.PRESENT_POSITION)
    assert position == pytest.approx(2047, abs=1)


def test_a_joint_that_was_not_moved_at_all_cannot_be_kept():
    table = uncalibrated_table()
    before = held(table)
    person = Person({"MIDDLE": lambda: table.put_all(MIDDLE_RAD), "Enter to go on": "keep"})
    with pytest.raises(ConfigurationError, match="shoulder_pan: the range is"):
        calibrate(table.open(), person)
    assert held(table) == before


def test_interrupted_the_servos_get_their_old_values_back():
    table = uncalibrated_table()
    before = held(table)

    def control_c() -> None:
        raise KeyboardInterrupt

    person = Person(
        {"MIDDLE": lambda: table.put_all(MIDDLE_RAD)},
        [*through_the_range(table, ["gripper"]), control_c],
    )
    with pytest.raises(KeyboardInterrupt):
        calibrate(table.open(), person)
    assert held(table) == before
    table.power_cycle()
    assert held(table) == before


def test_a_port_that_goes_in_the_middle_says_what_the_servos_hold():
    table = uncalibrated_table()

    def unplug() -> None:
        table.wire.port_gone = True

    person = Person({"MIDDLE": lambda: table.put_all(MIDDLE_RAD)}, [unplug])
    with pytest.raises(BusError, match="hold an unfinished calibration") as caught:
        calibrate(table.open(), person)
    assert isinstance(caught.value.__cause__, PortError)


def test_a_servo_that_was_turned_over_in_multi_turn_mode_is_set_right():
    table = uncalibrated_table()
    table.servo("wrist_roll").memory.keep(reg.PHASE, 12 | 16)
    person = Person({"MIDDLE": lambda: table.put_all(MIDDLE_RAD)}, through_the_range(table, SWEPT))
    calibrate(table.open(), person)
    assert table.held("wrist_roll", reg.PHASE) == 12


def test_the_joints_that_are_swept():
    assert [joint.name for joint in JOINTS if joint.name != "wrist_roll"] == SWEPT
