"""The example of a function that serves as a policy answers as its bundle asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="run `make setup`: rclpy is not installed")

from act_core.policy_json import read_spec
from act_policy.inference_node import FunctionPolicy
from act_policy.observation import Observation

from examples.policy_server import wave

ROOT = Path(__file__).resolve().parents[2]


def test_it_answers_for_the_policy_that_ships():
    spec = read_spec(ROOT / "policies/so101_pick_place")
    images = {image.camera: np.zeros(image.shape, np.uint8) for image in spec.image_inputs}
    joints = np.linspace(-0.5, 0.5, 6, dtype=np.float32)
    chunk = FunctionPolicy(spec, wave).infer(Observation(7, joints, images)).chunk
    assert chunk.stamp_ns == 7
    np.testing.assert_allclose(chunk.rows[0], joints, atol=1e-6)
    assert chunk.rows[:, 0].max() > joints[0] + 0.15
