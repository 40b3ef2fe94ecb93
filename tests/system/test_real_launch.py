"""`ros2 launch act_bringup real_so101.launch.py` as a user types it, on emulated hardware."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from act_core.policy_spec import ActionOutput, JointInput, StartRange
from act_core.robots.so101 import JOINT_NAMES
from act_sim.simulation import Simulation
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.pty_port import PtyPort

from tests.act_policy.policies import make_bundle
from tests.launches import alive, finish, launch, pids_of
from tests.ros_rig import PATIENCE_S, ros_arguments

FAR_FROM_REST_RAD = [0.0, 1.6, 0.0, 0.0, 0.0, 0.0]  # 3.3 rad of the shoulder
SERVO_PRIORITY = 60  # above the driver's own: servos do not wait for a processor
SMALL = ("width:=64", "height:=48", "camera_rate_hz:=10.0")


def start(*arguments: str) -> subprocess.Popen:
    return launch("real_so101.launch.py", *arguments)


def read_until(process: subprocess.Popen, *texts: str, timeout_s: float = PATIENCE_S) -> str:
    """The output up to where all ``texts`` have appeared."""
    killer = threading.Timer(timeout_s, os.killpg, (process.pid, signal.SIGKILL))
    killer.start()
    lines = ""
    try:
        while missing := {text for text in texts if text not in lines}:
            line = process.stdout.readline()
            assert line, f"ended, or took longer than {timeout_s} s, without {missing}:\n{lines}"
            lines += line
    finally:
        killer.cancel()
    return lines


@pytest.fixture
def arm(tmp_path) -> list[str]:
    """Arguments for an emulated arm on a port."""
    calibration = tmp_path / "arm.json"
    emulated_calibration().save(calibration)
    servos = emulated_servos(FAR_FROM_REST_RAD)
    for servo in servos:
        servo.motor.joint.load_nm = 0.0  # it stays up until torque is on
    with PtyPort(EmulatedBus(servos), tmp_path / "arm", SERVO_PRIORITY):
        yield [f"port:={tmp_path / 'arm'}", f"calibration:={calibration}"]


def test_arm_and_cameras_and_an_end_at_rest(arm):
    process = start(
        *arm, "cameras:=front=synthetic,wrist=/dev/video99", "max_velocity_rad_s:=0.3", *SMALL
    )
    output = read_until(
        process,
        "connected to six servos",
        "camera front: synthetic pattern, 64x48 at 10 Hz",
        "camera wrist: there is no /dev/video99",  # and the launch goes on
    )
    process.send_signal(signal.SIGINT)
    output += finish(process)
    # Slower than the ten seconds after which `ros2 launch` would kill it.
    assert "the arm is at rest; torque is off" in output, output
    assert len(pids_of(output)) == 3
    assert not any(alive(pid) for pid in pids_of(output))


def test_emulated_hardware_moves_the_simulated_arm():
    process = start("hardware:=emulated", "policy:=none", "task:=reach", *SMALL)
    output = read_until(process, "connected to six servos", "holding: no command yet")
    arguments = ros_arguments(position="[0.2, -0.8, 0.8, 0.8, 0.2, 0.5]", timeout_s=PATIENCE_S)
    move = subprocess.run(
        ["ros2", "run", "so101_driver", "move_node", *arguments],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert move.returncode == 0, move.stderr
    assert "there; the furthest joint is 0." in move.stderr + move.stdout
    process.send_signal(signal.SIGINT)
    output += finish(process)
    assert "[act_sim]: following" in output, "through the bus, not beside it"
    # A good run has neither warnings nor errors; late replies are a loaded computer's.
    loud = [line for line in output.splitlines() if "[WARN]" in line or "[ERROR]" in line]
    ours = [line for line in loud if "so101_" in line or "[launch]" in line]
    late = ("no reply from", "no valid reply from", "too late", "does not answer")
    assert any(text in output for text in late) or ours == []
    assert not any(alive(pid) for pid in pids_of(output))


def test_show_args_lists_every_argument():
    output = finish(start("--show-args"))
    for name in ("hardware", "port", "baud", "calibration", "cameras", "policy", "start_within_rad",
                 "max_velocity_rad_s", "exit_policy", "leader_port"):  # fmt: skip
        assert f"'{name}':" in output


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (["cameras:=front"], ["cameras: 'front', expected name=device"]),
        (["cameras:=a=synthetic,a=synthetic"], ["cameras: 'a' is named twice"]),
        (["cameras:=a=topic:/b c"], ["cameras: 'a=topic:/b c', expected e.g. a=topic:/usb_cam/"]),
        (["policy:=/no/bundle"], ["policy:=/no/bundle", "expected none or the folder"]),
        (["hardware:=emulatd"], ["hardware", "real", "emulated"]),
        (["hardware:=emulated", "cameras:=a=synthetic"], ["the simulation has them; omit it"]),
        (["robot:=so_arm10"], ["robot:=so_arm10: unknown robot", "did you mean 'so_arm100'"]),
        (["calibration:=/no/file.json"], ["no calibration can be read from /no/file.json"]),
    ],
)
def test_what_cannot_be_is_said_and_ends_the_launch(arguments, texts):
    process = start(*arguments)
    output = finish(process)
    for text in texts:
        assert text in output
    for noise in ("Caught exception", "Traceback", "OpenGL_accelerate"):
        assert noise not in output
    assert not any(alive(pid) for pid in pids_of(output))


def so101_bundle(folder: Path, start: np.ndarray) -> Path:
    """A policy for this arm that moves all joints on, from where they are."""
    joints = JointInput("joint_position", JOINT_NAMES)
    range_ = StartRange(tuple(start), tuple(start))
    output = ActionOutput("action", JOINT_NAMES)
    return make_bundle(folder, joint_input=joints, output=output, start=range_).folder


def simulated_start() -> np.ndarray:
    sim = Simulation("reach", control_hz=100)
    sim.reset(0)
    return sim.joint_position


def test_a_policy_acts_through_the_bus_from_its_start(tmp_path):
    bundle = so101_bundle(tmp_path / "toy", simulated_start())
    process = start("hardware:=emulated", "task:=reach", f"policy:={bundle}", *SMALL)
    read_until(
        process,
        "enabled at the start: acting",
        "[so101_driver]: following",
        "[act_sim]: following",
    )
    process.send_signal(signal.SIGINT)
    finish(process)


def test_a_policy_is_not_enabled_far_from_its_start(tmp_path):
    bundle = so101_bundle(tmp_path / "toy", simulated_start() + 0.6)
    process = start("hardware:=emulated", "task:=reach", f"policy:={bundle}", *SMALL)
    output = read_until(process, "enabled at the start: refused: too far from where the policy's")
    process.send_signal(signal.SIGINT)
    output += finish(process)
    assert "[act_sim]: following" not in output


def test_a_policy_whose_camera_is_not_there_is_refused(tmp_path):
    bundle = make_bundle(tmp_path / "toy").folder
    output = finish(start(f"policy:={bundle}", "cameras:=top=synthetic"))
    assert "the policy sees with front, but there is no front in cameras:=top=synthetic" in output


def test_a_policy_sees_with_the_topic_of_another_driver(arm, tmp_path):
    bundle = make_bundle(
        tmp_path / "toy",
        joint_input=JointInput("joint_position", JOINT_NAMES),
        output=ActionOutput("action", JOINT_NAMES),
    ).folder
    process = start(*arm, f"policy:={bundle}", "cameras:=front=topic:/usb_cam/image_raw", *SMALL)
    output = read_until(
        process, f"who drives: policy 'toy' in {bundle}", "[act_policy]: policy 'toy'"
    )
    info = subprocess.run(
        ["ros2", "topic", "info", "--spin-time", "60", "/usb_cam/image_raw"],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    process.send_signal(signal.SIGINT)
    output += finish(process)
    assert "Subscription count: 1" in info.stdout, info.stderr + output
    assert len(pids_of(output)) == 2, "the driver and the policy; no camera"


def test_beside_a_policy_a_leader_waits_for_its_person_s_sign(arm, tmp_path):
    bundle = so101_bundle(tmp_path / "toy", simulated_start())
    calibration = next(entry.partition(":=")[2] for entry in arm if entry.startswith("calib"))
    process = start(
        *arm, f"policy:={bundle}", "cameras:=front=synthetic", f"leader_port:={tmp_path}/none",
        f"leader_calibration:={calibration}", *SMALL,
    )  # fmt: skip
    output = read_until(process, "[leader]: not enabled; close its gripper twice")
    assert f"who drives: policy 'toy' in {bundle}" in output
    process.send_signal(signal.SIGINT)
    finish(process)
