"""Limits that an operator sets are never above those of the arm."""

from __future__ import annotations

import numpy as np
from act_core.parameters import from_values
from act_core.robots.so101 import SO101_LIMITS
from so101_driver.driver_parameters import DriverParameters


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
