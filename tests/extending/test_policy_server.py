"""The example of a function that serves as a policy answers as its bundle asks for."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")

from act_core.policy_json import read_spec
from act_policy.chunk_wire import bundle_mark
from act_policy.inference_node import FunctionPolicy
from act_policy.observation import Observation

from examples.policy_server import wave
from tests.act_policy.policies import JOINTS, make_bundle
from tests.act_policy.test_policy_node import Robot

PATIENCE_S = 60.0
ROOT = Path(__file__).resolve().parents[2]


def test_it_answers_for_the_policy_that_ships():
    spec = read_spec(ROOT / "policies/so101_pick_place")
    images = {image.camera: np.zeros(image.shape, np.uint8) for image in spec.image_inputs}
    joints = np.linspace(-0.5, 0.5, 6, dtype=np.float32)
    chunk = FunctionPolicy(spec, wave).infer(Observation(7, joints, images)).chunk
    assert chunk.stamp_ns == 7
    np.testing.assert_allclose(chunk.rows[0], joints, atol=1e-6)
    assert chunk.rows[:, 0].max() > joints[0] + 0.15


def test_the_script_serves_its_chunks_to_a_robot(ros, spin_until, tmp_path):
    bundle = make_bundle(tmp_path / "toy", chunk_size=50).folder
    robot = Robot()
    patient = ("max_skew_s:=5.0", "max_joint_age_s:=30.0", "max_image_age_s:=30.0")
    words = [word for parameter in patient for word in ("-p", parameter)]
    server = subprocess.Popen(
        [sys.executable, ROOT / "examples/policy_server.py", bundle, "--ros-args", *words]
    )
    try:
        spin_until(lambda: robot.chunks, robot, timeout_s=PATIENCE_S)
        chunk = robot.chunks[-1]
        assert chunk.header.frame_id.startswith(f"bundle={bundle_mark(bundle)} ")
        assert chunk.joint_names == list(JOINTS)
        rows = np.array([point.positions for point in chunk.points])
        assert rows.shape == (50, 2)
        np.testing.assert_allclose(np.ptp(rows, axis=0), [0.4, 0.0], atol=2e-3)
    finally:
        server.send_signal(signal.SIGINT)
        code = server.wait(PATIENCE_S)
        robot.destroy_node()
    assert code == 0
