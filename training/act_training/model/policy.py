"""The policy: ACT between raw values. Training, evaluation and export all go through it, so the
normalisation exists once and is saved with the weights."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from act_training.config import ModelConfig
from act_training.datasets.downscale import downscaled_size
from act_training.datasets.statistics import Statistics
from act_training.features import Features
from act_training.model.act import ACT

# Per-channel statistics of ImageNet, which its weights expect; as good as any for others.
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)


class Losses(NamedTuple):
    """Scalars: total = l1 + kl_weight * kl."""

    total: Tensor
    l1: Tensor  # mean over valid steps and action values, normalised units
    kl: Tensor  # of the posterior from N(0, 1), summed over the latent, mean over the batch


class ActPolicy(nn.Module):
    """ACT with the statistics that normalise its inputs and un-normalise its output.

    Args:
        config: the network.
        features: names and sizes; the order of `features.cameras` is the order of the images.
        statistics: of the training data; None leaves the identity for `load_state_dict` to fill.
    """

    joints_mean: Tensor
    joints_std: Tensor
    actions_mean: Tensor
    actions_std: Tensor
    image_mean: Tensor
    image_std: Tensor

    def __init__(
        self, config: ModelConfig, features: Features, statistics: Statistics | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.features = features
        sizes = tuple(downscaled_size(camera.height, camera.width, config.image_downscale)
                      for camera in features.cameras)  # fmt: skip
        state_dim, action_dim = len(features.joints), len(features.actions)
        self.act = ACT(config, state_dim, action_dim, sizes, load_weights=statistics is not None)
        for name, dim in (("joints", state_dim), ("actions", action_dim)):
            mean, std = torch.zeros(dim), torch.ones(dim)
            if statistics is not None:
                moments = getattr(statistics, name)
                mean, std = torch.from_numpy(moments.mean), torch.from_numpy(moments.std)
            self.register_buffer(f"{name}_mean", mean)
            self.register_buffer(f"{name}_std", std)
        self.register_buffer("image_mean", torch.tensor(IMAGE_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("image_std", torch.tensor(IMAGE_STD).view(3, 1, 1), persistent=False)

    def forward(
        self,
        joints: Tensor,
        images: list[Tensor],
        actions: Tensor,
        is_pad: Tensor,
        kl_weight: float,
        *,
        infer_latent: bool = True,
    ) -> Losses:
        """Training loss, or with `infer_latent` False the loss of what will be deployed (z = 0).

        Args:
            joints: (B, S), raw units.
            images: per camera (B, h, w, 3) at the network's size, uint8 or float in 0..255.
            actions: (B, K, A), raw units; the values at padded steps are ignored.
            is_pad: (B, K) bool.
            kl_weight: beta of the paper.
        """
        target = (actions - self.actions_mean) / self.actions_std
        output = self.act(
            self.normalise(joints),
            [self._scale(image) for image in images],
            target if infer_latent else None,
            is_pad if infer_latent else None,
        )
        valid = ~is_pad[..., None]  # (B, K, 1); a chunk's first step always is
        error = ((output.actions - target).abs() * valid).sum()
        l1 = error / (valid.sum() * target.shape[-1])
        if output.mean is None:
            return Losses(l1, l1, l1.new_zeros(()))
        mean, log_variance = output.mean.float(), output.log_variance.float()
        kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(-1).mean()
        return Losses(l1 + kl_weight * kl, l1, kl)

    def predict(self, joints: Tensor, images: list[Tensor]) -> Tensor:
        """Chunks (B, K, A) in raw units for joints (B, S) and per camera (B, H, W, 3) uint8 images
        as captured (downscaled here, as the training cache was)."""
        return self.restore(self.chunk(self.normalise(joints), images))

    def normalise(self, joints: Tensor) -> Tensor:
        """Joints (..., S) in raw units -> as the network takes them."""
        return (joints - self.joints_mean) / self.joints_std

    def chunk(self, joints: Tensor, images: list[Tensor]) -> Tensor:
        """`predict` between `normalise` and `restore`: normalised chunks for normalised joints."""
        return self.act(joints, [self._scale(self._downscale(image)) for image in images]).actions

    def restore(self, actions: Tensor) -> Tensor:
        """Actions (..., A) as the network gives them -> in raw units."""
        return actions * self.actions_std + self.actions_mean

    def _downscale(self, image: Tensor) -> Tensor:
        factor = self.config.image_downscale
        if factor == 1:
            return image
        pooled = nn.functional.avg_pool2d(image.permute(0, 3, 1, 2).float(), factor)
        return pooled.round().permute(0, 2, 3, 1)  # whole numbers, as the uint8 cache has

    def _scale(self, image: Tensor) -> Tensor:
        """(B, h, w, 3) 0..255 -> (B, 3, h, w) normalised; the memory stays channels-last."""
        return (image.permute(0, 3, 1, 2).float() / 255 - self.image_mean) / self.image_std
