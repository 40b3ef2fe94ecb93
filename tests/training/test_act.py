from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from act_training.policies.act.network import ACT, image_positions, sinusoidal_positions

SIZES = ((16, 24), (16, 16))  # feature maps 4x6 and 4x4: 40 image tokens


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(0)
    joints = torch.randn(2, 3, generator=generator)
    images = [torch.randn(2, 3, *size, generator=generator) for size in SIZES]
    actions = torch.randn(2, 4, 2, generator=generator)
    return joints, images, actions, torch.zeros(2, 4, dtype=torch.bool)


def build(config, **changes) -> ACT:
    torch.manual_seed(0)
    return ACT(dataclasses.replace(config, **changes), 3, 2, SIZES)


@pytest.mark.parametrize("vae_images", [False, True])
def test_shapes(tiny, inputs, vae_images):
    output = build(tiny, vae_images=vae_images)(*inputs)
    assert output.actions.shape == (2, 4, 2)
    assert output.mean.shape == output.log_variance.shape == (2, 2)


def test_inference_is_deterministic_and_has_no_posterior(tiny, inputs):
    act = build(tiny).eval()
    first, second = act(*inputs[:2]), act(*inputs[:2])
    assert first.mean is None
    torch.testing.assert_close(first.actions, second.actions, rtol=0, atol=0)


def test_without_vae_the_actions_are_not_looked_at(tiny, inputs):
    act = build(tiny, use_vae=False).eval()
    assert not [name for name in act.state_dict() if name.startswith("vae")]
    torch.testing.assert_close(act(*inputs).actions, act(*inputs[:2]).actions)


def test_padded_actions_do_not_reach_the_latent(tiny, inputs):
    joints, images, actions, is_pad = inputs
    is_pad[:, 2:] = True
    changed = actions.clone()
    changed[:, 2:] = 99.0
    act = build(tiny, vae_images=True).eval()
    first = act(joints, images, actions, is_pad)
    second = act(joints, images, changed, is_pad)
    torch.testing.assert_close(first.mean, second.mean)
    assert not torch.equal(first.mean, act(joints, images, changed, ~is_pad).mean)


@pytest.mark.parametrize(("vae_images", "depends"), [(False, False), (True, True)])
def test_only_the_modified_latent_depends_on_images(tiny, inputs, vae_images, depends):
    joints, images, actions, is_pad = inputs
    act = build(tiny, vae_images=vae_images).eval()
    first = act(joints, images, actions, is_pad).mean
    second = act(joints, [image + 1.0 for image in images], actions, is_pad).mean
    assert (not torch.equal(first, second)) == depends


def test_the_camera_embedding_tells_cameras_apart(tiny):
    """Two cameras of one size may be swapped unnoticed without it, and not with it."""
    generator = torch.Generator().manual_seed(1)
    joints = torch.randn(1, 3, generator=generator)
    images = [torch.randn(1, 3, 16, 16, generator=generator) for _ in range(2)]
    for embedding in (False, True):
        torch.manual_seed(0)
        config = dataclasses.replace(tiny, camera_embedding=embedding)
        act = ACT(config, 3, 2, ((16, 16), (16, 16))).eval()
        if embedding:
            torch.nn.init.normal_(act.camera_embedding)
        first, second = act(joints, images).actions, act(joints, images[::-1]).actions
        assert torch.allclose(first, second, atol=1e-5) != embedding


def test_one_backbone_per_camera_on_demand(tiny):
    assert len(build(tiny).backbones) == 1
    assert len(build(tiny, shared_backbone=False).backbones) == 2


def test_every_parameter_gets_a_gradient(tiny, inputs):
    act = build(tiny, vae_images=True)
    output = act(*inputs)
    (output.actions.sum() + output.mean.sum() + output.log_variance.sum()).backward()
    without = {name for name, p in act.named_parameters() if p.grad is None}
    assert without == set()


def test_sinusoidal_positions_known_values():
    table = sinusoidal_positions(3, 4)
    expected = [math.sin(2), math.cos(2), math.sin(0.02), math.cos(0.02)]
    torch.testing.assert_close(table[2], torch.tensor(expected))


def test_image_positions_known_values():
    """2x3 map, width 8: row-major; y in the first half; the last coordinate is 2 pi."""
    table = image_positions(2, 3, 8)
    assert table.shape == (6, 8)
    y, x = math.pi, 2 * math.pi  # row 0 of 2 and column 2 of 3
    expected = []
    for coordinate in (y, x):
        for angle in (coordinate, coordinate / 100.0):
            expected += [math.sin(angle), math.cos(angle)]
    torch.testing.assert_close(table[2], torch.tensor(expected), atol=1e-5, rtol=0)
