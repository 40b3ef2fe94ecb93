from __future__ import annotations

import dataclasses

import pytest
from act_training.config import TrainingConfig
from act_training.policies.act.config import PRESETS, ActConfig
from act_training.trainable_policy import get_preset


def test_published_presets():
    baseline, large = get_preset("baseline"), get_preset("large")
    model, training = baseline.model, baseline.training
    assert (model.dim_model, model.n_heads, model.n_encoder_layers, model.n_decoder_layers) == (
        512, 8, 4, 1,
    )  # fmt: skip
    assert (model.latent_dim, model.dim_feedforward, model.chunk_size) == (32, 3200, 100)
    assert (model.kl_weight, training.batch_size, training.lr, training.steps) == (
        10.0, 8, 1e-5, 100_000,
    )  # fmt: skip
    model, training = large.model, large.training
    assert (model.dim_model, model.n_heads, model.n_encoder_layers, model.latent_dim) == (
        1024, 16, 6, 64,
    )  # fmt: skip
    assert (training.lr, training.lr_backbone, training.steps) == (5e-6, 1e-6, 200_000)


def test_presets_are_named_after_their_key():
    names = ["debug", "compact", "baseline", "large", "paper"]
    assert [preset.name for preset in PRESETS] == names
    assert [get_preset(name).name for name in names] == names


def test_unknown_preset_gets_a_suggestion():
    with pytest.raises(ValueError, match="unknown preset 'compct'; did you mean 'compact'"):
        get_preset("compct")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chunk_size": 0}, r"model.chunk_size is 0, expected at least 1"),
        ({"dim_model": 100}, r"model.dim_model is 100, expected a multiple of 4 .* n_heads = 8"),
        ({"backbone_stages": 5}, r"model.backbone_stages is 5, expected 1 to 4"),
        ({"backbone_width": 32}, r"got width 32 with 'frozen' norm: set backbone_weights to None"),
    ],
)
def test_model_config_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        ActConfig(**change)


def test_training_config_refuses():
    with pytest.raises(ValueError, match=r"training.steps is 0, expected at least 1"):
        dataclasses.replace(TrainingConfig(), steps=0)
    with pytest.raises(ValueError, match=r"training.validation_fraction is 1.0"):
        TrainingConfig(validation_fraction=1.0)
