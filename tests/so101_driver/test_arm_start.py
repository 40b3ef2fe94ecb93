"""How the driver takes over an arm, and when it does not: torque, start, what is wrong with it."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES
from so101_driver import registers as reg
from so101_driver.arm_driver import ArmDriver
from so101_driver.bus_errors import NoPortError
from so101_driver.driver_settings import DriverSettings
from so101_driver.request_queue import RefusedError

from tests.so101_driver.emulated_arm import (
    TARGET,
    EmulatedArm,
    Operator,
    following,
    is_smooth,
    started,
)


@pytest.fixture
def emulated() -> EmulatedArm:
    return EmulatedArm()


def test_torque_is_switched_by_request(emulated):
    operator = Operator(emulated, emulated.driver(torque_on_start=False))
    cycle = operator.until(lambda cycle: cycle.state is not None)
    assert cycle.applied is None
    assert cycle.hold == "torque is off; switch it on with the service driver/torque"
    assert "refused: torque is off" in operator.driver.command(JOINT_NAMES, TARGET, 0)
    answer = operator.driver.request_torque(True)
    operator.cycle()
    assert answer.result(0) == "torque is on; the arm holds where it is"
    operator.until(following, TARGET)
    answer = operator.driver.request_torque(False)
    operator.cycle(TARGET)
    assert answer.result(0) == "torque is off"
    assert operator.cycle(TARGET).applied is None
    assert [servo.memory[reg.TORQUE_ENABLE] for servo in emulated.servos] == [0] * 6


def test_a_joint_past_its_limit_is_named_and_nothing_moves_until_it_is_back():
    emulated = EmulatedArm(HOME_POSE_RAD)
    shoulder = emulated.servo("shoulder_pan").motor.joint
    shoulder._upper, shoulder.position_rad = 3.0, 2.2
    operator = Operator(emulated, emulated.driver())
    cycles = operator.cycles(0.5, TARGET)
    assert all(cycle.applied is None for cycle in cycles)
    text = "shoulder_pan is at 2.200 rad, outside -1.920 to 1.920: torque is not switched on;"
    assert cycles[-1].hold.startswith(text)
    assert [servo.memory[reg.TORQUE_ENABLE] for servo in emulated.servos] == [0] * 6
    assert text in operator.driver.command(JOINT_NAMES, TARGET, 0)
    shoulder.position_rad = 1.0
    answer = operator.driver.request_torque(True)
    operator.cycle()
    assert answer.result(0)
    operator.until(following, TARGET)
    is_smooth(operator.sent)


def test_one_damaged_reading_at_the_start_does_not_count(emulated):
    """Its checksum is right by chance: a joint seems to be past its limit."""
    arm = emulated.arm()
    read, readings = arm.read_state, []

    def damaged_once(*args):
        state = read(*args)
        readings.append(state)
        return state._replace(position_rad=state.position_rad + 2.5 * (len(readings) == 1))

    arm.read_state = damaged_once
    operator = Operator(emulated, ArmDriver(lambda: arm, DriverSettings(), clock=emulated.clock))
    operator.until(lambda cycle: cycle.applied is not None)
    assert operator.driver.torque
    assert operator.texts("error") == ""


@pytest.mark.parametrize(
    ("kind", "joint", "text"),
    [
        ("dead", "gripper", "servo 6 (gripper) does not answer"),
        ("dead", None, "no servo answers"),
        ("port_gone", None, "is gone"),
    ],
)
def test_what_is_wrong_at_the_start_is_named_and_outlived(emulated, kind, joint, text):
    emulated.happen(kind, joint)
    operator = Operator(emulated, emulated.driver())
    assert text in operator.cycles(1.0)[-1].hold
    assert operator.sent == []
    refused = operator.driver.request_torque(True)
    operator.cycle()
    with pytest.raises(RefusedError, match="answer|gone"):
        refused.result(0)
    emulated.end(kind, joint)
    operator.until(following, TARGET)
    assert len(operator.texts("error").splitlines()) <= 2, "said once, not with every attempt"


@pytest.mark.parametrize(
    ("joint", "register", "value", "text"),
    [
        ("elbow_flex", reg.HOMING_OFFSET, 7, "elbow_flex homing_offset: file -98, servo 7"),
        ("gripper", reg.MODEL_NUMBER, 1284, "servo 6 (gripper) has model number 1284"),
        ("elbow_flex", reg.ID, 2, "servo 2 (shoulder_lift) are damaged"),
        (None, reg.BAUD_RATE, 1, "no servo answers at 1000000 baud, but some do at 500000"),
    ],
    ids=["calibration", "model", "two ids", "baud"],
)
def test_an_arm_that_is_not_the_calibrated_one_is_not_moved(emulated, joint, register, value, text):
    for servo in emulated.servos if joint is None else [emulated.servo(joint)]:
        servo.memory.keep(register, value)
    operator = Operator(emulated, emulated.driver())
    operator.cycles(1.0, TARGET)
    assert text in operator.texts("error")
    assert text in operator.driver.command(JOINT_NAMES, TARGET, 0)
    assert operator.sent == []
    assert [servo.memory[reg.TORQUE_ENABLE] for servo in emulated.servos] == [0] * 6
    assert [servo.memory[reg.GOAL_POSITION] for servo in emulated.servos] == [0] * 6


def test_an_arm_that_another_program_left_holding_is_taken_over_where_its_goals_are(emulated):
    arm = emulated.arm()
    arm.configure()
    arm.enable_torque()
    emulated.run(1.5)  # it sags below its goals
    goals, _ = arm.read_goals()
    operator = started(emulated)
    assert np.allclose(operator.sent[0], goals)
    assert np.abs(goals - emulated.positions()).max() > 0.03


def test_a_held_joint_past_its_limit_is_left_alone_too(emulated):
    arm = emulated.arm()
    arm.enable_torque()
    shoulder = emulated.servo("shoulder_pan").motor.joint
    shoulder._upper, shoulder.position_rad, shoulder.blocked = 3.0, 2.2, True
    operator = Operator(emulated, emulated.driver())
    cycle = operator.cycles(0.5, TARGET)[-1]
    assert "shoulder_pan is at 2.200 rad" in cycle.hold
    assert operator.sent == []
    assert not operator.driver.torque


def test_a_port_that_is_not_there_yet_is_waited_for_before_it_is_an_error(emulated):
    is_there = False

    def open_arm():
        if not is_there:
            raise NoPortError("there is no port arm: is the adapter plugged in?")
        return emulated.arm()

    driver = ArmDriver(open_arm, DriverSettings(port_patience_s=5.0), clock=emulated.clock)
    operator = Operator(emulated, driver)
    assert "there is no port" in operator.cycles(4.5)[-1].hold
    assert operator.texts("error") == ""
    assert operator.texts("info") == "waiting: there is no port arm: is the adapter plugged in?"
    operator.cycles(6.0)
    assert operator.texts("error") == "there is no port arm: is the adapter plugged in?"
    is_there = True
    operator.until(following, TARGET)
