"""The leader arm's positions, and what keeps them from being read."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.timing import FakeClock
from so101_driver import registers as reg
from so101_driver.arm import So101Arm
from so101_driver.bus_errors import PortError
from so101_driver.emulator.arm import emulated_calibration
from so101_driver.leader_arm import LOST_IN_A_ROW, LeaderArm

from tests.so101_driver.setup.arms import Table

COUNT_RAD = 2 * np.pi / 4096


class Rig:
    """A leader on an emulated bus; ``openings`` counts attempts to open the port."""

    def __init__(self) -> None:
        self.table = Table()
        self.clock: FakeClock = self.table.clock
        self.openings = 0
        self.arm = LeaderArm(self._open, self.clock)

    def _open(self) -> So101Arm:
        self.openings += 1
        if self.table.wire.port_gone:
            raise PortError("there is no port")
        return So101Arm(self.table.open(), emulated_calibration())

    def read_for(self, seconds: float) -> list:
        """Reads at 100 Hz."""
        readings = []
        for _ in range(round(100 * seconds)):
            readings.append(self.arm.read())
            self.clock.advance(0.01)
            self.table.wire.advance(self.clock.now_ns())
        return readings


def test_positions_in_rad_and_no_torque():
    rig = Rig()
    for servo in rig.table.servos:
        servo.write(reg.TORQUE_ENABLE.address, b"\x01")
    pose = np.array([0.5, -1.0, 0.7, -0.3, 1.0, 0.8])
    rig.table.put_all(pose)
    assert rig.arm.read().position_rad == pytest.approx(pose, abs=2 * COUNT_RAD)
    assert all(servo.memory[reg.TORQUE_ENABLE] == 0 for servo in rig.table.servos)
    assert rig.arm.problem is None


def test_a_silent_servo_is_named_and_read_again_when_it_speaks():
    rig = Rig()
    rig.arm.read()
    rig.table.servo("wrist_flex").dead = True
    assert rig.arm.read() is None
    assert "no valid reply from servo 4" in rig.arm.problem
    rig.table.servo("wrist_flex").dead = False
    assert rig.arm.read() is not None
    assert (rig.arm.problem, rig.openings) == (None, 1)


def test_a_servo_that_stays_silent_makes_it_begin_anew():
    rig = Rig()
    rig.arm.read()
    rig.table.servo("wrist_flex").dead = True
    assert all(rig.arm.read() is None for _ in range(LOST_IN_A_ROW))
    assert rig.arm.arm is None
    rig.clock.advance(1.0)
    assert rig.arm.read() is None
    assert "servo 4 (wrist_flex) does not answer" in rig.arm.problem


def test_an_unplugged_port_is_opened_again_with_growing_pauses():
    rig = Rig()
    rig.arm.read()
    rig.table.wire.port_gone = True
    assert rig.arm.read() is None
    assert "unplugged" in rig.arm.problem
    rig.read_for(4.0)  # attempts after 0.5, 1.5 and 3.5 s
    assert rig.openings == 1 + 3
    rig.table.wire.port_gone = False
    assert any(reading is not None for reading in rig.read_for(5.0))
    assert rig.arm.problem is None


def test_servos_that_hold_another_calibration_are_not_read():
    rig = Rig()
    rig.table.servo("elbow_flex").memory.keep(reg.HOMING_OFFSET, 7)
    assert rig.arm.read() is None
    assert "elbow_flex homing_offset: file -98, servo 7" in rig.arm.problem
    rig.table.servo("elbow_flex").memory.keep(reg.HOMING_OFFSET, -98)
    rig.clock.advance(1.0)
    assert rig.arm.read() is not None
