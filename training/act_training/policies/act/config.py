"""The configuration of ACT and its named presets."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

from act_core.errors import ConfigurationError

from act_training.config import Preset, TrainingConfig

MOST_LAYERS = 1000  # of the transformers; the paper has 12


@dataclass(frozen=True)
class ActConfig:
    """Size and variant of the ACT network."""

    chunk_size: int = 100
    """Actions predicted from one observation."""
    dim_model: int = 512
    """Width of the transformer; a multiple of 4 (2-D positions) and of `n_heads`."""
    n_heads: int = 8
    dim_feedforward: int = 3200
    n_encoder_layers: int = 4
    n_decoder_layers: int = 1
    dropout: float = 0.1
    use_vae: bool = True
    """Train with the CVAE encoder and its KL term. Inference always uses z = 0."""
    vae_images: bool = False
    """Modified ACT: the CVAE encoder sees the image tokens too."""
    n_vae_encoder_layers: int = 4
    latent_dim: int = 32
    kl_weight: float = 10.0
    """Of the KL term in the loss: beta of the paper."""
    camera_embedding: bool = True
    """One learned vector per camera, added to the positions of its tokens."""
    shared_backbone: bool = True
    """One backbone for all cameras, or one for each."""
    backbone_width: int = 64
    """Channels of the first stage; 64 is ResNet-18."""
    backbone_stages: int = 4
    """Stages kept: 4 is ResNet-18 (stride 32); 3 stops at stride 16."""
    backbone_norm: Literal["frozen", "group", "batch"] = "frozen"
    """Frozen batch norm for ImageNet weights; group or batch norm when training from scratch."""
    backbone_weights: str | None = "imagenet"
    """"imagenet" (torch's cache, then download), the path of a torchvision ResNet-18 state dict,
    or None for random weights."""
    image_downscale: int = 1
    """Average k x k camera pixels into one before the backbone."""

    def __post_init__(self) -> None:
        for name, minimum in _MINIMA.items():
            if getattr(self, name) < minimum:
                value = getattr(self, name)
                raise ConfigurationError(f"model.{name} is {value}, expected at least {minimum}")
        layers = self.n_encoder_layers + self.n_decoder_layers + self.n_vae_encoder_layers
        if layers > MOST_LAYERS:
            raise ConfigurationError(f"{layers} layers, expected at most {MOST_LAYERS}")
        if not 0.0 <= self.kl_weight < math.inf:
            raise ConfigurationError(
                f"model.kl_weight is {self.kl_weight}, expected 0 <= x < {math.inf}"
            )
        if not 0.0 <= self.dropout < 1.0:
            raise ConfigurationError(f"model.dropout is {self.dropout}, expected 0 <= x < 1")
        if self.dim_model % 4 or self.dim_model % self.n_heads:
            raise ConfigurationError(
                f"model.dim_model is {self.dim_model}, expected a multiple of 4 (2-D positions) "
                f"and of n_heads = {self.n_heads}"
            )
        if self.backbone_stages > 4:
            raise ConfigurationError(
                f"model.backbone_stages is {self.backbone_stages}, expected 1 to 4"
            )
        if self.backbone_weights and (self.backbone_width, self.backbone_norm) != (64, "frozen"):
            raise ConfigurationError(
                "model.backbone_weights fit backbone_width 64 with backbone_norm 'frozen' only; "
                f"got width {self.backbone_width} with {self.backbone_norm!r} norm: set "
                "backbone_weights to None"
            )


_MINIMA = {
    "chunk_size": 1,
    "dim_model": 4,
    "n_heads": 1,
    "dim_feedforward": 1,
    "n_encoder_layers": 1,
    "n_decoder_layers": 1,
    "n_vae_encoder_layers": 1,
    "latent_dim": 1,
    "backbone_width": 8,
    "backbone_stages": 1,
    "image_downscale": 1,
}


_BASELINE = Preset(
    "baseline",
    "for a GPU: the network of ACT's authors, 100,000 steps",
    ActConfig(),
    TrainingConfig(),
)

PRESETS = (
    Preset(
        "debug",
        "4 steps of a tiny network, to see that all works",
        ActConfig(
            chunk_size=8,
            dim_model=32,
            n_heads=2,
            dim_feedforward=64,
            n_encoder_layers=1,
            n_vae_encoder_layers=1,
            latent_dim=4,
            backbone_width=8,
            backbone_stages=2,
            backbone_norm="group",
            backbone_weights=None,
        ),
        TrainingConfig(
            steps=4, batch_size=2, lr=1e-3, lr_backbone=1e-3, validation_batches=1, save_every=2
        ),
    ),
    # For a CPU. With two 96x128 cameras, on an EPYC with AVX-512: a chunk takes 9.5 ms on one
    # core (ONNX Runtime), and two cores train at 55 (fp32) to 75 (bf16) samples/s. Random image
    # shifts regularise in place of dropout, which would cost a quarter of that. The learning
    # rate falls to zero, which calms the last steps without averaged weights (EMA).
    Preset(
        "compact",
        "for a CPU: half the width of baseline, a shorter backbone, 40,000 steps",
        ActConfig(
            chunk_size=50,
            dim_model=256,
            n_heads=4,
            dim_feedforward=512,
            n_encoder_layers=3,
            dropout=0.0,
            n_vae_encoder_layers=2,
            latent_dim=16,
            backbone_width=32,
            backbone_stages=3,
            backbone_norm="group",
            backbone_weights=None,
        ),
        TrainingConfig(
            steps=40_000,
            batch_size=16,
            lr=3e-4,
            lr_backbone=3e-4,
            lr_schedule="cosine",
            warmup_steps=500,
            augment_shift_px=4,
        ),
    ),
    _BASELINE,
    Preset(
        "large",
        "twice the width of baseline",
        dataclasses.replace(
            _BASELINE.model, dim_model=1024, n_heads=16, n_encoder_layers=6, latent_dim=64
        ),
        dataclasses.replace(_BASELINE.training, lr=5e-6, lr_backbone=1e-6, steps=200_000),
    ),
    # arXiv 2304.13705, table of hyper-parameters: 7 decoder layers, 2000 epochs of one sample
    # per episode (50 demonstrations, batch 8: 12,500 steps).
    Preset(
        "paper",
        "baseline with the paper's depth, epochs and cameras",
        dataclasses.replace(_BASELINE.model, n_decoder_layers=7, camera_embedding=False),
        dataclasses.replace(_BASELINE.training, steps=12_500, validation_fraction=0.2),
    ),
)
