from __future__ import annotations

import math

import numpy as np
import pytest
from act_core.robots.so101 import JOINT_NAMES, JOINTS
from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.so101_units import SCHEMES, so101_units
from hypothesis import given
from hypothesis import strategies as st
from so101_driver.calibration import Calibration, JointCalibration, JointConversion

# A published calibration of an SO-101 (legalaspro).
RANGES = ((866, 3231), (896, 3211), (866, 3066), (1039, 3121), (123, 3955), (2027, 3483))


def calibration(ranges=RANGES, drive_modes=(0,) * 6) -> Calibration:
    return Calibration(
        {
            name: JointCalibration(i + 1, drive_modes[i], 0, *ranges[i])
            for i, name in enumerate(JOINT_NAMES)
        }
    )


def lerobot_values(counts, ranges, drive_modes, *, degrees: bool):
    """What LeRobot records at these counts: the formulas of its motors/motors_bus.py."""
    values = []
    for i, (count, (low, high), turned) in enumerate(zip(counts, ranges, drive_modes, strict=True)):
        if i == 5:
            value = (count - low) / (high - low) * 100
            value = 100 - value if turned else value
        elif degrees:
            value = (count - (low + high) / 2) * 360 / 4095
        else:
            value = (count - low) / (high - low) * 200 - 100
            value = -value if turned else value
        values.append(value)
    return np.array(values)


def test_known_values():
    degrees = so101_units("degrees")
    pose = degrees.to_rad(np.array([90.0, -45.0, 0.0, 30.0, 180.0, 0.0]))
    quarter = 1023.75 * 2 * math.pi / 4096  # 90 degrees are 1023.75 counts of LeRobot
    np.testing.assert_allclose(
        pose, [quarter, -quarter / 2, 0, quarter / 3, 2 * quarter, -0.174533], atol=1e-6
    )
    percent = so101_units("percent")
    pose = percent.to_rad(np.array([100.0, -100.0, 50.0, 0.0, 100.0, 100.0]))
    np.testing.assert_allclose(
        pose, [1.91986, -1.74533, 0.845, 0, math.pi * 4095 / 4096, 1.74533], atol=1e-6
    )


def test_recordings_before_the_new_zero():
    old = so101_units("old_degrees").to_rad(np.array([10.0, 60.0, 60.0, 5.0, -5.0, 40.0]))
    new = so101_units("degrees").to_rad(np.array([10.0, 30.0, -30.0, 5.0, -5.0, 40.0]))
    np.testing.assert_allclose(old, new, atol=1e-6)


@pytest.mark.parametrize("degrees", [True, False])
@given(data=st.data())
def test_an_arm_means_the_same_through_lerobot_and_through_the_driver(degrees, data):
    """Counts -> LeRobot's value -> rad is what the driver's own conversion says of the counts."""
    ranges = [
        sorted((low, low + width))
        for low, width in data.draw(
            st.lists(
                st.tuples(st.integers(0, 2000), st.integers(100, 2000)), min_size=6, max_size=6
            )
        )
    ]
    turned = data.draw(st.lists(st.integers(0, 1), min_size=6, max_size=6))
    arm = calibration(ranges, turned)
    counts = [data.draw(st.integers(low, high)) for low, high in ranges]
    units = so101_units("degrees" if degrees else "percent", arm)
    rad = units.to_rad(lerobot_values(counts, ranges, turned, degrees=degrees))
    np.testing.assert_allclose(rad, JointConversion(arm).to_rad(counts), atol=1e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(shares=st.lists(st.floats(0, 1), min_size=6, max_size=6))
def test_there_and_back(scheme, shares):
    pose = np.array(
        [j.lower_rad + s * (j.upper_rad - j.lower_rad) for j, s in zip(JOINTS, shares, strict=True)]
    )
    for arm in (None, calibration()):
        units = so101_units(scheme, arm)
        np.testing.assert_allclose(units.to_rad(units.from_rad(pose)), pose, atol=1e-6)


def test_an_unknown_scheme_is_named():
    with pytest.raises(DatasetError, match="unknown units 'degree'; did you mean 'degrees'?"):
        so101_units("degree")
