"""The process that sees to the torque when the driver has died: real processes, a real port."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import textwrap

import pytest
from act_core.robots.so101 import REST_POSE_RAD, SO101_LIMITS
from act_core.timing import FakeClock
from so101_driver import torque_guard
from so101_driver.arm import So101Arm
from so101_driver.bus import Bus
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.faults import FaultEvent
from so101_driver.emulator.pty_port import PtyPort
from so101_driver.torque_guard import TorqueGuard
from so101_driver.transport import SerialTransport

from tests.ros_rig import PATIENCE_S, wait_until
from tests.so101_driver.emulated_arm import torques

DRIVER = """
    import sys, time
    from pathlib import Path
    from act_core.robots.so101 import SO101_LIMITS
    from so101_driver.arm import So101Arm
    from so101_driver.bus import Bus
    from so101_driver.calibration import load
    from so101_driver.torque_guard import TorqueGuard
    from so101_driver.transport import SerialTransport

    port, calibration, policy, end = sys.argv[1:]
    guard = TorqueGuard(port, 1_000_000, Path(calibration), SO101_LIMITS)
    guard.expect(policy)
    arm = So101Arm(Bus(SerialTransport(port), reply_slack_s=60.0), load(Path(calibration)))
    arm.enable_torque()
    print("holding", flush=True)
    if end == "orderly":
        arm.bus.close()
        guard.dismiss()
        sys.exit(0)
    time.sleep(600)
"""


@pytest.fixture
def emulator(tmp_path):
    emulated_calibration().save(tmp_path / "calibration.json")
    # At rest: holding costs nothing, and the rest pose is near.
    bus = EmulatedBus(emulated_servos(REST_POSE_RAD))
    with PtyPort(bus, tmp_path / "arm") as port:
        yield port


def driver_process(emulator: PtyPort, policy: str, end: str) -> subprocess.Popen:
    folder = emulator.path.parent
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(DRIVER), str(emulator.path),
         str(folder / "calibration.json"), policy, end],
        stdout=subprocess.PIPE, env={"PYTHONPATH": ":".join(sys.path)}, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "holding\n"
    return process


@pytest.mark.parametrize("policy", ["release", "rest"])
def test_after_sigkill_the_guard_sees_to_the_torque(emulator, policy):
    process = driver_process(emulator, policy, "killed")
    assert torques(emulator.bus.servos) == [1] * 6
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE_S)
    wait_until(lambda: torques(emulator.bus.servos) == [0] * 6)


def test_a_bus_that_is_behind_is_told_again(emulator):
    """The servos hear nothing for a while: a release that nobody confirmed is sent once more."""
    process = driver_process(emulator, "release", "killed")
    for servo_id in range(1, 7):
        emulator.bus.happen(FaultEvent(0.0, "silent", servo=servo_id))
    heard = []
    write = emulator.bus._sync_write
    emulator.bus._sync_write = lambda packet: (heard.append(packet), write(packet))
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE_S)
    wait_until(lambda: len(heard) > 1)  # torque off, in vain
    assert torques(emulator.bus.servos) == [1] * 6
    for servo_id in range(1, 7):
        emulator.bus.happen(FaultEvent(0.0, "silent", servo=servo_id, value=0.0))
    wait_until(lambda: torques(emulator.bus.servos) == [0] * 6)


def test_after_an_orderly_end_the_guard_does_nothing(emulator):
    process = driver_process(emulator, "release", "orderly")
    assert process.wait(PATIENCE_S) == 0, "dismiss() has waited for the guard's end"
    assert torques(emulator.bus.servos) == [1] * 6


@pytest.mark.parametrize(
    ("told", "policy"),
    [(b"release\nhold\nrest\n", "rest"), (b"rest\nrelease\n", "release"), (b"rest\nhold\n", None),
     (b"", None)],
)  # fmt: skip
def test_the_guard_does_what_it_was_told_last_within_the_driver_s_limits(monkeypatch, told, policy):
    done = []
    monkeypatch.setattr(torque_guard.signal, "signal", lambda *_: None)
    monkeypatch.setattr(torque_guard, "guard", lambda *args: done.append(args) or "done")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(told)))
    speeds = ["0.5", "0.4", "0.3", "0.2", "0.1", "0.6"]
    line = ["--port", "p", "--baud", "1000000", "--calibration", "c"]
    assert torque_guard.main([*line, "--velocity", *speeds, "--acceleration", *speeds]) == 0
    assert [given[3] for given in done] == ([] if policy is None else [policy])
    for *_, limits in done:
        assert limits.max_velocity_rad_s.tolist() == [float(speed) for speed in speeds]


def test_a_guard_that_is_killed_is_replaced_and_knows_what_to_do(emulator):
    guard = TorqueGuard(str(emulator.path), 1_000_000, emulator.path.parent / "calibration.json",
                        SO101_LIMITS)  # fmt: skip
    arm = So101Arm(Bus(SerialTransport(str(emulator.path)), reply_slack_s=PATIENCE_S),
                   emulated_calibration())  # fmt: skip
    arm.enable_torque()
    guard.expect("release")
    assert guard.tend() is None
    guard._process.kill()
    wait_until(lambda: not guard.is_alive)
    assert guard.tend() == "the torque guard was killed (signal 9): another one stands by"
    assert guard.is_alive
    assert guard.tend() is None
    arm.bus.close()
    guard.leave()  # the driver dies
    wait_until(lambda: torques(emulator.bus.servos) == [0] * 6)
    assert guard.tend() is None, "nobody wants another one"


def test_a_guard_that_is_killed_again_and_again_comes_back_with_growing_pauses(tmp_path):
    clock = FakeClock()
    guard = TorqueGuard("port", 1_000_000, tmp_path / "calibration.json", SO101_LIMITS, clock)
    said, starts_s = [], []
    for _ in range(200):  # 20 s
        if guard.is_alive:
            starts_s.append(round(clock.now_ns() / 1e9, 1))
            guard._process.kill()
            guard._process.wait()
        if text := guard.tend():
            said.append(text.removeprefix("the torque guard was killed (signal 9): "))
        clock.advance(0.1)
    guard.dismiss()
    assert starts_s == [0.0, 0.1, 1.2, 3.3, 7.4, 15.5]
    another = "another one stands by"
    assert said[:4] == [another, "another one starts in 1 s", another, "another one starts in 2 s"]
    assert len(said) == 10, "two lines for each, however often it is looked at"
