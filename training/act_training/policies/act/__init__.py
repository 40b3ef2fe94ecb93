"""ACT between raw values: the network, its losses and its presets."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from act_training.config import TrainingConfig
from act_training.datasets.downscale import downscaled_size
from act_training.datasets.statistics import Statistics
from act_training.features import Features
from act_training.policies.act.config import PRESETS, ActConfig
from act_training.policies.act.network import ACT
from act_training.trainable_policy import TrainablePolicy, mean_l1, trainable_policy


@trainable_policy("act")
class ActPolicy(TrainablePolicy):
    """Loss = L1 + `kl_weight` * KL; what is deployed has z = 0."""

    Config = ActConfig
    presets = PRESETS

    config: ActConfig

    def __init__(
        self, config: ActConfig, features: Features, statistics: Statistics | None = None
    ) -> None:
        super().__init__(config, features, statistics)
        sizes = tuple(downscaled_size(camera.height, camera.width, config.image_downscale)
                      for camera in features.cameras)  # fmt: skip
        state_dim, action_dim = len(features.joints), len(features.actions)
        self.act = ACT(config, state_dim, action_dim, sizes, load_weights=statistics is not None)

    def losses(
        self, joints: Tensor, images: list[Tensor], actions: Tensor, is_pad: Tensor
    ) -> dict[str, Tensor]:
        """`l1`: mean over valid steps and action values; `kl`: of the posterior from N(0, 1),
        summed over the latent, mean over the batch."""
        output = self.act(joints, [self.scale(image) for image in images], actions, is_pad)
        l1 = mean_l1(output.actions, actions, is_pad)
        if output.mean is None:
            return {"loss": l1, "l1": l1, "kl": l1.new_zeros(())}
        mean, log_variance = output.mean.float(), output.log_variance.float()
        kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(-1).mean()
        return {"loss": l1 + self.config.kl_weight * kl, "l1": l1, "kl": kl}

    def chunk(self, joints: Tensor, images: list[Tensor], *noise: Tensor) -> Tensor:
        return self.act(joints, [self.scale(image) for image in images]).actions

    def parameter_groups(self, settings: TrainingConfig) -> list[dict[str, Any]]:
        """The backbones have a learning rate of their own."""
        backbone = [p for n, p in self.named_parameters() if n.startswith("act.backbones.")]
        rest = [p for n, p in self.named_parameters() if not n.startswith("act.backbones.")]
        return [
            {"params": rest, "lr": settings.lr},
            {"params": backbone, "lr": settings.lr_backbone},
        ]

    @classmethod
    def text(cls, config: ActConfig) -> str:
        kind = "modified ACT" if config.vae_images else "ACT"
        return f"{kind}, width {config.dim_model}, chunk {config.chunk_size}"
