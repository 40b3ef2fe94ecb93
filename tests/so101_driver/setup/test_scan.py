"""Who is on the bus, and what is said about it."""

from __future__ import annotations

import pytest
from so101_driver import registers as reg
from so101_driver.emulator.arm import emulated_servos
from so101_driver.emulator.faults import FaultScript
from so101_driver.setup.scan import JOINT_BY_ID, problems, scan, table

from tests.so101_driver.setup.arms import Table


def texts(servos) -> list[str]:
    return [problem.text for problem in problems(servos)]


def test_a_good_arm_has_no_problems():
    arm = Table()
    servos = scan(arm.open)
    assert [servo.servo_id for servo in servos] == [1, 2, 3, 4, 5, 6]
    assert texts(servos) == []
    assert arm.opened == [1_000_000], "the other rates are not tried once servos were found"
    assert (servos[0].baud, servos[0].torque_on, servos[0].damaged) == (1_000_000, False, 0)
    assert 7.0 < servos[0].volts < 8.0
    lines = table(servos)
    assert len(lines) == 7
    assert "shoulder_pan" in lines[1]
    assert "777" in lines[1]


def test_no_servo_at_any_rate():
    arm = Table([])
    assert scan(arm.open, range(8)) == []
    assert arm.opened == list(reg.BAUD_RATES)
    assert "is the arm's power supply on" in texts([])[0]


def test_a_missing_servo_is_named():
    arm = Table()
    arm.servo("elbow_flex").dead = True
    assert texts(scan(arm.open, JOINT_BY_ID)) == [
        "servo 3 (elbow_flex) is missing: a loose lead before it, or it has another id "
        "(so101-setup assign-id --joint elbow_flex)"
    ]


def test_another_baud_rate_is_found_and_named():
    arm = Table()
    for servo in arm.servos:
        servo.memory[reg.BAUD_RATE] = 4
    servos = scan(arm.open, JOINT_BY_ID)
    assert {servo.baud for servo in servos} == {115_200}
    assert "servo 1 talks at 115200 baud, expected 1000000" in texts(servos)[0]


def test_two_servos_with_one_id_are_told_from_one():
    servos = emulated_servos([0.0] * 6)
    servos[1].memory[reg.ID] = 1
    arm = Table(servos)
    arm.servos[0].motor.joint.position_rad = 0.8
    found = scan(arm.open, JOINT_BY_ID)
    first = [text for text in texts(found) if text.startswith("servo 1:")]
    assert len(first) == 1
    assert "two servos with this id" in first[0]
    assert problems(found)[-1].fatal or problems(found)[0].fatal


def test_another_model_is_named():
    arm = Table()
    arm.servo("gripper").memory[reg.MODEL_NUMBER] = 1284
    assert "servo 6 has model number 1284, expected 777 or 2563" in texts(scan(arm.open))[0]


def test_the_newer_model_number_is_fine():
    arm = Table()
    arm.servo("gripper").memory[reg.MODEL_NUMBER] = 2563
    assert texts(scan(arm.open, JOINT_BY_ID)) == []


def test_different_firmware_and_complaints_are_said_but_stop_nothing():
    arm = Table()
    arm.servo("gripper").memory[reg.FIRMWARE_MINOR] = 9
    arm.servo("elbow_flex").motor.supply_v = 3.0
    found = problems(scan(arm.open, JOINT_BY_ID))
    said = "\n".join(problem.text for problem in found)
    assert "different firmware (3.9, 3.10)" in said
    assert "servo 3 complains: voltage" in said
    assert not any(problem.fatal for problem in found)


@pytest.mark.parametrize("seed", range(6))
def test_a_busy_computer_gives_no_servo_another_id(seed):
    """One reply in eight comes too late, is lost or damaged."""
    script = FaultScript(seed, rates={"late": 0.06, "lost": 0.04, "corrupt": 0.03})
    arm = Table(faults=script)
    servos = scan(arm.open, JOINT_BY_ID)
    assert [servo.servo_id for servo in servos] == list(JOINT_BY_ID)
    assert not any(problem.fatal for problem in problems(servos))
    assert any("the computer is busy, or a lead is loose" in text for text in texts(servos))
