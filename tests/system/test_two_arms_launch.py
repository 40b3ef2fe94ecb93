"""`real_so101.launch.py arms:=2` as a user types it, on emulated buses."""

from __future__ import annotations

import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from act_core.robots import find_robot
from so101_driver import registers as reg
from so101_driver.calibration import Calibration
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.pty_port import PtyPort

from tests.launches import finish, launch, pids_of
from tests.ros_rig import PATIENCE_S
from tests.system.test_real_launch import SERVO_PRIORITY, read_until

SMALL = ("width:=64", "height:=48", "camera_rate_hz:=10.0")
BOTH = find_robot("so101_bimanual")


def start(*arguments: str) -> subprocess.Popen:
    return launch("real_so101.launch.py", "arms:=2", *arguments)


def shifted(calibration: Calibration, counts: int) -> Calibration:
    """Of another arm: its horns are mounted otherwise."""
    return Calibration(
        {
            name: replace(joint, homing_offset=joint.homing_offset + counts)
            for name, joint in calibration.joints.items()
        }
    )


@pytest.fixture
def arms(tmp_path):
    """Launch arguments of two emulated arms, each with its own calibration."""
    arguments = {}
    for side, counts in (("left", 0), ("right", 20)):
        calibration, servos = shifted(emulated_calibration(), counts), emulated_servos()
        calibration.save(tmp_path / f"{side}.json")
        for servo in servos:
            servo.memory[reg.HOMING_OFFSET] += counts
        arguments[f"{side}_calibration"] = tmp_path / f"{side}.json"
        arguments[f"{side}_port"] = tmp_path / side
        port = PtyPort(EmulatedBus(servos), tmp_path / side, SERVO_PRIORITY)
        port.__enter__()
        arguments.setdefault("ports", []).append(port)
    ports = arguments.pop("ports")
    yield arguments
    for port in ports:
        port.__exit__(None, None, None)


def typed(arguments: dict[str, object]) -> list[str]:
    return [f"{name}:={value}" for name, value in arguments.items()]


def test_two_simulated_arms_behind_two_buses_in_a_namespace(tmp_path):
    process = start("hardware:=emulated", "task:=reach", "namespace:=robot1", *SMALL)
    output = read_until(
        process,
        "[robot1.left.so101_driver]: connected to six servos",
        "[robot1.right.so101_driver]: connected to six servos",
        "the left arm can move",
        "the right arm can move",
    )
    target = ", ".join(str(value) for value in np.round(BOTH.pose("home") + 0.1, 3))
    names = ", ".join(BOTH.joint_names)
    sender = subprocess.Popen(
        ["ros2", "topic", "pub", "--rate", "50", "/robot1/joint_commands",
         "sensor_msgs/msg/JointState", f"{{name: [{names}], position: [{target}]}}"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    output += read_until(
        process, "[robot1.left.so101_driver]: following", "[robot1.right.so101_driver]: following"
    )
    stop = subprocess.run(
        ["ros2", "service", "call", "/robot1/estop", "std_srvs/srv/SetBool", "{data: true}"],
        capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert "e-stop engaged" in stop.stdout, stop
    output += read_until(
        process,
        "[robot1.left.so101_driver]: holding: e-stop engaged",
        "[robot1.right.so101_driver]: holding: e-stop engaged",
    )
    sender.send_signal(signal.SIGINT)
    sender.wait(PATIENCE_S)
    process.send_signal(signal.SIGINT)
    output += finish(process)
    assert len(pids_of(output)) == 5


def test_swapped_ports_are_found_by_the_calibration(arms):
    left, right = arms["left_port"], arms["right_port"]
    process = start(*typed({**arms, "left_port": right, "right_port": left}), "exit_policy:=hold")
    output = read_until(process, "left.so101_driver]: the servos hold another calibration",
                        "right.so101_driver]: the servos hold another calibration")  # fmt: skip
    process.send_signal(signal.SIGINT)
    output += finish(process)
    assert "connected to six servos" not in output


def test_one_arm_that_is_missing_is_named_and_the_other_holds(arms):
    missing = {**arms, "right_port": Path(arms["right_port"]).with_name("nowhere")}
    process = start(*typed(missing), "exit_policy:=hold")
    output = read_until(process, "left.so101_driver]: connected to six servos")
    diagnostics = subprocess.run(
        ["ros2", "topic", "echo", "--once", "/diagnostics", "--filter",
         "'/left/' in m.status[0].name and 'the right arm: ' in str(m)"],
        capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    process.send_signal(signal.SIGINT)
    output += finish(process)
    assert "the right arm: " in diagnostics.stdout, diagnostics
