"""ResNet-18 feature maps, full, narrow or cut short.

Written out here and not taken from torchvision for two reasons: torchvision's basic block has
no width setting (the narrow backbone is what lets a policy train on a CPU), and its 0.28.0
wheel does not import beside the CPU build of torch 2.13. Parameter names are torchvision's, so
its ImageNet weights load as they are; `tests/training/test_backbone.py` compares the outputs.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol
from urllib.error import URLError

import torch
from act_core.errors import ConfigurationError
from torch import Tensor, nn

IMAGENET_URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
GROUP_CHANNELS = 16  # channels per group of a group norm, as in Diffusion Policy (2303.04137)

log = logging.getLogger(__name__)


class FrozenBatchNorm2d(nn.Module):
    """Batch norm with fixed statistics and affine terms: (x - mean) / sqrt(var + 1e-5) * w + b."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:  # (B, channels, H, W)
        return nn.functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, eps=1e-5
        )


def _norm(kind: str, channels: int) -> nn.Module:
    if kind == "frozen":
        return FrozenBatchNorm2d(channels)
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    return nn.GroupNorm(max(1, channels // GROUP_CHANNELS), channels)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2015, figure 2)."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = _norm(norm, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = _norm(norm, outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), _norm(norm, outputs)
            )

    def forward(self, x: Tensor) -> Tensor:  # (B, inputs, H, W) -> (B, outputs, H/stride, W/stride)
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.bn1(self.conv1(x)).relu()
        return (self.bn2(self.conv2(x)) + shortcut).relu()


class ResNet18(nn.Module):
    """Stem and the first `stages` stages; the channels are width, 2, 4 and 8 times width.

    The feature map is 1/4, 1/8, 1/16 or 1/32 of the image for 1 to 4 stages (rounded up).
    """

    def __init__(self, width: int = 64, stages: int = 4, norm: str = "frozen") -> None:
        super().__init__()
        self.stages = stages
        self.out_channels = width * 2 ** (stages - 1)
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = _norm(norm, width)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = width
        for stage in range(stages):
            outputs = width * 2**stage
            blocks = nn.Sequential(
                BasicBlock(inputs, outputs, 1 if stage == 0 else 2, norm),
                BasicBlock(outputs, outputs, 1, norm),
            )
            self.add_module(f"layer{stage + 1}", blocks)
            inputs = outputs
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:  # (B, 3, H, W) -> (B, out_channels, h, w)
        x = self.maxpool(self.bn1(self.conv1(images)).relu())
        for stage in range(self.stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        return x


class BackboneConfig(Protocol):
    """What of a policy's configuration is about its backbone; see `ActConfig` for the meaning."""

    @property
    def backbone_width(self) -> int: ...
    @property
    def backbone_stages(self) -> int: ...
    @property
    def backbone_norm(self) -> str: ...
    @property
    def backbone_weights(self) -> str | None: ...


def build_backbone(config: BackboneConfig, *, load_weights: bool = True) -> ResNet18:
    """Return the backbone of `config`, with its pretrained weights unless `load_weights` is False.

    ImageNet weights that cannot be had are reported and replaced by random ones; a weights *file*
    that is missing or does not fit raises ConfigurationError.
    """
    backbone = ResNet18(config.backbone_width, config.backbone_stages, config.backbone_norm)
    if config.backbone_weights and load_weights:
        weights = _read_weights(config.backbone_weights)
        if weights is not None:
            _load_weights(backbone, weights, config.backbone_weights)
    return backbone


def _read_weights(source: str) -> dict[str, Tensor] | None:
    if source != "imagenet":
        if not Path(source).is_file():
            raise ConfigurationError(
                f"model.backbone_weights is {source!r}, but there is no such file: give a "
                "torchvision ResNet-18 state dict, 'imagenet' or None"
            )
        return torch.load(source, map_location="cpu", weights_only=True)
    try:
        return torch.hub.load_state_dict_from_url(IMAGENET_URL, map_location="cpu", progress=False)
    except (URLError, OSError) as error:
        log.warning(
            "ImageNet weights of ResNet-18 are neither in %s nor downloadable (%s): the backbone "
            "starts from random weights with fixed batch norm, which trains poorly. Put the file "
            "there, or use model.backbone_norm 'group' with model.backbone_weights None.",
            torch.hub.get_dir(),
            error,
        )
        return None


def _load_weights(backbone: ResNet18, weights: dict[str, Tensor], source: str) -> None:
    """Copy the tensors that the (possibly shortened) backbone has; the rest is not needed."""
    result = backbone.load_state_dict(
        {name: tensor for name, tensor in weights.items() if name in backbone.state_dict()},
        strict=False,
    )
    if result.missing_keys:
        raise ConfigurationError(
            f"{source!r} is not a torchvision ResNet-18 state dict: it lacks "
            f"{', '.join(result.missing_keys[:3])} ({len(result.missing_keys)} tensors in all)"
        )
