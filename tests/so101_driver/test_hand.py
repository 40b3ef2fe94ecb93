"""A hand on an emulated arm: it can be calibrated and played with as an arm on a table."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from act_core.robots.so101 import JOINTS
from so101_driver import registers as reg
from so101_driver.bus import Bus
from so101_driver.calibration import RAD_PER_COUNT, JointConversion
from so101_driver.emulator.arm import STOP_MARGIN_RAD, emulated_calibration
from so101_driver.emulator.expert_hand import ExpertHand
from so101_driver.emulator.hand import KEY_RAD, KeysHand, SweepHand, servos_for_a_hand
from so101_driver.emulator.pty_port import wait_for_port
from so101_driver.setup.calibrate import calibrate
from so101_driver.transport import SerialTransport

from tests.ros_rig import PATIENCE_S, wait_until
from tests.so101_driver.setup.arms import Person, Table

IDS = emulated_calibration().servo_ids


def table_with(make_hand) -> Table:
    servos = servos_for_a_hand()
    table = Table(servos)
    for servo in servos:
        servo.motor.joint.blocked = False
    table.wire.hand = make_hand(servos)
    return table


def pass_time(table: Table, seconds: float) -> None:
    for _ in range(round(seconds / 0.1)):
        table.clock.advance(0.1)
        table.wire.advance(table.clock.now_ns())


def switch_torque(bus: Bus, on: bool) -> None:
    for servo_id in IDS:
        bus.write(servo_id, reg.TORQUE_ENABLE, int(on))


def positions(table: Table) -> np.ndarray:
    return np.array([servo.motor.joint.position_rad for servo in table.servos])


def expert_hand(servos, say) -> ExpertHand:
    return ExpertHand(servos, lambda: "back and forth", lambda: None, say)


@pytest.mark.parametrize("hand", [SweepHand, expert_hand])
def test_an_arm_is_calibrated_by_the_hand_alone(hand):
    seen: list[str] = []
    table = table_with(lambda servos: hand(servos, seen.append))
    switch_torque(table.open(), False)
    waiting = {"MIDDLE": partial(pass_time, table, 3.0)}
    person = Person(waiting, [partial(pass_time, table, 0.5)] * 20)
    calibration = calibrate(table.open(), person)
    told = emulated_calibration()
    for name, joint in calibration.items():
        if name != "wrist_roll":
            wide = joint.range_max - joint.range_min
            limits = told[name].range_max - told[name].range_min
            stops = limits + 2 * STOP_MARGIN_RAD / RAD_PER_COUNT
            assert wide == pytest.approx(stops, abs=10), name  # to both stops
    assert "the hand: to the middle: there" in seen
    assert "the hand: from end to end" in seen
    assert seen[-1] == "the hand: back and forth"


def test_a_joint_with_torque_is_the_servos():
    table = table_with(SweepHand)
    bus = table.open()
    switch_torque(bus, False)
    pass_time(table, 1.0)
    moved = positions(table)
    pass_time(table, 0.5)
    assert (np.abs(positions(table) - moved) > 0.01).any(), "the hand plays with a limp arm"
    here = bus.sync_read(IDS, (reg.PRESENT_POSITION,)).values
    for servo_id in IDS:
        bus.write(servo_id, reg.GOAL_POSITION, here[servo_id][0])
    switch_torque(bus, True)
    held = positions(table)
    pass_time(table, 3.0)
    assert positions(table) == pytest.approx(held, abs=0.06), "it holds, but for its own weight"


def test_keys_move_limp_joints_one_by_one():
    typed: list[str] = []
    table = table_with(lambda servos: KeysHand(servos, lambda: typed.pop(0) if typed else ""))
    switch_torque(table.open(), False)
    pass_time(table, 0.5)
    before = positions(table)
    typed.append("qqd?x")
    pass_time(table, 0.5)
    assert positions(table) - before == pytest.approx([2 * KEY_RAD, 0, -KEY_RAD, 0, 0, 0], abs=1e-6)
    typed.append(" ")
    pass_time(table, 2.0)
    opened = positions(table)[-1]
    typed.append(" ")
    pass_time(table, 2.0)
    travel = JOINTS[-1].upper_rad - JOINTS[-1].lower_rad
    assert abs(positions(table)[-1] - opened) > 0.9 * travel


def begun(*arguments: str, **how) -> subprocess.Popen:
    code = "import sys; from so101_driver.emulator.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        **how,
    )


def test_the_keys_of_a_terminal_move_the_arm(tmp_path):
    """Bytes on the emulator's own terminal in, radians on its bus out."""
    terminal, of_emulator = pty.openpty()
    process = begun("--pty", str(tmp_path / "arm"), "--hand", "keys", stdin=of_emulator)
    try:
        assert wait_for_port(tmp_path / "arm", PATIENCE_S)
        bus = Bus(SerialTransport(str(tmp_path / "arm"), 1_000_000))
        conversion = JointConversion(emulated_calibration())

        def pan() -> float:
            reading = bus.sync_read(IDS, (reg.PRESENT_POSITION,)).values
            return float(conversion.to_rad([reading[i][0] for i in IDS])[0])

        switch_torque(bus, False)
        before = pan()
        os.write(terminal, b"qqqq")
        wait_until(lambda: pan() - before > 3 * KEY_RAD, PATIENCE_S)
        bus.close()
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        os.close(terminal)
        os.close(of_emulator)


def test_an_unknown_hand_is_refused_with_the_nearest(tmp_path):
    process = begun("--pty", str(tmp_path / "arm"), "--hand", "exprt", stderr=subprocess.PIPE,
                    text=True)  # fmt: skip
    said = process.communicate(timeout=PATIENCE_S)[1]
    assert "unknown hand 'exprt'; did you mean 'expert'? known: expert, keys, sweep" in said
    assert process.returncode == 2


def test_keys_without_a_terminal_are_refused(tmp_path):
    process = begun("--pty", str(tmp_path / "arm"), "--hand", "keys", stdin=subprocess.DEVNULL,
                    stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert "there is none: --hand sweep" in process.communicate(timeout=PATIENCE_S)[1]
    assert process.returncode == 2
