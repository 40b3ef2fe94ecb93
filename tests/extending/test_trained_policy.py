"""A policy from outside of the tree: one file, trained, exported and run, and nothing else."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from act_core.errors import ConfigurationError
from act_policy.inference_worker import VirtualWorker
from act_policy.load_policy import load_policy
from act_policy.policy_runner import PolicyRunner
from act_training.checkpoint import load_checkpoint
from act_training.config import TrainingConfig
from act_training.datasets.episode_file import Episode, episode_path, write_episode
from act_training.export import ExportOptions, export
from act_training.features import Camera, Features
from act_training.torch_policy import TorchPolicy
from act_training.train import TrainOptions, main, train
from act_training.trainable_policy import find_policy
from act_training.training_log import read_log

from tests.extending.document import example
from tests.ros_rig import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]
JOINTS, UNITS = ("base", "lift", "finger"), ("rad",) * 3
FEATURES = Features(JOINTS, UNITS, JOINTS, UNITS, (Camera("front", 16, 24),), 10.0)


@pytest.fixture
def glance(tmp_path) -> str:
    file = tmp_path / "glance.py"
    file.write_text(example("glance.py"))
    return f"{file}:Glance"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demonstrations")
    for seed in range(3):
        rng = np.random.default_rng(seed)
        joints = np.cumsum(rng.normal(0, 0.05, (30, 3)), axis=0).astype(np.float32)
        episode = Episode(
            features=FEATURES, task="toy", seed=seed, success=True, joints=joints,
            actions=joints + 0.01, stamps_ns=np.arange(30) * 100_000_000,
            images={"front": rng.integers(0, 256, (30, 16, 24, 3), dtype=np.uint8)},
            placement={"cube_x": float(seed)},
        )  # fmt: skip
        write_episode(episode_path(folder, seed), episode)
    return folder


def options(policy: str, data: Path, out: Path) -> TrainOptions:
    training = TrainingConfig(steps=4, batch_size=4, precision="fp32", log_every=1, save_every=2)
    return TrainOptions(data=(data,), out=out, policy=policy, training=training)


def test_it_is_trained_exported_and_run(glance, data, tmp_path):
    run, steps = tmp_path / "run", ["--training.steps", "60", "--training.lr", "1e-2"]
    main(["--policy", glance, "--model.width", "16", *steps, "--training.log-every", "20",
          "--training.precision", "fp32", "--data", str(data), "--out", str(run)])  # fmt: skip
    entries = [entry for entry in read_log(run) if "loss" in entry]
    assert set(entries[0]) == {"step", "loss", "l1", "decay", "lr", "grad_norm"}
    assert entries[-1]["l1"] < 0.8 * entries[0]["l1"]
    checkpoint = load_checkpoint(run)
    assert dataclasses.asdict(checkpoint.config.model) == {"chunk_size": 20, "width": 16}
    assert checkpoint.config.policy == "../glance.py:Glance", "as seen from the run: both may move"

    export(ExportOptions(run, tmp_path / "bundle", fast=False))
    policy = load_policy(tmp_path / "bundle")
    assert policy.parity.max_difference < 1e-4
    assert policy.spec.provenance["policy"] == "glance.py:Glance"
    seen = policy.bundle.parity_sample().observation(0)
    runner = PolicyRunner(policy.spec, VirtualWorker(policy))
    runner.start(0)
    runner.observe(seen, 0)
    position = runner.act(0).position
    trained = TorchPolicy(checkpoint.policy, policy.spec).infer(seen).chunk.rows[0]
    measured = seen.joint_position
    assert np.abs(position - trained).max() < 1e-3 or np.abs(position - measured).max() < 0.01


def test_a_stopped_run_goes_on(glance, data, tmp_path):
    whole = options(glance, data, tmp_path / "whole")
    halves = dataclasses.replace(whole, out=tmp_path / "halves")
    train(whole)
    train(dataclasses.replace(halves, stop_after=2))
    train(TrainOptions(resume=halves.out))
    first, second = (load_checkpoint(run.out).policy for run in (whole, halves))
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, second.state_dict()[name]), name


def test_the_file_of_a_policy_may_be_elsewhere_later(glance, data, tmp_path, monkeypatch):
    run = train(options(glance, data, tmp_path / "run"))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "glance.py").rename(tmp_path / "elsewhere" / "glance.py")
    run = run.rename(tmp_path / "elsewhere" / "run")
    assert load_checkpoint(run).step == 4, "both moved"
    (tmp_path / "elsewhere" / "glance.py").rename(tmp_path / "glance.py")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=r"there is no '../glance.py', neither from .*run"):
        load_checkpoint(run)


def test_weights_of_another_policy_are_refused(glance, data, tmp_path):
    run = train(options(glance, data, tmp_path / "run"))
    other = dataclasses.replace(options("act", data, tmp_path / "act"), weights=run)
    with pytest.raises(ConfigurationError, match=r"another model: policy .*Glance \(here act\)"):
        train(other)


def test_an_installed_package_offers_it_by_name(tmp_path, monkeypatch):
    info = tmp_path / "glancing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: glancing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[act_training.policies]\nglance = glancing:Glance\n")
    (tmp_path / "glancing.py").write_text(example("glance.py"))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_policy("glance").__module__ == "glancing"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("atc", "unknown policy 'atc'; did you mean 'act'\\? known: act.*; one of your own: "
                "package.module:Name or file.py:Name, see act_training.trainable_policy"),
        ("nowhere.at_all:Mine", "cannot import 'nowhere.at_all'"),
        ("/nowhere/mine.py:Mine", "cannot import '/nowhere/mine.py': .*No such file"),
        ("builtins:dict", "is no subclass of act_training.trainable_policy.TrainablePolicy"),
    ],
)  # fmt: skip
def test_what_is_no_policy(name, said, data, tmp_path):
    with pytest.raises(ConfigurationError, match=said):
        train(options(name, data, tmp_path / "run"))
    with pytest.raises(SystemExit, match=said):
        main(["--policy", name, "--data", str(data), "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("def chunk(", "def plan(", r"glance:Glance lacks chunk\(\)"),
        ("def losses(", "def loss(", r"glance:Glance lacks losses\(\)"),
        ("class Config:", "class Choices:", "lacks Config, a frozen dataclass"),
        ("@dataclass(frozen=True)", "@dataclass", "has a Config that is not frozen"),
        ("chunk_size: int = 20", "rows: int = 20", "has a Config without chunk_size"),
        ("width: int = 64", "width: int", "cannot import .*non-default|has no default"),
        ("features, statistics=None", "features, seed, *, statistics", "its __init__ refuses: "),
        ('"loss": l1', '"total": l1', r"losses\(\) gave a dictionary with total, l1, decay, expec"),
        ('return {"loss": l1 + 1e-5 * decay, "l1": l1, "decay": decay}', "return l1",
         r"losses\(\) gave a tensor \(\), expected a dictionary with the tensor 'loss'"),
        ('"decay": decay}', '"decay": actions}', r"losses\(\)\['decay'\] is a tensor \(2, 20, 3\)"),
        ('"loss": l1 + 1e-5 * decay', '"loss": l1.detach()', "does not depend on any parameter"),
        ("unflatten(1, self.chunk_shape)", "unflatten(1, self.chunk_shape)[:, :5].repeat(1, 1, 1)",
         r"chunk\(\) gave a tensor \(2, 5, 3\), expected a tensor \(2, 20, 3\)"),
        ("    def losses(", "    def parameter_groups(self, settings):\n"
         "        return [{'params': self.layers[0].parameters(), 'lr': 0.1}]\n\n    def losses(",
         r"parameter_groups\(\) has to hold every parameter that is trained, once"),
        ("    def losses(", "    def parameter_groups(self, settings):\n"
         "        return [{'params': list(self.parameters())}]\n\n    def losses(",
         r"parameter_groups\(\) has a group whose lr is None"),
        ("    def chunk(", "    presets = ({},)\n\n    def chunk(", "a preset that is no Preset"),
        ("self.scale(i)", "self.shrink(i)", r"chunk\(\) fails on a batch: AttributeError"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_before_anything_is_trained(
    glance, data, tmp_path, old, new, said
):
    file = Path(glance.rpartition(":")[0])
    source = file.read_text()
    assert old in source
    file.write_text(source.replace(old, new))
    with pytest.raises(ConfigurationError, match=said):
        train(options(glance, data, tmp_path / "run"))
    assert not (tmp_path / "run" / "last").exists()
    assert not (tmp_path / "run" / "log.jsonl").exists()


def test_a_report_of_a_policy_that_is_not_here(glance, data, tmp_path):
    from act_training.results import _model_text

    config = json.loads((train(options(glance, data, tmp_path / "run")) / "final/config.json")
                        .read_text())  # fmt: skip
    assert _model_text(config) == "../glance.py:Glance, chunk 20"
    assert _model_text({**config, "policy": glance}) == "Glance, chunk 20"


def test_the_example_of_a_policy_in_numpy_moves_the_arm():
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "own_policy.py")],
        env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    found = re.fullmatch(r"the arm has turned between (\S+) and (\S+) rad in 8 s\n", done.stdout)
    assert found is not None, done.stderr
    assert -0.51 < float(found[1]) < -0.47, "an amplitude of 0.5 rad"
    assert 0.47 < float(found[2]) < 0.51
