"""Servos in front of an arm that is simulated elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.robots.so101 import HOME_POSE_RAD
from act_core.timing import FakeClock
from so101_driver.arm import So101Arm
from so101_driver.bus import Bus
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.memory_transport import MemoryTransport
from so101_driver.emulator.remote_arm import RemoteArm

COUNT_RAD = 2 * np.pi / 4096
ZERO = np.zeros(6)


class Rig:
    """A driver's arm, the bus, and a simulation that is at once where it is told to be."""

    def __init__(self, position=HOME_POSE_RAD) -> None:
        self.position = np.array(position, dtype=float)
        self.remote = RemoteArm()
        self.remote.report(self.position, ZERO)
        self.clock = FakeClock()
        self.wire = EmulatedBus(emulated_servos(joints=self.remote.joints))
        bus = Bus(MemoryTransport(self.wire, self.clock), clock=self.clock)
        self.arm = So101Arm(bus, emulated_calibration())
        self.arm.configure()

    def live(self, seconds: float) -> None:
        for _ in range(round(100 * seconds)):
            self.clock.advance(0.01)
            self.wire.advance(self.clock.now_ns())
            targets = self.remote.targets()
            if targets is not None:
                self.position = targets
            self.remote.report(self.position, ZERO)


def test_the_driver_reads_where_the_simulation_is():
    rig = Rig()
    assert rig.arm.read_state().position_rad == pytest.approx(HOME_POSE_RAD, abs=COUNT_RAD)


def test_the_simulation_goes_where_the_driver_writes():
    rig = Rig()
    rig.arm.enable_torque()
    goal = HOME_POSE_RAD + np.array([0.2, -0.1, 0.1, -0.2, 0.3, 0.4])
    rig.arm.write_goals(goal)
    rig.live(1.0)
    assert rig.position == pytest.approx(goal, abs=COUNT_RAD)
    assert rig.arm.read_state().position_rad == pytest.approx(goal, abs=2 * COUNT_RAD)


def test_without_torque_and_while_it_only_holds_it_commands_nothing():
    rig = Rig()
    rig.live(0.1)
    assert rig.remote.targets() is None
    rig.arm.enable_torque()
    rig.live(0.1)
    assert rig.remote.targets() is None, "an episode begins with the first motion"
    rig.arm.write_goals(HOME_POSE_RAD + 0.1)
    rig.live(0.1)
    assert rig.remote.targets() is not None
    rig.arm.release()
    rig.live(0.01)
    assert rig.remote.targets() is None


def test_an_arm_that_was_put_elsewhere_is_not_pulled_back():
    rig = Rig()
    rig.arm.enable_torque()
    rig.arm.write_goals(HOME_POSE_RAD + 0.5)
    rig.live(1.0)
    rig.position = np.array(HOME_POSE_RAD)
    assert rig.remote.report(rig.position, ZERO) is True
    rig.live(0.5)
    assert rig.position == pytest.approx(HOME_POSE_RAD)
    rig.arm.release()
    rig.live(0.05)
    rig.arm.enable_torque()
    rig.live(0.5)
    assert rig.position == pytest.approx(HOME_POSE_RAD)
    rig.arm.write_goals(HOME_POSE_RAD + 0.2)
    rig.live(1.0)
    assert rig.position == pytest.approx(HOME_POSE_RAD + 0.2, abs=COUNT_RAD)


def test_torque_that_was_off_for_a_moment_is_not_missed():
    rig = Rig()
    rig.arm.enable_torque()
    rig.arm.write_goals(HOME_POSE_RAD + 0.5)
    rig.live(1.0)
    rig.position = np.array(HOME_POSE_RAD)
    rig.remote.report(rig.position, ZERO)
    rig.arm.release()
    rig.arm.enable_torque()  # nobody has asked for targets in between
    rig.live(0.5)
    assert rig.position == pytest.approx(HOME_POSE_RAD)
    rig.arm.write_goals(HOME_POSE_RAD + 0.2)
    rig.live(1.0)
    assert rig.position == pytest.approx(HOME_POSE_RAD + 0.2, abs=COUNT_RAD)


def test_fast_motion_is_not_taken_for_a_hand():
    remote = RemoteArm()
    remote.report(ZERO, ZERO)
    assert not any(remote.report(np.full(6, 0.05 * k), ZERO) for k in range(1, 20))
