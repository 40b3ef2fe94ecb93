"""What happens to the torque at the end, the bitter one included."""

from __future__ import annotations

import io
import itertools
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.so101 import HOME_POSE_RAD, REST_POSE_RAD, SO101_LIMITS
from act_core.timing import to_ns
from so101_driver import registers as reg
from so101_driver import torque_guard
from so101_driver.bus_errors import NoReplyError, PortError
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.faults import FaultScript
from so101_driver.emulator.pty_port import PtyPort
from so101_driver.exit_policy import REST_AT_MOST_S, carry_out

from tests.ros_rig import wait_until
from tests.so101_driver.emulated_arm import EmulatedArm, Operator


def torques(servos) -> list[int]:
    return [servo.memory[reg.TORQUE_ENABLE] for servo in servos]


def holding(position_rad=HOME_POSE_RAD, **arguments):
    emulated = EmulatedArm(position_rad, **arguments)
    arm = emulated.arm()
    arm.configure()
    arm.enable_torque()
    return emulated, arm


def test_hold_changes_nothing():
    emulated, arm = holding()
    assert carry_out("hold", arm, clock=emulated.clock) == "the servos hold their goals"
    assert torques(emulated.servos) == [1] * 6


def test_release_switches_off():
    emulated, arm = holding()
    assert carry_out("release", arm, clock=emulated.clock) == "torque is off"
    assert torques(emulated.servos) == [0] * 6


def test_rest_moves_slowly_to_the_rest_pose_first():
    emulated, arm = holding()
    goals: list[np.ndarray] = []
    write = arm.write_goals
    arm.write_goals = lambda position: (goals.append(np.array(position)), write(position))[1]
    start_ns = emulated.clock.now_ns()
    assert carry_out("rest", arm, clock=emulated.clock) == "the arm is at rest; torque is off"
    assert np.abs(emulated.positions() - REST_POSE_RAD).max() < 0.2
    assert np.abs(np.diff(np.array(goals), axis=0)).max() * 50 <= 0.4 * 4.0 + 1e-6
    assert emulated.clock.now_ns() - start_ns < to_ns(4.5)
    assert torques(emulated.servos) == [0] * 6


def test_with_lower_limits_rest_takes_longer_and_still_gets_there():
    emulated, arm = holding(position_rad=np.array([1.2, 0.6, -0.4, 0.0, 0.0, 0.5]))
    goals: list[np.ndarray] = []
    write = arm.write_goals
    arm.write_goals = lambda position: (goals.append(np.array(position)), write(position))[1]
    slow = replace(SO101_LIMITS, max_velocity_rad_s=np.full(6, 0.5))
    start_ns = emulated.clock.now_ns()
    assert carry_out("rest", arm, slow, emulated.clock) == "the arm is at rest; torque is off"
    assert emulated.clock.now_ns() - start_ns > to_ns(4.6), "2.3 rad at 0.5 rad/s"
    assert np.abs(np.diff(np.array(goals), axis=0)).max() * 50 <= 0.5 + 1e-6


def test_limits_that_are_too_low_end_in_a_release():
    emulated, arm = holding()
    slow = replace(SO101_LIMITS, max_velocity_rad_s=np.full(6, 0.02))
    start_ns = emulated.clock.now_ns()
    assert carry_out("rest", arm, slow, emulated.clock).startswith("the rest pose was not reached")
    assert emulated.clock.now_ns() - start_ns < to_ns(REST_AT_MOST_S + 1.0)
    assert torques(emulated.servos) == [0] * 6


@pytest.mark.parametrize("rad_s", [3.0, 0.5])
def test_an_arm_that_cannot_get_there_is_released_and_does_not_press_for_long(rad_s):
    emulated, arm = holding()
    emulated.happen("blocked", "shoulder_lift")
    start_ns = emulated.clock.now_ns()
    slow = replace(SO101_LIMITS, max_velocity_rad_s=np.full(6, rad_s))
    done = carry_out("rest", arm, slow, emulated.clock)
    if rad_s == 0.5:
        assert done.startswith("on the way to rest: shoulder_lift: does not reach -1.")
        assert "something is in its way; torque is off" in done
    else:  # there before it counts as a stall
        assert done.startswith("the rest pose was not reached (0.7")
    assert emulated.clock.now_ns() - start_ns < to_ns(2.5)
    assert torques(emulated.servos) == [0] * 6


def test_a_moment_of_silence_does_not_drop_the_arm():
    emulated, arm = holding()

    def silent_at_times(read):
        calls = itertools.count()

        def heard(*args):
            if next(calls) % 5 < 3:
                raise NoReplyError((3,), "read the joints")
            return read(*args)

        return heard

    arm.read_goals, arm.read_state = map(silent_at_times, (arm.read_goals, arm.read_state))
    assert carry_out("rest", arm, clock=emulated.clock) == "the arm is at rest; torque is off"


def test_a_bad_bus_does_not_keep_the_torque_on():
    emulated, arm = holding()
    emulated.wire.faults.set_rates({"lost": 0.2, "unheard": 0.1, "late": 0.1})
    for servo in emulated.servos[:3]:
        servo.memory[reg.P_COEFFICIENT] = 16
    carry_out("rest", arm, clock=emulated.clock)
    assert torques(emulated.servos) == [0] * 6


def test_who_does_not_answer_is_named():
    emulated, arm = holding()
    emulated.happen("dead", "gripper")
    done = carry_out("rest", arm, clock=emulated.clock)
    assert "read the goals: no valid reply from servo 6" in done
    assert done.endswith("torque off was sent, but gripper did not confirm it")
    assert torques(emulated.servos)[:5] == [0] * 5


def test_wrong_policies_and_lost_ports_are_errors():
    emulated, arm = holding()
    with pytest.raises(ConfigurationError, match="unknown exit policy 'relaese'; did you"):
        carry_out("relaese", arm)
    emulated.happen("port_gone")
    with pytest.raises(PortError):
        carry_out("release", arm, clock=emulated.clock)


@pytest.mark.parametrize(("policy", "torque"), [("hold", 1), ("release", 0), ("rest", 0)])
def test_the_driver_carries_it_out(policy, torque):
    emulated = EmulatedArm(HOME_POSE_RAD)
    operator = Operator(emulated, emulated.driver())
    operator.until(lambda cycle: cycle.applied is not None)
    ending = operator.driver.shut_down(policy)
    assert ending.done
    assert torques(emulated.servos) == [torque] * 6
    ending = operator.driver.shut_down(policy)
    assert ending.done == (policy == "hold")
    assert "not connected" in ending.text


def test_the_driver_says_when_it_could_not():
    emulated = EmulatedArm(HOME_POSE_RAD)
    operator = Operator(emulated, emulated.driver())
    operator.until(lambda cycle: cycle.applied is not None)
    emulated.happen("port_gone")
    ending = operator.driver.shut_down("rest")
    assert not ending.done
    assert "exit policy 'rest' failed: the emulated port is gone" in ending.text


def goals(servos) -> list[int]:
    return [servo.memory[reg.GOAL_POSITION] for servo in servos]


def test_an_arm_that_the_estop_holds_is_released_and_not_moved():
    emulated = EmulatedArm(HOME_POSE_RAD)
    operator = Operator(emulated, emulated.driver())
    operator.until(lambda cycle: cycle.applied is not None)
    operator.driver.estop(True)
    operator.cycles(0.2)
    before = goals(emulated.servos)
    assert operator.driver.ending("rest") == "release"
    ending = operator.driver.shut_down("rest")
    assert ending == (True, "not moved to rest, the e-stop is engaged; torque is off")
    assert goals(emulated.servos) == before
    assert torques(emulated.servos) == [0] * 6


def test_an_arm_that_was_never_driven_is_left_as_it_was_found():
    """Held by another program, and a joint past its limit: not ours to move, nor to drop."""
    emulated, _ = holding()
    shoulder = emulated.servo("shoulder_pan").motor.joint
    shoulder._upper, shoulder.position_rad, shoulder.blocked = 3.0, 2.2, True
    operator = Operator(emulated, emulated.driver())
    operator.cycles(0.5)
    before = goals(emulated.servos)
    assert operator.driver.ending("rest") == "hold"
    ending = operator.driver.shut_down("rest")
    assert ending == (True, "the arm was not driven: torque stays as it was found")
    assert (torques(emulated.servos), goals(emulated.servos)) == ([1] * 6, before)


# -- the guard: real processes, a real port ------------------------------------------------------

DRIVER = """
    import sys, time
    from pathlib import Path
    from act_core.so101 import SO101_LIMITS
    from so101_driver.arm import So101Arm
    from so101_driver.bus import Bus
    from so101_driver.calibration import load
    from so101_driver.torque_guard import TorqueGuard
    from so101_driver.transport import SerialTransport

    port, calibration, policy, end = sys.argv[1:]
    guard = TorqueGuard(port, 1_000_000, Path(calibration), SO101_LIMITS)
    guard.expect(policy)
    arm = So101Arm(Bus(SerialTransport(port), reply_slack_s=0.5), load(Path(calibration)))
    arm.enable_torque()
    print("holding", flush=True)
    if end == "orderly":
        arm.bus.close()
        guard.dismiss()
        sys.exit(0)
    time.sleep(60)
"""


@pytest.fixture
def emulator(tmp_path):
    emulated_calibration().save(tmp_path / "calibration.json")
    # At rest: holding costs nothing, and the rest pose is near.
    bus = EmulatedBus(emulated_servos(REST_POSE_RAD), faults=FaultScript())
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
    process.wait(10)
    wait_until(lambda: torques(emulator.bus.servos) == [0] * 6)


def test_after_an_orderly_end_the_guard_does_nothing(emulator):
    process = driver_process(emulator, "release", "orderly")
    assert process.wait(30) == 0, "dismiss() has waited for the guard's end"
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
