"""Diffusion Policy (Chi et al. 2023, arXiv 2303.04137) between raw values: chunks are sampled.

In training a chunk is made noisy and the network learns to take the noise off; deployed, it begins
from noise alone, an input of the bundle, and takes it off in a few steps, all of which are in the
exported graph. The same noise gives the same chunk.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from act_training.config import TrainingConfig
from act_training.datasets.downscale import downscaled_size
from act_training.datasets.statistics import Statistics
from act_training.features import Features
from act_training.policies.diffusion.config import PRESETS, DiffusionConfig
from act_training.policies.diffusion.network import Denoiser, Memory
from act_training.policies.diffusion.sampling import add_noise, sampling_steps
from act_training.trainable_policy import TrainablePolicy, mean_of_valid, trainable_policy


@trainable_policy("diffusion")
class DiffusionPolicy(TrainablePolicy):
    """Loss: mean squared error of what the network says of noisy chunks, see `sampling`."""

    Config = DiffusionConfig
    presets = PRESETS

    config: DiffusionConfig

    def __init__(
        self, config: DiffusionConfig, features: Features, statistics: Statistics | None = None
    ) -> None:
        super().__init__(config, features, statistics)
        sizes = tuple(downscaled_size(camera.height, camera.width, config.image_downscale)
                      for camera in features.cameras)  # fmt: skip
        state_dim, action_dim = len(features.joints), len(features.actions)
        self.denoiser = Denoiser(
            config, state_dim, action_dim, sizes, load_weights=statistics is not None
        )
        self.steps = sampling_steps(config)

    def losses(
        self, joints: Tensor, images: list[Tensor], actions: Tensor, is_pad: Tensor
    ) -> dict[str, Tensor]:
        """`mse`: mean over valid steps and action values."""
        count = self.config.denoisings
        memory = [
            (keys.repeat_interleave(count, 0), values.repeat_interleave(count, 0))
            for keys, values in self._observe(joints, images)
        ]
        is_pad = is_pad.repeat_interleave(count, 0)
        noised = add_noise(self.config, actions.repeat_interleave(count, 0))
        predicted = self.denoiser(noised.x, noised.time, memory, is_pad)
        mse = mean_of_valid((predicted - noised.v).square(), is_pad)
        return {"loss": mse, "mse": mse}

    def chunk(self, joints: Tensor, images: list[Tensor], *noise: Tensor) -> Tensor:
        memory = self._observe(joints, images)
        (x,) = noise
        for step in self.steps:
            time = torch.full((1,), step.time, device=x.device)
            x = step.keep * x + step.move * self.denoiser(x, time, memory)
        return x

    def _observe(self, joints: Tensor, images: list[Tensor]) -> Memory:
        """With an axis for observation steps, also where there is one."""
        if joints.dim() == 2:
            joints, images = joints[:, None], [image[:, None] for image in images]
        shape = joints.shape[:2]
        scaled = [self.scale(image.flatten(0, 1)).unflatten(0, shape) for image in images]
        return self.denoiser.observe(joints, scaled)

    def parameter_groups(self, settings: TrainingConfig) -> list[dict[str, Any]]:
        """The backbones have a learning rate of their own."""
        named, prefix = list(self.named_parameters()), "denoiser.backbones."
        backbone = [parameter for name, parameter in named if name.startswith(prefix)]
        rest = [parameter for name, parameter in named if not name.startswith(prefix)]
        return [
            {"params": rest, "lr": settings.lr},
            {"params": backbone, "lr": settings.lr_backbone},
        ]

    @classmethod
    def text(cls, config: DiffusionConfig) -> str:
        kind = {"ddim": "Diffusion Policy", "flow": "flow matching"}[config.sampler]
        return (
            f"{kind} in {config.sampling_steps} steps, width {config.dim_model}, chunk "
            f"{config.chunk_size}"
        )
