"""Limits that an operator sets are never above those of the arm."""

from __future__ import annotations

import numpy as np
from act_core.parameters import from_values
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES, SO101_LIMITS
from so101_driver.arm_driver import ArmDriver
from so101_driver.driver_parameters import DriverParameters
from so101_driver.driver_settings import DriverSettings

from tests.so101_driver.emulated_arm import EmulatedArm, Operator


def test_without_a_wish_they_are_the_arm_s():
    limits = DriverParameters().limits()
    assert np.array_equal(limits.max_velocity_rad_s, SO101_LIMITS.max_velocity_rad_s)
    assert np.array_equal(limits.max_acceleration_rad_s2, SO101_LIMITS.max_acceleration_rad_s2)


def test_they_are_lowered_for_every_joint_and_never_raised():
    wishes = {"max_velocity_rad_s": 0.5, "max_acceleration_rad_s2": 1000}
    limits = from_values(DriverParameters, wishes).limits()
    assert np.array_equal(limits.max_velocity_rad_s, np.full(6, 0.5))
    assert np.array_equal(limits.max_acceleration_rad_s2, SO101_LIMITS.max_acceleration_rad_s2)
    assert np.array_equal(limits.upper_rad, SO101_LIMITS.upper_rad)


def test_joints_with_a_prefix_are_limited_and_commanded_by_their_names():
    limits = from_values(DriverParameters, {"joint_prefix": "left_"}).limits()
    names = [f"left_{name}" for name in JOINT_NAMES]
    emulated = EmulatedArm()
    driver = ArmDriver(emulated.arm, DriverSettings(), limits, emulated.clock)
    operator = Operator(emulated, driver)
    operator.until(lambda cycle: cycle.applied is not None)
    start_ns = emulated.clock.now_ns()
    assert "unknown joint" in driver.command(JOINT_NAMES, HOME_POSE_RAD, start_ns)
    for _ in range(300):
        assert driver.command(names, HOME_POSE_RAD + 0.1, emulated.clock.now_ns()) is None
        cycle = operator.cycle()
        assert cycle.hold is None
        assert all(limited.joint in names for limited in cycle.applied.limited)
    assert np.allclose(emulated.positions(), HOME_POSE_RAD + 0.1, atol=0.15)
