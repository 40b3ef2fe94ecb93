"""A policy that samples, of several observation steps: what Diffusion Policy needs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from act_policy.inference_worker import VirtualWorker
from act_policy.load_policy import load_policy
from act_policy.policy_runner import PolicyRunner
from act_training.checkpoint import load_checkpoint
from act_training.config import TrainingConfig
from act_training.dataset_replay import replay
from act_training.datasets.chunks import ChunkSampler
from act_training.datasets.episode_file import read_episode
from act_training.datasets.frame_cache import open_frame_cache
from act_training.export import ExportOptions, export
from act_training.torch_policy import TorchPolicy
from act_training.train import TrainOptions, train
from act_training.trainable_policy import TrainablePolicy
from act_training.training_log import read_log
from torch import nn


class Flow(TrainablePolicy):
    """Flow matching (arXiv 2210.02747) over a small network; four steps of Euler's method."""

    @dataclass(frozen=True)
    class Config:
        chunk_size: int = 4
        n_obs_steps: int = 2
        takes_noise: bool = True
        image_downscale: int = 2
        width: int = 32

    def __init__(self, config, features, statistics=None):
        super().__init__(config, features, statistics)
        seen = config.n_obs_steps * (len(features.joints) + 3 * 16 * len(features.cameras))
        size = config.chunk_size * len(features.actions)
        self.layers = nn.Sequential(
            nn.Linear(seen + size + 1, config.width), nn.ReLU(), nn.Linear(config.width, size)
        )

    def _velocity(self, joints, images, x, time):
        pixels = [nn.functional.interpolate(self.scale(i.flatten(0, 1)), (4, 4)) for i in images]
        context = [joints, *(p.unflatten(0, joints.shape[:2]) for p in pixels), x]
        flat = torch.cat([*(part.flatten(1) for part in context), time], dim=1)
        return self.layers(flat).view_as(x)

    def chunk(self, joints, images, noise):
        x = noise
        for step in range(4):
            x = x + self._velocity(joints, images, x, torch.full_like(x[:, :1, 0], step / 4)) / 4
        return x

    def losses(self, joints, images, actions, is_pad):
        noise, time = torch.randn_like(actions), torch.rand(len(actions), 1, 1)
        x = (1 - time) * noise + time * actions
        error = self._velocity(joints, images, x, time[:, 0]) - (actions - noise)
        mse = (error.square() * ~is_pad[..., None]).mean()
        return {"loss": mse, "mse": mse}


@pytest.fixture
def options(dataset, tmp_path) -> TrainOptions:
    file = tmp_path / "flow.py"
    file.write_text(Path(__file__).read_text())
    training = TrainingConfig(
        steps=4, batch_size=4, lr=1e-2, precision="fp32", log_every=1, validation_batches=2,
        augment_shift_px=1, augment_colour=0.1,
    )  # fmt: skip
    return TrainOptions(
        data=(dataset,), out=tmp_path / "run", policy=f"{file}:Flow", training=training
    )


def test_several_steps_are_those_before_the_frame(dataset):
    cache = open_frame_cache(dataset)  # episodes of 10, 11, 12 and 13 frames
    sampler = ChunkSampler(cache, np.arange(4), chunk_size=4, obs_steps=3)
    frames = np.array([0, 1, 5, 10, 22])
    seen = [[0, 0, 0], [0, 0, 1], [3, 4, 5], [10, 10, 10], [21, 21, 22]]
    batch = sampler.batch(frames)
    assert np.array_equal(batch.joints, cache.joints[np.array(seen)])
    assert np.array_equal(batch.images[0], cache.images["front"][np.array(seen)])
    alone = ChunkSampler(cache, np.arange(4), chunk_size=4).batch(frames)
    assert torch.equal(batch.joints[:, -1], alone.joints)
    assert torch.equal(batch.actions, alone.actions)


def test_it_is_trained_exported_and_run(options, dataset, tmp_path):
    train(options)
    losses = read_log(options.out)
    assert {"loss", "mse", "grad_norm"} <= set(losses[0])

    export(ExportOptions(options.out, tmp_path / "bundle", fast=False))
    policy = load_policy(tmp_path / "bundle", engine="cpu", variant="fp32")
    spec = policy.spec
    assert (spec.n_obs_steps, [n.shape for n in spec.noise_inputs]) == (2, [(4, 2)])
    assert policy.parity.max_difference < 1e-5
    sample = policy.bundle.parity_sample()
    assert sample.joint_position.shape[1:] == (2, 3)
    assert sample.noise["noise"].shape == (len(sample), 4, 2)

    trained = TorchPolicy(load_checkpoint(options.out).policy, spec)
    episode = read_episode(next(iter(sorted(dataset.glob("episode_*")))))
    first, second = (replay(each, episode).chunks for each in (policy, trained))
    assert np.abs(first - second).max() < 1e-5, "the same noise for the same stamp"
    assert np.array_equal(replay(policy, episode).chunks, first), "and the same once more"

    runner = PolicyRunner(spec, VirtualWorker(policy))
    runner.start(0)
    for step in range(3):
        seen = dataclasses.replace(sample.observation(0), stamp_ns=step * 50_000_000, noise={})
        now = dataclasses.replace(
            seen, joint_position=seen.joint_position[-1],
            images={camera: image[-1] for camera, image in seen.images.items()},
        )  # fmt: skip
        runner.observe(now, now.stamp_ns)
        assert np.isfinite(runner.act(now.stamp_ns).position).all()
    assert runner.status(100_000_000).failures == 0


def test_noise_that_is_not_taken_is_said(options, tmp_path):
    file = tmp_path / "silent.py"
    file.write_text(Path(__file__).read_text().replace("takes_noise: bool = True", ""))
    with pytest.raises(ValueError, match=r"chunk\(\) fails on a batch: TypeError: .*'noise'"):
        train(dataclasses.replace(options, policy=f"{file}:Flow"))
