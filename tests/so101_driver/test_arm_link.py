"""Attempts to connect, with growing pauses."""

from __future__ import annotations

import pytest
from act_core.timing import FakeClock
from so101_driver.arm import So101Arm
from so101_driver.arm_link import ArmLink
from so101_driver.bus_errors import ArmError, PortError
from so101_driver.driver_settings import DriverSettings

from tests.so101_driver.emulated_arm import EmulatedArm


def test_the_pauses_grow_up_to_two_seconds():
    """The numbers of the class' docstring."""
    clock = FakeClock()
    attempts: list[float] = []

    def fail() -> So101Arm:
        attempts.append(clock.now_ns() / 1e9)
        raise PortError("there is no port")

    link = ArmLink(fail, DriverSettings(), clock)
    for _ in range(720):
        try:
            assert link.connect_when_due() is None
        except PortError:
            link.drop()
        clock.advance(0.01)
    assert attempts == pytest.approx([0.0, 0.2, 0.6, 1.4, 3.0, 5.0, 7.0])


def test_an_arm_that_fails_its_checks_gives_the_port_back():
    emulated = EmulatedArm()
    emulated.happen("dead", "gripper")
    arms: list[So101Arm] = []

    def open_arm() -> So101Arm:
        arms.append(emulated.arm())
        return arms[-1]

    link = ArmLink(open_arm, DriverSettings(), emulated.clock)
    with pytest.raises(ArmError, match="gripper"):
        link.connect_when_due()
    link.drop()
    with pytest.raises(PortError):
        arms[0].bus.ping(1)
    assert link.arm is None
    emulated.end("dead", "gripper")
    emulated.run(2.0)
    assert link.connect_when_due() is link.arm is arms[1]
