from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from act_training.datasets.chunks import Batch
from act_training.datasets.downscale import downscaled_size
from act_training.policies.act import ActPolicy


@pytest.fixture
def policy(tiny, features, statistics) -> ActPolicy:
    torch.manual_seed(0)
    return ActPolicy(tiny, features, statistics).eval()


@pytest.fixture
def images() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randint(0, 256, (2, 16, width, 3), dtype=torch.uint8, generator=generator)
        for width in (24, 16)
    ]


def test_the_prediction_is_un_normalised(policy, images):
    """A head that answers zero (normalised) means the mean action of the data."""
    torch.nn.init.zeros_(policy.act.action_head.weight)
    torch.nn.init.zeros_(policy.act.action_head.bias)
    chunk = policy.predict(torch.zeros(2, 3), images)
    torch.testing.assert_close(chunk, torch.tensor([5.0, -5.0]).expand(2, 4, 2))


def test_the_loss_is_the_mean_over_valid_steps(policy, images):
    torch.nn.init.zeros_(policy.act.action_head.weight)
    torch.nn.init.zeros_(policy.act.action_head.bias)
    actions = torch.tensor([5.0, -5.0]).repeat(2, 4, 1)
    actions[0, 0] = torch.tensor([9.0, -5.0])  # 2 std off in one of two values
    actions[:, 2:] = 1e6  # padding
    is_pad = torch.tensor([[False, False, True, True], [False, False, True, True]])
    batch = Batch(torch.zeros(2, 3), images, actions, is_pad)
    assert policy.validation_l1(batch).item() == pytest.approx(2.0 / 8)  # 4 valid steps of 2 values
    assert policy(batch)["l1"].item() == pytest.approx(2.0 / 8), (
        "the latent does not reach the head"
    )


def test_the_kl_term_is_weighted(policy, images):
    latent = policy.act.vae_latent
    torch.nn.init.zeros_(latent.weight)
    latent.bias.data = torch.tensor([1.0, 2.0, 0.0, 0.0])  # mean (1, 2), variance 1
    is_pad = torch.zeros(2, 4, dtype=torch.bool)
    losses = policy(Batch(torch.zeros(2, 3), images, torch.zeros(2, 4, 2), is_pad))
    l1, kl = losses["l1"].item(), losses["kl"].item()
    assert kl == pytest.approx(0.5 * (1 + 4))
    assert losses["loss"].item() == pytest.approx(l1 + 10 * kl, rel=1e-6)


def test_the_statistics_are_saved_with_the_weights(policy, tiny, features, images):
    restored = ActPolicy(tiny, features).eval()
    restored.load_state_dict(policy.state_dict())
    joints = torch.ones(2, 3)
    torch.testing.assert_close(restored.predict(joints, images), policy.predict(joints, images))


def test_downscaling_averages_to_whole_numbers(tiny, features, statistics):
    config = dataclasses.replace(tiny, image_downscale=2)
    policy = ActPolicy(config, features, statistics)
    image = torch.from_numpy(np.arange(4 * 4 * 3, dtype=np.uint8).reshape(1, 4, 4, 3))
    small = policy.downscale(image)
    assert small.shape == (1, 2, 2, 3)
    assert small[0, 0, 0].tolist() == [8.0, 8.0, 10.0]  # 7.5, 8.5, 9.5, half to even


def test_downscaling_must_divide_the_image():
    with pytest.raises(ValueError, match=r"image_downscale is 3, which does not divide the 16x24"):
        downscaled_size(16, 24, 3)
