"""The configuration of Diffusion Policy and its presets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from act_core.errors import ConfigurationError

from act_training.config import Preset, TrainingConfig

MOST_LAYERS = 1000
MOST_SAMPLING_STEPS = 100  # each is a copy of the decoder in the exported graph


@dataclass(frozen=True)
class DiffusionConfig:
    """Size of the network, and how it gets from noise to a chunk."""

    takes_noise: ClassVar[bool] = True

    chunk_size: int = 50
    """Actions sampled from one observation."""
    n_obs_steps: int = 1
    """Observation steps that are seen at once; the paper has 2, which costs a second pass of the
    backbones."""
    sampler: Literal["ddim", "flow"] = "ddim"
    """ddim: trained by diffusion, sampled by DDIM. flow: flow matching, sampled by Euler's method;
    4 steps are enough for it."""
    sampling_steps: int = 10
    """Passes of the decoder for one chunk."""
    noise_levels: int = 100
    """Of the diffusion that ddim is trained with."""
    denoisings: int = 4
    """Noisy chunks learnt from for each observation of a batch; they share its encoding."""
    dim_model: int = 256
    """Width of the transformers; a multiple of 4 (2-D positions) and of `n_heads`."""
    n_heads: int = 4
    dim_feedforward: int = 512
    n_encoder_layers: int = 3
    n_decoder_layers: int = 3
    shared_backbone: bool = True
    """One backbone for all cameras, or one for each."""
    backbone_width: int = 32
    """Channels of the first stage; 64 is ResNet-18."""
    backbone_stages: int = 3
    """Stages kept: 4 is ResNet-18 (stride 32); 3 stops at stride 16."""
    backbone_norm: Literal["frozen", "group", "batch"] = "group"
    """Frozen batch norm for ImageNet weights; group or batch norm when training from scratch."""
    backbone_weights: str | None = None
    """"imagenet", the path of a torchvision ResNet-18 state dict, or None for random weights."""
    image_downscale: int = 1
    """Average k x k camera pixels into one before the backbone."""

    def __post_init__(self) -> None:
        for name, minimum in _MINIMA.items():
            if getattr(self, name) < minimum:
                value = getattr(self, name)
                raise ConfigurationError(f"model.{name} is {value}, expected at least {minimum}")
        for name, value, most in (
            ("n_encoder_layers + n_decoder_layers", self.n_encoder_layers + self.n_decoder_layers,
             MOST_LAYERS),
            ("sampling_steps", self.sampling_steps, MOST_SAMPLING_STEPS),
            ("backbone_stages", self.backbone_stages, 4),
        ):  # fmt: skip
            if value > most:
                raise ConfigurationError(f"model.{name} is {value}, expected at most {most}")
        if self.sampler == "ddim" and self.sampling_steps > self.noise_levels:
            raise ConfigurationError(
                f"model.sampling_steps is {self.sampling_steps}, expected at most noise_levels, "
                f"{self.noise_levels}"
            )
        if self.dim_model % 4 or self.dim_model % self.n_heads:
            raise ConfigurationError(
                f"model.dim_model is {self.dim_model}, expected a multiple of 4 (2-D positions) "
                f"and of n_heads = {self.n_heads}"
            )
        if self.backbone_weights and (self.backbone_width, self.backbone_norm) != (64, "frozen"):
            raise ConfigurationError(
                "model.backbone_weights fit backbone_width 64 with backbone_norm 'frozen' only; "
                f"got width {self.backbone_width} with {self.backbone_norm!r} norm"
            )


_MINIMA = {
    "chunk_size": 1,
    "n_obs_steps": 1,
    "sampling_steps": 1,
    "noise_levels": 1,
    "denoisings": 1,
    "dim_model": 4,
    "n_heads": 1,
    "dim_feedforward": 1,
    "n_encoder_layers": 1,
    "n_decoder_layers": 1,
    "backbone_width": 8,
    "backbone_stages": 1,
    "image_downscale": 1,
}

PRESETS = (
    # Backbone, width and batch of ACT's preset compact, so that the two can be compared.
    Preset(
        "diffusion",
        "Diffusion Policy for a CPU: the backbone of compact, ten sampling steps, 40,000 steps",
        DiffusionConfig(),
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
    Preset(
        "diffusion_debug",
        "4 steps of a tiny Diffusion Policy, to see that all works",
        DiffusionConfig(
            chunk_size=8,
            n_obs_steps=2,
            sampling_steps=3,
            denoisings=2,
            dim_model=32,
            n_heads=2,
            dim_feedforward=64,
            n_encoder_layers=1,
            n_decoder_layers=1,
            backbone_width=8,
            backbone_stages=2,
        ),
        TrainingConfig(
            steps=4, batch_size=2, lr=1e-3, lr_backbone=1e-3, validation_batches=1, save_every=2
        ),
    ),
)
