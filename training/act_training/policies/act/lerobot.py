"""LeRobot's ACT between raw values: its normalisation, in the units of a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from act_training.policies.act.lerobot_network import LerobotAct
from act_training.trainable_policy import ActingPolicy


class Affine(NamedTuple):
    """Per value: raw = centre + spread * normalised."""

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]


class LerobotPolicy(ActingPolicy):
    """The network and the normalisation around it.

    Args:
        network: of LeRobot's.
        joints, actions: (S,) and (A,) in the bundle's units.
        images: per camera (3,), of colours from 0 to 1.
    """

    def __init__(
        self, network: LerobotAct, joints: Affine, actions: Affine, images: Sequence[Affine]
    ) -> None:
        super().__init__()
        self.network = network
        self.joints = Scaling(joints)
        self.actions = Scaling(actions)
        self.images = nn.ModuleList(
            Scaling(Affine(*(values.reshape(3, 1, 1) for values in image))) for image in images
        )

    def normalise(self, joints: Tensor) -> Tensor:
        return self.joints(joints)

    def chunk(self, joints: Tensor, images: list[Tensor], *noise: Tensor) -> Tensor:
        normalised = [
            scaling(image.permute(0, 3, 1, 2).float() / 255)
            for scaling, image in zip(self.images, images, strict=True)
        ]
        return self.network(joints, normalised)

    def restore(self, actions: Tensor) -> Tensor:
        return self.actions.restore(actions)


class Scaling(nn.Module):
    """An affine normalisation in float32."""

    centre: Tensor
    spread: Tensor

    def __init__(self, affine: Affine) -> None:
        super().__init__()
        self.register_buffer("centre", torch.from_numpy(affine.centre.astype(np.float32)))
        self.register_buffer("spread", torch.from_numpy(affine.spread.astype(np.float32)))

    def forward(self, raw: Tensor) -> Tensor:
        return (raw - self.centre) / self.spread

    def restore(self, normalised: Tensor) -> Tensor:
        return normalised * self.spread + self.centre
