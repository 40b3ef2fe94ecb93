"""Diffusion Policy: how it gets from noise to a chunk, and its way from training to the runtime."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from act_core.errors import ConfigurationError
from act_core.policy_spec import ExecutionSpec
from act_policy.inference_worker import VirtualWorker
from act_policy.load_policy import load_policy
from act_policy.modes import MODES
from act_policy.policy_runner import PolicyRunner
from act_training.checkpoint import load_checkpoint
from act_training.dataset_replay import replay
from act_training.datasets.chunks import Batch
from act_training.datasets.episode_file import read_episode
from act_training.datasets.statistics import Moments, Statistics
from act_training.export import ExportOptions, export
from act_training.features import Features
from act_training.policies.diffusion import DiffusionPolicy
from act_training.policies.diffusion.config import DiffusionConfig
from act_training.policies.diffusion.sampling import add_noise, cosine_schedule, sampling_steps
from act_training.torch_policy import TorchPolicy
from act_training.train import main
from act_training.trainable_policy import get_preset
from act_training.training_log import read_log

SAMPLERS = {"ddim": 10, "flow": 4}  # and how many steps
DIFFUSERS_ALPHAS = [0.99936873, 0.97209269, 0.49384353, 0.02409172, 0.00024286, 2.4e-07]
DIFFUSERS_SAMPLES = [-2.08905, -0.08285, -0.06747, -0.06533, -0.0633, -0.05757]
DEBUG = get_preset("diffusion_debug").model


@pytest.fixture(params=SAMPLERS)
def config(request) -> DiffusionConfig:
    return dataclasses.replace(DEBUG, sampler=request.param, sampling_steps=SAMPLERS[request.param])


def test_the_schedule_is_that_of_diffusers():
    """`DDIMScheduler(100, beta_schedule="squaredcos_cap_v2").alphas_cumprod` of its 0.42.0."""
    schedule = cosine_schedule(100)
    remaining = [schedule[level][0] ** 2 for level in (0, 9, 49, 89, 98, 99)]
    assert remaining == pytest.approx(DIFFUSERS_ALPHAS, abs=1e-7)


def test_the_steps_are_those_of_diffusers():
    """Ten steps of the same scheduler with v_prediction, timestep_spacing "trailing" and without
    clipping, from linspace(-1, 1, 6) with a network that answers sin(3 x) + time."""
    x = torch.linspace(-1, 1, 6, dtype=torch.float64)
    for step in sampling_steps(DiffusionConfig()):
        x = step.keep * x + step.move * (torch.sin(3 * x) + step.time)
    assert x.tolist() == pytest.approx(DIFFUSERS_SAMPLES, abs=1e-5)


def test_a_perfect_network_samples_what_it_knows(config):
    """Where all demonstrations are one chunk, v follows from x and time."""
    known = torch.linspace(-2, 2, 12).view(1, 6, 2)
    torch.manual_seed(0)
    x = torch.randn(3, 6, 2)
    for step in sampling_steps(config):
        if config.sampler == "flow":
            v = known - (x - (1 - step.time) * known) / step.time
        else:
            signal, share = cosine_schedule(config.noise_levels)[
                round(step.time * config.noise_levels)
            ]
            v = signal * (x - signal * known) / share - share * known
        x = step.keep * x + step.move * v
    torch.testing.assert_close(x, known.expand(3, 6, 2), rtol=0, atol=1e-4)


def test_noise_of_every_level_is_learnt_from(config):
    torch.manual_seed(0)
    actions = torch.ones(2000, 1, 1)
    x, time, v = add_noise(config, actions)
    assert time.min() < 0.02
    assert time.max() > 0.98
    if config.sampler == "flow":
        noise = actions - v
        torch.testing.assert_close(
            x, (1 - time)[:, None, None] * actions + time[:, None, None] * noise
        )
    else:
        levels = (time * config.noise_levels).round().long()
        signal, share = torch.tensor(cosine_schedule(config.noise_levels))[levels].unbind(1)
        torch.testing.assert_close(signal * x.ravel() - share * v.ravel(), torch.ones(2000))
        noise = share[:, None, None] * x + signal[:, None, None] * v
    assert abs(noise.mean()) < 0.1
    assert abs(noise.std() - 1) < 0.1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"sampling_steps": 0}, "model.sampling_steps is 0, expected at least 1"),
        ({"sampling_steps": 101}, "model.sampling_steps is 101, expected at most 100"),
        ({"noise_levels": 5}, "sampling_steps is 10, expected at most noise_levels, 5"),
        ({"dim_model": 30}, "model.dim_model is 30, expected a multiple of 4"),
        ({"backbone_weights": "imagenet"}, "fit backbone_width 64 with backbone_norm 'frozen'"),
    ],
)
def test_a_configuration_that_cannot_be(changes, text):
    with pytest.raises(ConfigurationError, match=text):
        DiffusionConfig(**changes)


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = [
        torch.randint(0, 256, (2, 2, 16, width, 3), dtype=torch.uint8, generator=generator)
        for width in (24, 16)
    ]
    actions = torch.randn(2, 8, 2, generator=generator)
    is_pad = torch.arange(8).expand(2, 8) >= torch.tensor([[3], [8]])
    return Batch(torch.randn(2, 2, 3, generator=generator), images, actions, is_pad)


def made(config: DiffusionConfig, features: Features, statistics: Statistics) -> DiffusionPolicy:
    """With weights that let everything reach the answer, which those of a beginning do not."""
    torch.manual_seed(0)
    policy = DiffusionPolicy(config, features, statistics)
    for parameter in policy.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return policy.eval()


def test_padded_actions_are_not_learnt_from(config, features, statistics, batch):
    policy = made(config, features, statistics)

    def loss(actions: torch.Tensor) -> float:
        torch.manual_seed(1)
        return policy(batch._replace(actions=actions))["loss"].item()

    changed = batch.actions.clone()
    changed[0, 3:] = 99.0
    assert loss(changed) == pytest.approx(loss(batch.actions), rel=1e-6)
    changed[1, 7] = 99.0
    assert loss(changed) > 2 * loss(batch.actions)


def test_a_chunk_depends_on_all_that_is_seen_and_on_the_noise(config, features, statistics, batch):
    policy = made(config, features, statistics)
    (noise,) = policy.noise_for(batch.actions)

    def chunk(**changes) -> torch.Tensor:
        seen = {"joints": batch.joints, "images": batch.images, "noise": noise, **changes}
        with torch.inference_mode():
            return policy.chunk(seen["joints"], seen["images"], seen["noise"])

    first = chunk()
    torch.testing.assert_close(chunk(), first, rtol=0, atol=0)
    for step in (0, 1):
        joints = batch.joints.clone()
        joints[:, step] += 1.0
        assert not torch.allclose(chunk(joints=joints), first)
        for camera in (0, 1):
            images = [image.clone() for image in batch.images]
            images[camera][:, step] //= 2
            assert not torch.allclose(chunk(images=images), first)
    assert not torch.allclose(chunk(noise=-noise), first)
    alone = made(dataclasses.replace(config, denoisings=1), features, statistics)
    with torch.inference_mode():
        torch.testing.assert_close(alone.chunk(batch.joints, batch.images, noise), first)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_it_samples_both_ways_of_demonstrations_that_disagree(sampler):
    """Half of them go to +1 and half to -1 from the same observation, of which a mean is none."""
    features = Features(("x",), ("rad",), ("x",), ("rad",), (), 10.0)
    zero = Moments(np.float32([0.0]), np.float32([1.0]))
    config = dataclasses.replace(
        DEBUG, n_obs_steps=1, chunk_size=2, denoisings=1, sampler=sampler,
        sampling_steps=SAMPLERS[sampler],
    )  # fmt: skip
    torch.manual_seed(0)
    policy = DiffusionPolicy(config, features, Statistics(zero, zero))
    optimizer = torch.optim.AdamW(policy.parameters(), lr=3e-3)
    joints, is_pad = torch.zeros(128, 1), torch.zeros(128, 2, dtype=torch.bool)
    for _ in range(250):
        ways = torch.randint(2, (128, 1, 1)) * 2.0 - 1.0
        loss = policy(Batch(joints, [], ways.expand(128, 2, 1), is_pad))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        chunks = policy.eval().chunk(joints, [], torch.randn(128, 2, 1))
    near = (chunks.abs() - 1).abs() < 0.35
    assert near.float().mean() > 0.8
    assert 0.25 < (chunks[:, 0] > 0).float().mean() < 0.75
    assert (chunks[:, 0] * chunks[:, 1] > 0).float().mean() > 0.9, "one way for a whole chunk"


def test_from_the_command_line_to_the_runtime(dataset, tmp_path, capsys):
    whole, run, bundle = tmp_path / "whole", tmp_path / "run", tmp_path / "bundle"
    options = [
        "--preset", "diffusion_debug", "--data", str(dataset), "--training.precision", "fp32",
        "--training.log-every", "1",
    ]  # fmt: skip
    main([*options, "--out", str(whole)])
    main([*options, "--out", str(run), "--stop-after", "2"])
    main(["--resume", str(run)])
    checkpoint = load_checkpoint(run)
    assert (checkpoint.step, checkpoint.config.policy) == (4, "diffusion")
    unbroken = load_checkpoint(whole).policy.state_dict()
    for name, tensor in checkpoint.policy.state_dict().items():
        assert torch.equal(tensor, unbroken[name]), name
    logged = [[entry.get("mse") for entry in read_log(folder)] for folder in (whole, run)]
    assert logged[0] == logged[1]
    assert len(logged[0]) >= 4

    export(ExportOptions(run, bundle, fast=False))
    policy = load_policy(bundle, engine="cpu", variant="fp32", threads=1)
    assert policy.parity.max_difference < 1e-5
    spec = policy.spec
    assert (spec.n_obs_steps, [n.shape for n in spec.noise_inputs]) == (2, [(8, 2)])

    trained = TorchPolicy(checkpoint.policy, spec)
    episode = read_episode(next(iter(sorted(dataset.glob("episode_*")))))
    first, second = (replay(each, episode).chunks for each in (policy, trained))
    assert np.abs(first - second).max() < 1e-5
    assert np.array_equal(replay(policy, episode).chunks, first)

    sample = policy.bundle.parity_sample().observation(0)
    newest = {camera: image[-1] for camera, image in sample.images.items()}
    for mode in MODES.names():
        runner = PolicyRunner(spec, VirtualWorker(policy), ExecutionSpec(mode))
        runner.start(0)
        for step in range(3):
            stamp_ns = step * 50_000_000
            seen = dataclasses.replace(
                sample, stamp_ns=stamp_ns, joint_position=sample.joint_position[-1],
                images=newest, noise={},
            )  # fmt: skip
            runner.observe(seen, stamp_ns)
            assert np.isfinite(runner.act(stamp_ns).position).all()
        assert runner.status(100_000_000).failures == 0
