"""Parameters of the driver node become settings."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.parameters import from_values
from act_core.robots.so101 import SO101_LIMITS
from so101_driver import registers as reg
from so101_driver.driver_parameters import DriverParameters


def test_limits_can_only_be_narrowed():
    narrow = from_values(
        DriverParameters, {"max_velocity_rad_s": 3.5, "max_acceleration_rad_s2": 5.0}
    ).limits()  # fmt: skip
    assert narrow.max_velocity_rad_s.tolist() == [3.0] * 5 + [3.5]
    assert narrow.max_acceleration_rad_s2.tolist() == [5.0] * 6
    own = DriverParameters().limits()
    assert np.array_equal(own.max_velocity_rad_s, SO101_LIMITS.max_velocity_rad_s)
    assert np.array_equal(own.max_acceleration_rad_s2, SO101_LIMITS.max_acceleration_rad_s2)


def test_settings_follow_the_parameters():
    parameters = from_values(
        DriverParameters, {"rate_hz": 200, "p_coefficient": 20, "auto_recover": True}
    )  # fmt: skip
    assert parameters.driver_settings().auto_recover
    assert parameters.driver_settings().periods(0.05) == 10
    assert parameters.servo_settings().eeprom("elbow_flex")[reg.P_COEFFICIENT] == 20
    assert parameters.reply_slack_s() == pytest.approx(0.0015)
    assert DriverParameters().reply_slack_s() == pytest.approx(0.003)


def test_a_wrong_exit_policy_gets_a_suggestion():
    with pytest.raises(
        ConfigurationError, match="unknown exit_policy 'realease'; did you mean 'rel"
    ):
        from_values(DriverParameters, {"exit_policy": "realease"})
