"""The emulated servo: registers, lock, position loop, protection."""

from __future__ import annotations

import numpy as np
import pytest
from so101_driver import protocol
from so101_driver import registers as reg
from so101_driver.emulator.joint import LocalJoint
from so101_driver.emulator.memory import ServoMemory
from so101_driver.emulator.servo import REBOOT_S, EmulatedServo, Firmware
from so101_driver.protocol import Instruction, Packet
from so101_driver.registers import Status


@pytest.fixture
def servo() -> EmulatedServo:
    return EmulatedServo(ServoMemory({reg.ID: 7}), LocalJoint(-3.0, 3.0), zero_count=2048)


def run(servo: EmulatedServo, seconds: float) -> None:
    for _ in range(round(1000 * seconds)):
        servo.step()


def write(servo: EmulatedServo, register: reg.Register, value: int) -> Packet | None:
    data = bytes((register.address,)) + register.encode(value)
    return servo.handle(Packet(7, Instruction.WRITE, data))


def read(servo: EmulatedServo, register: reg.Register) -> int:
    request = bytes((register.address, register.size))
    reply = servo.handle(Packet(7, Instruction.READ, request))
    assert reply is not None
    return register.decode(reply.parameters)


def torque_on(servo: EmulatedServo, goal: int) -> None:
    write(servo, reg.GOAL_POSITION, goal)
    write(servo, reg.TORQUE_ENABLE, 1)


def test_eeprom_writes_are_kept_only_while_unlocked(servo):
    write(servo, reg.P_COEFFICIENT, 16)
    assert read(servo, reg.P_COEFFICIENT) == 16
    servo.power_cycle()
    assert read(servo, reg.P_COEFFICIENT) == 32, "the lock was closed"
    write(servo, reg.LOCK, 0)
    write(servo, reg.P_COEFFICIENT, 16)
    write(servo, reg.ACCELERATION, 50)
    servo.power_cycle()
    assert read(servo, reg.P_COEFFICIENT) == 16
    assert (read(servo, reg.ACCELERATION), read(servo, reg.LOCK)) == (0, 1), "RAM is forgotten"


def test_the_torque_limit_of_the_eeprom_counts_from_the_next_power_up(servo):
    write(servo, reg.LOCK, 0)
    write(servo, reg.MAX_TORQUE_LIMIT, 500)
    assert read(servo, reg.TORQUE_LIMIT) == 1000
    servo.power_cycle()
    assert read(servo, reg.TORQUE_LIMIT) == 500


def test_read_only_bytes_are_skipped_without_an_error(servo):
    reply = servo.handle(Packet(7, Instruction.WRITE, bytes((54, 9, 0, 9, 9, 9, 9))))
    assert reply == Packet(7, 0, b"")
    assert read(servo, reg.LOCK) == 0
    assert read(servo, reg.PRESENT_POSITION) == 2048


def test_reads_end_where_the_table_ends(servo):
    reply = servo.handle(Packet(7, Instruction.READ, bytes((80, 20))))
    assert reply is not None
    assert len(reply.parameters) == 7
    assert servo.handle(Packet(7, Instruction.READ, bytes((87, 1)))) is None


def test_response_level_0_answers_reads_only(servo):
    write(servo, reg.RESPONSE_LEVEL, 0)
    assert write(servo, reg.GOAL_VELOCITY, 100) is None
    assert read(servo, reg.GOAL_VELOCITY) == 100
    assert servo.handle(Packet(7, Instruction.PING, b"")) == Packet(7, 0, b"")


def test_a_reg_write_waits_for_the_action(servo):
    data = bytes((reg.GOAL_POSITION.address,)) + reg.GOAL_POSITION.encode(3000)
    servo.handle(Packet(7, Instruction.REG_WRITE, data))
    assert (read(servo, reg.GOAL_POSITION), read(servo, reg.ASYNC_WRITE)) == (0, 1)
    servo.handle(Packet(7, Instruction.ACTION, b""))
    assert (read(servo, reg.GOAL_POSITION), read(servo, reg.ASYNC_WRITE)) == (3000, 0)


def test_a_reboot_takes_its_time(servo):
    assert servo.handle(Packet(7, Instruction.REBOOT, b"")) is None
    assert not servo.is_listening
    run(servo, REBOOT_S)
    assert servo.is_listening


@pytest.mark.parametrize("instruction", ["torque_enable", "calibrate"])
def test_the_present_position_becomes_2048(servo, instruction):
    servo.motor.joint.position_rad = 0.5  # 326 counts
    if instruction == "torque_enable":
        write(servo, reg.TORQUE_ENABLE, 128)
    else:
        servo.handle(Packet(7, Instruction.CALIBRATE, b""))
    assert read(servo, reg.PRESENT_POSITION) == 2048
    assert read(servo, reg.HOMING_OFFSET) == 326
    assert read(servo, reg.TORQUE_ENABLE) == 0


def test_the_published_offset_law():
    """Raw 628 and offset 904 read as 3820: present = raw - offset, within one turn."""
    servo = EmulatedServo(ServoMemory({reg.ID: 7, reg.HOMING_OFFSET: 904}), LocalJoint(-3, 3), 628)
    assert read(servo, reg.PRESENT_POSITION) == 3820
    write(servo, reg.PHASE, reg.MULTI_TURN)
    assert read(servo, reg.PRESENT_POSITION) == 628 - 904


def test_torque_moves_to_the_goal_inside_the_limits(servo):
    write(servo, reg.MAX_POSITION_LIMIT, 2600)
    torque_on(servo, 3000)
    assert read(servo, reg.GOAL_POSITION) == 2600
    run(servo, 1.5)
    assert abs(read(servo, reg.PRESENT_POSITION) - 2600) <= 3
    servo.firmware = Firmware(goal_switches_on=False)
    write(servo, reg.TORQUE_ENABLE, 0)
    write(servo, reg.GOAL_POSITION, 2048)
    run(servo, 0.5)
    assert abs(read(servo, reg.PRESENT_POSITION) - 2600) <= 3, "without torque it stays"


def test_a_goal_switches_the_torque_on_where_the_firmware_does_that(servo):
    servo.firmware = Firmware(goal_switches_on=True)
    write(servo, reg.GOAL_POSITION, 2300)
    assert read(servo, reg.TORQUE_ENABLE) == 1
    run(servo, 1.5)
    assert abs(read(servo, reg.PRESENT_POSITION) - 2300) <= 3


@pytest.mark.parametrize("keeps_goal", [True, False])
def test_a_servo_that_is_only_switched_on_goes_to_its_old_goal_or_stays(servo, keeps_goal):
    servo.firmware = Firmware(keeps_goal=keeps_goal)
    torque_on(servo, 2300)
    run(servo, 1.5)
    write(servo, reg.TORQUE_ENABLE, 0)
    servo.motor.joint.position_rad = 0.0
    before = read(servo, reg.PRESENT_POSITION)
    write(servo, reg.TORQUE_ENABLE, 1)
    assert read(servo, reg.GOAL_POSITION) == 2300, "the register is as it was"
    run(servo, 1.5)
    assert abs(read(servo, reg.PRESENT_POSITION) - (2300 if keeps_goal else before)) <= 3
    write(servo, reg.GOAL_POSITION, 2100)
    run(servo, 1.5)
    assert abs(read(servo, reg.PRESENT_POSITION) - 2100) <= 3


def test_motion_reports_speed_in_steps_of_50(servo):
    write(servo, reg.GOAL_VELOCITY, 500)
    torque_on(servo, 3500)
    run(servo, 1.0)
    speed = read(servo, reg.PRESENT_VELOCITY)
    assert speed % 50 == 0
    assert abs(speed - 500) <= 50
    assert read(servo, reg.MOVING) == 1


def test_the_highest_speed_is_the_identified_one(servo):
    """Rhoban/bam's identification of the 7.4 V servo: 3400 counts/s."""
    servo.motor.joint.position_rad = -2.9
    torque_on(servo, 2048 + 1890)
    run(servo, 0.7)
    assert abs(read(servo, reg.PRESENT_VELOCITY) - 3400) <= 100


def test_a_soft_servo_sags_under_load_as_the_figures_say():
    """duty = P e / 4 + 16 in 0.1 %; 0.335 N m of 3.35 are 10 % duty: (100 - 16) / 4 = 21 counts."""
    servo = EmulatedServo(ServoMemory({reg.ID: 7, reg.P_COEFFICIENT: 16}),
                          LocalJoint(-3, 3, load_nm=0.335), 2048)  # fmt: skip
    torque_on(servo, 2048)
    run(servo, 2.0)
    sag = read(servo, reg.PRESENT_POSITION) - 2048
    assert 15 <= sag <= 27, "friction holds it up to 3.3 counts away"


def test_overload_leaves_a_part_of_the_force_until_torque_is_switched_off(servo):
    torque_on(servo, 3500)
    servo.motor.joint.blocked = True
    run(servo, 1.9)
    assert servo.motor.duty == 970
    assert servo.motor.status == 0
    run(servo, 0.4)
    assert servo.motor.status == Status.OVERLOAD
    assert servo.motor.duty == 200
    assert read(servo, reg.STATUS) == Status.OVERLOAD
    assert servo.reply().code == Status.OVERLOAD, "every reply says so"
    run(servo, 3.0)
    assert servo.motor.status == Status.OVERLOAD, "latched"
    write(servo, reg.TORQUE_ENABLE, 0)
    assert servo.motor.status == 0


def test_too_much_current_switches_the_torque_off():
    servo = EmulatedServo(ServoMemory({reg.ID: 7, reg.PROTECTION_CURRENT: 250,
                                       reg.OVERLOAD_TORQUE: 100}), LocalJoint(-3, 3))  # fmt: skip
    torque_on(servo, 3900)
    servo.motor.joint.blocked = True
    run(servo, 2.2)
    assert servo.motor.status & Status.OVERCURRENT
    assert read(servo, reg.TORQUE_ENABLE) == 0
    assert servo.motor.amperes == 0.0


def test_heat_and_supply_show_in_status(servo):
    torque_on(servo, 2048)
    servo.motor.temperature_c = 75.0
    run(servo, 0.01)
    assert servo.motor.status == Status.OVERHEAT
    servo.motor.joint.position_rad = 1.0
    run(servo, 0.01)
    assert servo.motor.duty == 0, "too hot to push"
    servo.motor.temperature_c = 30.0
    servo.motor.supply_v = 3.5
    run(servo, 0.01)
    assert servo.motor.status == Status.VOLTAGE
    assert servo.motor.duty != 0, "a low voltage is only reported (register 19)"
    assert read(servo, reg.PRESENT_VOLTAGE) <= 35


def test_a_motor_that_pushes_gets_warm(servo):
    before = servo.motor.temperature_c
    torque_on(servo, 3500)
    servo.motor.joint.blocked = True
    run(servo, 1.0)
    assert servo.motor.temperature_c > before + 0.1
    assert servo.motor.volts < servo.motor.supply_v - 0.3, "and the supply sags"


def test_a_dead_servo_lets_go(servo):
    torque_on(servo, 3000)
    servo.dead = True
    run(servo, 0.2)
    assert not servo.is_listening
    assert np.isclose(servo.motor.joint.position_rad, 0.0)


def test_protocol_and_memory_agree_on_the_reply(servo):
    reply = servo.handle(Packet(7, Instruction.READ, bytes((56, 2))))
    assert reply is not None
    assert reply.encode() == protocol.encode(7, 0, b"\x00\x08")
