"""The driver and the arm's own faults: stall, overload, heat, supply; against the emulated arm."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.robots.so101 import HOME_POSE_RAD
from so101_driver import registers as reg

from tests.so101_driver.emulated_arm import TARGET, EmulatedArm, ask, following, is_smooth, started


@pytest.fixture
def emulated() -> EmulatedArm:
    return EmulatedArm()


def test_a_stalled_joint_gives_way_and_waits_for_recovery(emulated):
    operator = started(emulated)
    emulated.happen("blocked", "shoulder_pan")
    target = HOME_POSE_RAD + np.array([0.9, 0, 0, 0, 0, 0])
    cycle = operator.until(lambda cycle: cycle.hold and "in its way" in cycle.hold, target)
    assert cycle.hold == "shoulder_pan: does not reach 0.90 rad: something is in its way"
    operator.cycles(0.5, target)
    assert abs(operator.sent[-1][0] - emulated.positions()[0]) < 0.01, "it no longer pushes"
    assert abs(emulated.servo("shoulder_pan").motor.duty) < 100
    emulated.end("blocked", "shoulder_pan")
    assert ask(operator, operator.driver.request_recovery) == "recovered: shoulder_pan"
    operator.until(following, target)
    operator.cycles(2.0, target)
    assert abs(emulated.positions()[0] - 0.9) < 0.05
    is_smooth(operator.sent[-200:])


def test_an_overload_is_left_by_itself_if_the_user_allows(emulated):
    operator = started(emulated, auto_recover=True)
    # Not far enough off for "stalled", but with a low threshold in the servo itself.
    emulated.servo("wrist_flex").write(reg.OVERLOAD_TORQUE.address, b"\x14")
    emulated.happen("blocked", "wrist_flex")
    target = HOME_POSE_RAD - [0, 0, 0, 0.15, 0, 0]
    overload = "wrist_flex: the servo limits its force: it pushed too hard, too long"
    operator.until(lambda cycle: cycle.hold == overload, target)
    emulated.end("blocked", "wrist_flex")
    operator.until(following, target)
    operator.cycles(1.0, target)
    assert abs(emulated.positions()[3] - target[3]) < 0.08
    assert operator.driver.values()["recoveries"] == "1"


def test_a_gripper_that_grips_for_long_is_no_fault(emulated):
    operator = started(emulated)
    emulated.happen("blocked", "gripper")
    target = HOME_POSE_RAD + np.array([0, 0, 0, 0, 0, 1.0])
    cycles = operator.cycles(6.0, target)
    assert all(following(cycle) for cycle in cycles[1:])
    assert emulated.servo("gripper").motor.status == reg.Status.OVERLOAD
    assert operator.driver.faults.warnings() == [
        "gripper: the servo limits its force, it has been gripping for long"
    ]


def test_heat_is_warned_of_then_refused_then_over(emulated):
    operator = started(emulated)
    motor = emulated.servo("shoulder_lift").motor
    motor.temperature_c = 62.0
    operator.cycles(1.0, TARGET)
    assert following(operator.cycle(TARGET))
    assert operator.driver.faults.warnings() == ["shoulder_lift: 62 degC"]
    motor.temperature_c = 69.0
    operator.until(lambda cycle: cycle.hold and "shoulder_lift: 69 degC" in cycle.hold, TARGET)
    motor.temperature_c = 64.0
    operator.cycles(1.5, TARGET)
    assert operator.cycle(TARGET).hold is not None, "not yet cool"
    motor.temperature_c = 50.0
    operator.until(following, TARGET)
    is_smooth(operator.sent)


@pytest.mark.parametrize("volts", [3.6, 12.1])
def test_a_wrong_supply_is_warned_of_then_refused_then_over(emulated, volts):
    operator = started(emulated)
    emulated.happen("supply", None, volts)
    operator.cycles(0.4, TARGET)
    assert "V is outside the servo's limits" in operator.driver.faults.warnings()[0]
    assert following(operator.cycle(TARGET)), "a moment of it is no fault"
    cycle = operator.until(lambda cycle: cycle.hold is not None, TARGET)
    assert "outside the servo's limits: is it the right power supply?" in cycle.hold
    emulated.end("supply")
    operator.until(following, TARGET)
