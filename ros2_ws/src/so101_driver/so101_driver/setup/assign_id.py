"""Gives one servo its id; the servo must be alone on the bus."""

from __future__ import annotations

import contextlib

from act_core.errors import ConfigurationError

from so101_driver import registers as reg
from so101_driver.bus import Bus
from so101_driver.bus_errors import BusError, NoReplyError
from so101_driver.setup.scan import OpenBus, Servo, scan

BAUD = reg.BAUD_RATES[0]


def find_single_servo(open_bus: OpenBus) -> Servo:
    """The one servo on the bus. Raises ConfigurationError for none, several, or another model."""
    servos = scan(open_bus)
    if not servos:
        raise ConfigurationError(
            "no servo answers: is the power supply on, and this one servo plugged into the adapter?"
        )
    if len(servos) > 1 or servos[0].is_garbled:
        ids = ", ".join(str(servo.servo_id) for servo in servos)
        raise ConfigurationError(
            f"more than one servo answers (ids {ids}): unplug the others, or all of one id would "
            "get the new one"
        )
    model = servos[0].identity.model_number
    if model not in reg.MODEL_NUMBERS:
        known = " or ".join(map(str, reg.MODEL_NUMBERS))
        raise ConfigurationError(f"its model number is {model}, expected {known} (STS3215)")
    return servos[0]


def assign_id(open_bus: OpenBus, servo: Servo, new_id: int) -> None:
    """Sets id and baud rate, kept without power, and checks both. The torque goes off.

    Raises BusError where the servo does not answer under its new id afterwards.
    """
    if servo.baud != BAUD:
        _set_baud(open_bus, servo)
    bus = open_bus(BAUD)
    try:
        bus.write(servo.servo_id, reg.TORQUE_ENABLE, 0)
        bus.write(servo.servo_id, reg.LOCK, 0)
        if servo.servo_id != new_id:
            _write_unanswered(bus, servo.servo_id, reg.ID, new_id)
        if bus.ping(new_id) is None:
            raise BusError(f"the servo does not answer under its new id {new_id}")
        bus.write_checked(new_id, reg.RESPONSE_LEVEL, 1)
        bus.write_checked(new_id, reg.RETURN_DELAY, 0)
        bus.write_checked(new_id, reg.LOCK, 1)
        if servo.servo_id != new_id and bus.ping(servo.servo_id) is not None:
            raise BusError(f"a servo still answers under the old id {servo.servo_id}, too")
    finally:
        bus.close()


def _set_baud(open_bus: OpenBus, servo: Servo) -> None:
    bus = open_bus(servo.baud)
    try:
        bus.write(servo.servo_id, reg.TORQUE_ENABLE, 0)
        bus.write(servo.servo_id, reg.LOCK, 0)
        _write_unanswered(bus, servo.servo_id, reg.BAUD_RATE, reg.BAUD_RATES.index(BAUD))
    finally:
        bus.close()


def _write_unanswered(bus: Bus, servo_id: int, register: reg.Register, value: int) -> None:
    """A write after which the servo may answer under another id or at another rate, or not."""
    with contextlib.suppress(NoReplyError):  # what matters is checked by whoever calls
        bus.write(servo_id, register, value)
