"""The driver's behaviour, one control period after the other, against the emulated arm."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES
from so101_driver import registers as reg
from so101_driver.emulator.faults import FaultScript
from so101_driver.request_queue import RefusedError

from tests.so101_driver.emulated_arm import (
    TARGET,
    EmulatedArm,
    ask,
    following,
    is_smooth,
    started,
)


@pytest.fixture
def emulated() -> EmulatedArm:
    return EmulatedArm()


def test_it_starts_with_torque_and_without_motion(emulated):
    operator = started(emulated)
    cycles = operator.cycles(0.5)
    assert {cycle.hold for cycle in cycles} == {"no command yet"}
    assert np.abs(np.array(operator.sent) - HOME_POSE_RAD).max() < 0.03
    assert np.ptp(np.array(operator.sent), axis=0).max() == 0.0
    assert [servo.memory[reg.TORQUE_ENABLE] for servo in emulated.servos] == [1] * 6
    assert operator.driver.torque
    assert operator.texts("info") == "connected to six servos"


def test_it_follows_commands_within_the_limits(emulated):
    operator = started(emulated)
    cycle = operator.cycles(3.0, TARGET)[-1]
    assert following(cycle)
    assert np.allclose(operator.sent[-1], TARGET)
    assert np.abs(cycle.state.position_rad - TARGET).max() < 0.12
    assert np.abs(np.diff(np.array(operator.sent), n=2, axis=0) * 1e4).max() <= 40.0 + 1e-6
    is_smooth(operator.sent)


def test_the_usual_delay_of_usb_changes_nothing():
    operator = started(EmulatedArm(latency_s=0.002))
    assert all(following(cycle) for cycle in operator.cycles(1.0, TARGET)[1:])
    assert operator.driver.arm.bus.counters.retries == 0


def test_without_commands_it_holds(emulated):
    operator = started(emulated)
    operator.cycles(0.3, TARGET)
    cycle = operator.cycles(0.5)[-1]
    assert cycle.hold == "no command for 20 control periods"
    assert np.array_equal(operator.sent[-1], operator.sent[-5])
    is_smooth(operator.sent)


def test_the_estop_holds_with_torque_and_survives_a_lost_port(emulated):
    operator = started(emulated)
    operator.cycles(0.3, TARGET)
    operator.driver.estop(True)
    assert operator.cycles(0.5, TARGET)[-1].hold == "e-stop engaged"
    emulated.happen("port_gone")
    operator.cycles(0.2, TARGET)
    emulated.end("port_gone")
    operator.until(lambda cycle: cycle.applied is not None, TARGET)
    held = operator.sent[-1]
    assert operator.cycles(0.5, TARGET)[-1].hold == "e-stop engaged"
    assert np.array_equal(operator.sent[-1], held)
    operator.driver.estop(False)
    operator.until(following, TARGET)
    is_smooth(operator.sent)


# -- faults on the bus ---------------------------------------------------------------------------


def test_single_lost_replies_are_asked_for_again_in_the_same_period():
    emulated = EmulatedArm(faults=FaultScript(seed=2, rates={"lost": 0.03}))
    operator = started(emulated)
    cycles = operator.cycles(5.0, TARGET)
    assert sum(cycle.state is None for cycle in cycles) <= 3
    counters = operator.driver.arm.bus.counters
    assert counters.retries > 50
    is_smooth(operator.sent)


def test_a_silent_servo_is_named_and_the_arm_holds_until_it_is_back(emulated):
    operator = started(emulated)
    operator.cycles(0.3, TARGET)
    emulated.wire.faults.set_rates({"unheard": 1.0})
    cycle = operator.cycles(0.3, TARGET)[-1]
    assert cycle == (None, None, cycle.hold)
    assert cycle.hold.startswith("no reply from servo 1 (shoulder_pan), servo 2")
    assert "command refused: no reply" in operator.driver.command(JOINT_NAMES, TARGET, 0)
    emulated.wire.faults.set_rates({})
    operator.until(following, TARGET)
    assert "the servos answer again" in operator.texts("info")
    is_smooth(operator.sent)


def test_a_servo_that_lost_its_power_is_named_and_recovered_by_request(emulated):
    operator = started(emulated)
    operator.cycles(1.0, TARGET)
    emulated.happen("dead", "elbow_flex")
    operator.until(lambda cycle: cycle.state is None, TARGET)
    assert "servo 3 (elbow_flex)" in operator.cycles(0.2, TARGET)[-1].hold
    emulated.end("dead", "elbow_flex")
    text = "elbow_flex: torque is off though it was switched on: did its power fail?"
    operator.until(lambda cycle: cycle.hold == text, TARGET)
    operator.cycles(3.0, TARGET)
    assert operator.cycle(TARGET).hold == text, "not without being asked"
    answer = operator.driver.request_recovery()
    operator.cycle()
    assert answer.result(0) == "recovered: elbow_flex"
    operator.until(following, TARGET)
    assert emulated.servo("elbow_flex").memory[reg.ACCELERATION] == 254, "configured again"
    with pytest.raises(RefusedError, match="no latched fault"):
        ask(operator, operator.driver.request_recovery)


def test_a_port_that_is_gone_comes_back_without_motion(emulated):
    operator = started(emulated)
    operator.cycles(1.0, TARGET)
    before = operator.sent[-1]
    emulated.happen("port_gone")
    cycle = operator.cycles(3.0, TARGET)[-1]
    assert cycle.state is None
    assert "gone" in cycle.hold
    emulated.end("port_gone")
    count = len(operator.sent)
    operator.until(lambda cycle: cycle.applied is not None)
    operator.cycles(0.5)
    assert np.abs(np.array(operator.sent[count:]) - before).max() < 0.002, "where its goals were"
    assert operator.cycle().hold == "no command yet"
    operator.until(following, TARGET)
    assert operator.driver.values()["disconnections"] == "1"


def test_commands_from_before_the_port_was_lost_are_refused(emulated):
    operator = started(emulated)
    stamp_ns = emulated.clock.now_ns()
    emulated.happen("port_gone")
    operator.cycles(0.3)
    emulated.end("port_gone")
    operator.until(lambda cycle: cycle.applied is not None)
    assert "before the last reset" in operator.driver.command(JOINT_NAMES, TARGET, stamp_ns)


# -- robustness ----------------------------------------------------------------------------------


def test_requests_and_commands_may_come_from_other_threads(emulated):
    operator = started(emulated)
    ending = threading.Event()
    failures: list[Exception] = []

    def hammer() -> None:
        try:
            while not ending.is_set():
                operator.driver.command(JOINT_NAMES, TARGET, 0)
                operator.driver.estop(False)
                operator.driver.values()
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=hammer)
    thread.start()
    operator.cycles(0.5)
    ending.set()
    thread.join()
    assert failures == []
    is_smooth(operator.sent)
