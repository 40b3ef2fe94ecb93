"""A task of two arms through collecting, training, export, evaluation and LeRobot's format."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="MuJoCo is not installed")

from act_core.errors import ConfigurationError
from act_core.policy_json import read_spec
from act_core.robots.so101 import SO101
from act_core.robots.so101_bimanual import SO101_BIMANUAL
from act_policy.load_policy import load_policy
from act_training.collect import CollectOptions, _try_environment
from act_training.datasets.episode_file import episode_path, read_episode, write_episode
from act_training.datasets.errors import DatasetError
from act_training.demonstrate import record_episode
from act_training.environments.so101 import So101
from act_training.export import ExportOptions, export
from act_training.export_lerobot import ExportLerobotOptions, export_lerobot
from act_training.import_dataset import ImportOptions, import_source
from act_training.rollout import Condition, check_fit, run_episode
from act_training.train import TrainOptions, train
from act_training.trainable_policy import get_preset

ONE_ARM = Path(__file__).resolve().parents[2] / "policies/so101_pick_place"
NAMES = SO101_BIMANUAL.joint_names
CAMERAS = ("front", "left_wrist", "right_wrist")


@pytest.fixture(scope="module")
def env() -> So101:
    environment = So101("transfer_cube", height=24, width=32, render_height=48)
    environment.max_steps = 15  # twelve joints are shown, not the whole task
    yield environment
    environment.close()


@pytest.fixture(scope="module")
def data(env, tmp_path_factory) -> Path:
    """The first half second of two demonstrations."""
    folder = tmp_path_factory.mktemp("data")
    for seed in range(2):
        write_episode(episode_path(folder, seed), record_episode(env, seed, noise=1.0))
    return folder


def test_features(env):
    assert env.features.joints == env.features.actions == NAMES
    assert env.features.camera_names == CAMERAS
    assert env.noise_scale.tolist() == ([0.02] * 5 + [0.0]) * 2
    assert env.placement_names == ("cube_0", "cube_1", "cube_yaw", "bowl_0", "bowl_1")


def test_both_arms_are_shown(data):
    moved = np.ptp(read_episode(episode_path(data, 0)).actions, axis=0)
    assert (moved[:5] > 0.05).any()
    assert (moved[6:11] > 0.05).any()


def test_collecting_at_a_level_that_the_expert_does_not_master_warns(tmp_path, caplog):
    options = CollectOptions("so101/transfer_cube", tmp_path, cameras=(), level=3)
    _try_environment(options)
    assert "level 3: the scripted expert of transfer_cube masters levels 0 to 2" in caplog.text


def test_a_policy_is_trained_exported_and_runs(env, data, tmp_path):
    debug = get_preset("debug")
    training = dataclasses.replace(debug.training, precision="fp32")
    run, bundle = tmp_path / "run", tmp_path / "bundle"
    train(TrainOptions(data=(data,), out=run, model=debug.model, training=training))
    export(ExportOptions(checkpoint=run, out=bundle, fast=False))
    policy = load_policy(bundle, engine="cpu", variant="fp32", threads=1)
    assert policy.parity.max_difference <= 1e-4
    assert policy.spec.output.joints == NAMES
    assert tuple(policy.spec.cameras) == CAMERAS
    check_fit(policy.spec, env)
    result = run_episode(env, policy, Condition(policy.spec.execution), 100_000)
    assert (result.steps, result.failure) == (15, None)
    assert result.inferences > 10
    one_arm = So101("reach", cameras=("front",), height=24, width=32, render_height=48)
    with pytest.raises(
        ConfigurationError, match=refusal(policy.spec.name, NAMES, SO101.joint_names)
    ):
        check_fit(policy.spec, one_arm)
    one_arm.close()


def test_a_policy_of_one_arm_is_refused_with_both_lists(env):
    spec = read_spec(ONE_ARM)
    with pytest.raises(ConfigurationError, match=refusal(spec.name, SO101.joint_names, NAMES)):
        check_fit(spec, env)


def refusal(name: str, ours: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    return f"joints of policy '{name}' are {', '.join(ours)}, but .* has {', '.join(theirs)}"


def test_lerobots_names_of_two_arms_and_back(data, tmp_path):
    out = tmp_path / "lerobot"
    export_lerobot(ExportLerobotOptions(data, out))
    info = json.loads((out / "meta/info.json").read_text())
    assert info["robot_type"] == "bi_so_follower"
    for key in ("action", "observation.state"):
        assert info["features"][key]["names"] == [f"{name}.pos" for name in NAMES]
    assert {f"observation.images.{name}" for name in CAMERAS} < set(info["features"])
    import_source(ImportOptions("lerobot", str(out), tmp_path / "back"))
    before, after = (read_episode(episode_path(f, 0)) for f in (data, tmp_path / "back"))
    assert after.features.joints == after.features.actions == NAMES
    np.testing.assert_allclose(after.actions, before.actions, atol=1e-4)


def test_a_calibration_of_one_arm_is_refused_for_two(data, tmp_path):
    with pytest.raises(DatasetError, match="a calibration is of one arm, and this dataset is of"):
        export_lerobot(ExportLerobotOptions(data, tmp_path / "out", calibration="mine"))
