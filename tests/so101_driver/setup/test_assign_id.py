"""Servos from the factory get their ids, one at a time, and keep them without power."""

from __future__ import annotations

import pytest
from act_core.errors import ConfigurationError
from so101_driver import registers as reg
from so101_driver.bus_errors import BusError
from so101_driver.emulator.arm import emulated_servos
from so101_driver.setup.assign_id import assign_id, find_single_servo

from tests.so101_driver.setup.arms import Table


def factory_servo(servo_id: int = 1, baud_code: int = 0):
    servo = emulated_servos([0.0] * 6)[0]
    servo.memory.keep(reg.ID, servo_id)
    servo.memory.keep(reg.BAUD_RATE, baud_code)
    return servo


@pytest.mark.parametrize(
    ("old_id", "code", "new_id"), [(1, 0, 6), (1, 4, 3), (17, 1, 1), (2, 0, 2)]
)
def test_id_and_rate_are_set_and_kept(old_id, code, new_id):
    table = Table([factory_servo(old_id, code)])
    servo = find_single_servo(table.open)
    assert (servo.servo_id, servo.baud) == (old_id, reg.BAUD_RATES[code])
    assign_id(table.open, servo, new_id)
    table.power_cycle()
    memory = table.servos[0].memory
    assert (memory[reg.ID], memory[reg.BAUD_RATE], memory[reg.LOCK]) == (new_id, 0, 1)
    bus = table.open()
    assert bus.ping(new_id) is not None
    assert new_id == old_id or bus.ping(old_id) is None


def test_nobody_there():
    with pytest.raises(ConfigurationError, match="is the power supply on"):
        find_single_servo(Table([]).open)


def test_more_than_one_servo_is_refused():
    with pytest.raises(ConfigurationError, match=r"more than one servo answers \(ids 1, 2\)"):
        find_single_servo(Table([factory_servo(1), factory_servo(2)]).open)


def test_two_factory_servos_look_like_one_and_are_refused():
    first, second = factory_servo(1), factory_servo(1)
    table = Table([first, second])
    first.motor.joint.position_rad = 0.8
    with pytest.raises(ConfigurationError, match="more than one servo answers"):
        find_single_servo(table.open)


def test_another_kind_of_servo_is_refused():
    servo = factory_servo()
    servo.memory[reg.MODEL_NUMBER] = 1284
    with pytest.raises(ConfigurationError, match="model number is 1284, expected 777 or 2563"):
        find_single_servo(Table([servo]).open)


def test_a_servo_that_keeps_its_id_is_found_out():
    table = Table([factory_servo(1)])
    servo = find_single_servo(table.open)
    emulated = table.servos[0]
    write = emulated.write
    emulated.write = lambda address, data: None if address == 5 else write(address, data)
    with pytest.raises(BusError, match="does not answer under its new id 4"):
        assign_id(table.open, servo, 4)
