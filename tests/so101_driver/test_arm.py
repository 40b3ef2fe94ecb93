"""The arm in radians, and the checks before anything moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES
from so101_driver import arm_checks
from so101_driver import registers as reg
from so101_driver.arm import ServoSettings
from so101_driver.bus_errors import ArmError, NoReplyError
from so101_driver.calibration import RAD_PER_COUNT, Calibration
from so101_driver.emulator.arm import emulated_calibration

from tests.so101_driver.emulated_arm import EmulatedArm


@pytest.fixture
def emulated() -> EmulatedArm:
    return EmulatedArm()


def test_positions_are_those_of_the_joints(emulated):
    state = emulated.arm().read_state()
    assert np.abs(state.position_rad - HOME_POSE_RAD).max() < RAD_PER_COUNT
    assert state.load.tolist() == [0.0] * 6
    assert state.status == (reg.Status(0),) * 6


def test_torque_holds_where_the_arm_is_and_goals_move_it(emulated):
    arm = emulated.arm()
    arm.configure()
    arm.enable_torque()
    emulated.run(1.0)
    assert np.abs(emulated.positions() - HOME_POSE_RAD).max() < 0.12, "it sags, as a real one"
    target = HOME_POSE_RAD + 0.3
    counts = arm.write_goals(target)
    assert np.abs(arm.conversion.to_rad(counts) - target).max() < RAD_PER_COUNT
    emulated.run(0.2)
    state = arm.read_state()
    assert (state.velocity_rad_s > 0.3).all()
    emulated.run(2.0)
    assert np.abs(emulated.positions() - target).max() < 0.12
    goals, torque = arm.read_goals()
    assert np.abs(goals - target).max() < RAD_PER_COUNT
    assert torque.all()
    assert arm.read_state().load[1] < -0.05, "the shoulder carries the arm"


def test_leaving_the_with_block_releases(emulated):
    def fail() -> None:
        with emulated.arm() as arm:
            arm.enable_torque()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [servo.memory[reg.TORQUE_ENABLE] for servo in emulated.servos] == [0] * 6


def test_release_names_who_does_not_confirm(emulated):
    arm = emulated.arm()
    arm.enable_torque()
    emulated.happen("dead", "wrist_roll")
    assert arm.release() == ("wrist_roll",)
    assert emulated.servo("gripper").memory[reg.TORQUE_ENABLE] == 0


def test_settings_are_lerobots_and_are_written_once(emulated):
    emulated.servo("wrist_roll").memory.keep(reg.PHASE, 12 | reg.MULTI_TURN)
    arm = emulated.arm()
    arm.configure()
    gripper = emulated.servo("gripper").memory
    assert (gripper[reg.P_COEFFICIENT], gripper[reg.D_COEFFICIENT]) == (16, 32)
    assert (gripper[reg.MAX_TORQUE_LIMIT], gripper[reg.TORQUE_LIMIT]) == (500, 500)
    assert (gripper[reg.PROTECTION_CURRENT], gripper[reg.OVERLOAD_TORQUE]) == (250, 25)
    assert emulated.servo("wrist_roll").memory[reg.PHASE] == 12
    assert emulated.servo("elbow_flex").memory[reg.MAX_TORQUE_LIMIT] == 1000
    for servo in emulated.servos:
        assert servo.memory[reg.LOCK] == 1
        servo.power_cycle()
        assert servo.memory[reg.P_COEFFICIENT] == 16, "kept"
    emulated.run(1.0)
    written: list[tuple[int, int]] = []
    for servo in emulated.servos:
        memory = servo.memory
        original = memory.write
        memory.write = lambda a, d, original=original: (written.append((a, len(d))), original(a, d))
    arm.configure()
    addresses = {address for address, _ in written}
    assert addresses == {reg.ACCELERATION.address, reg.TORQUE_LIMIT.address}, "RAM only"


def test_health(emulated):
    arm = emulated.arm()
    arm.enable_torque()
    emulated.servo("elbow_flex").motor.temperature_c = 41.0
    emulated.run(0.5)
    health = arm.read_health("elbow_flex")
    assert health.torque
    assert (health.celsius, health.status) == (41, reg.Status(0))
    assert 7.0 < health.volts < 7.5
    assert health.amperes != 0.0
    assert health.load == pytest.approx(arm.read_state().load[2])
    assert health.load < -0.02, "it pushes against gravity"
    emulated.happen("dead", "elbow_flex")
    with pytest.raises(NoReplyError):
        arm.read_health("elbow_flex")


def test_a_latched_overload_is_left_without_cutting_the_power(emulated):
    arm = emulated.arm()
    arm.configure()
    arm.enable_torque()
    emulated.happen("blocked", "elbow_flex")
    arm.write_goals(HOME_POSE_RAD - [0, 0, 0.8, 0, 0, 0])
    emulated.run(2.5)
    assert arm.read_state().status[2] == reg.Status.OVERLOAD
    arm.recover("elbow_flex")
    emulated.run(0.1)
    state = arm.read_state()
    assert state.status[2] == reg.Status(0)
    goals, torque = arm.read_goals()
    assert torque.all()
    assert abs(goals[2] - state.position_rad[2]) < 0.02


# -- checks --------------------------------------------------------------------------------------


def test_a_good_arm_passes(emulated):
    arm = emulated.arm()
    arm_checks.check_servos(arm)
    arm_checks.check_calibration(arm)


def test_a_missing_servo_is_named(emulated):
    emulated.happen("dead", "wrist_flex")
    with pytest.raises(ArmError, match=r"servo 4 \(wrist_flex\) does not answer: check the cables"):
        arm_checks.check_servos(emulated.arm())


def test_nobody_answers(emulated):
    emulated.happen("dead")
    with pytest.raises(ArmError, match="no servo answers .*own power supply.* jumper"):
        arm_checks.check_servos(emulated.arm())


def test_an_adapter_that_keeps_replies_back_is_named():
    arm_checks.check_servos(EmulatedArm(latency_s=0.002).arm())
    with pytest.raises(ArmError, match="servos answer, but too late.*latency_timer"):
        arm_checks.check_servos(EmulatedArm(latency_s=0.016).arm())


def test_another_rate_is_found(emulated):
    for servo in emulated.servos:
        servo.memory.keep(reg.BAUD_RATE, reg.BAUD_RATES.index(115_200))
    arm = emulated.arm()
    with pytest.raises(ArmError, match="some do at 115200: start with baud:=115200"):
        arm_checks.check_servos(arm)
    assert arm.bus.transport.baud == 1_000_000


def test_two_servos_with_one_id_are_named(emulated):
    emulated.servo("elbow_flex").memory.keep(reg.ID, 2)
    with pytest.raises(ArmError, match=r"servo 2 \(shoulder_lift\) are damaged .*do two servos"):
        arm_checks.check_servos(emulated.arm())


def test_another_model_is_named(emulated):
    emulated.servo("gripper").memory[reg.MODEL_NUMBER] = 1284
    with pytest.raises(ArmError, match=r"servo 6 \(gripper\) has model number 1284, expected 777 "):
        arm_checks.check_servos(emulated.arm())
    emulated.servo("gripper").memory[reg.MODEL_NUMBER] = 2563
    arm_checks.check_servos(emulated.arm())


def test_another_arms_calibration_is_refused_until_it_is_written(emulated):
    joints = dict(emulated_calibration())
    joints["elbow_flex"] = replace(joints["elbow_flex"], homing_offset=77, range_max=3000)
    arm = emulated.arm(Calibration(joints))
    with pytest.raises(ArmError, match="homing_offset: file 77, servo -98; elbow_flex range_max"):
        arm_checks.check_calibration(arm)
    arm_checks.write_calibration(arm)
    arm_checks.check_calibration(arm)
    for servo in emulated.servos:
        servo.power_cycle()
    emulated.run(1.0)
    arm_checks.check_calibration(arm)
    assert arm_checks.read_calibration(arm)["elbow_flex"]["range_max"] == 3000


def test_settings_can_be_chosen():
    assert ServoSettings(p=20).eeprom("elbow_flex")[reg.P_COEFFICIENT] == 20
    assert set(JOINT_NAMES) == set(emulated_calibration())
