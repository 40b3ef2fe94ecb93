"""ACT, Action Chunking with Transformers (Zhao et al. 2023, arXiv 2304.13705), in one file.

Training                                      Inference
--------                                      ---------
[cls, joints, actions (, image tokens)]       z = 0
        | CVAE encoder                          |
   mean, log variance -> z                      |
                      \\                         |
   [z, joints, image tokens of every camera] -> encoder -> decoder (K queries) -> K actions

Modified ACT (`vae_images`) lets the CVAE encoder see the image tokens, so that the latent codes
the style of a demonstration given the scene, and not the scene itself.

Letters: B batch, K chunk size, S joints, A action, D model width, L latent, C cameras,
N image tokens of all cameras, T tokens.

Differences from the paper and from tonyzhaozh/act, with reasons
- Decoder depth: the published code builds 7 layers and uses the output of the first (its issue
  25). Here every layer built is used, so the equivalent of the code is 1 layer.
- Cameras: the code joins the feature maps along the width, which tells cameras apart by position.
  Here each camera has its own 2-D positions (cameras may differ in size) and a learned vector per
  camera tells them apart; without it two cameras are interchangeable to the network.
- Padding: the code averages the loss over padded steps too, which makes the ends of episodes
  count less. Here it is the mean over valid steps. Both mask padded actions in the CVAE encoder.
- `is_pad_head`, predicted but never used by the code, is left out.
- Joints and actions are embedded separately and the positions of latent and joints are learned,
  as in the code (the paper draws fixed positions).
- Initial weights: Xavier for the transformers, as in the code; zeros for the camera vectors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from act_training.backbone import build_backbone
from act_training.policies.act.config import ActConfig


class ActOutput(NamedTuple):
    """What the network predicts; the posterior is None when no latent was inferred."""

    actions: Tensor  # (B, K, A), normalised
    mean: Tensor | None  # (B, L)
    log_variance: Tensor | None  # (B, L)


class ACT(nn.Module):
    """The network, on normalised values (`ActPolicy` owns the normalisation).

    Args:
        config: sizes and variant.
        state_dim: S, number of joint values.
        action_dim: A, number of action values.
        image_sizes: (height, width) of each camera's input, in camera order.
        load_weights: read pretrained backbone weights (False before loading a checkpoint).
    """

    vae_positions: Tensor

    def __init__(
        self,
        config: ActConfig,
        state_dim: int,
        action_dim: int,
        image_sizes: tuple[tuple[int, int], ...],
        *,
        load_weights: bool = True,
    ) -> None:
        super().__init__()
        width = config.dim_model
        self.config = config

        if config.use_vae:
            self.vae_cls = nn.Parameter(torch.zeros(1, 1, width))
            self.vae_joints = nn.Linear(state_dim, width)
            self.vae_actions = nn.Linear(action_dim, width)
            self.vae_encoder = Encoder(config, config.n_vae_encoder_layers)
            self.vae_latent = nn.Linear(width, 2 * config.latent_dim)
            positions = sinusoidal_positions(config.chunk_size + 2, width)[None]
            self.register_buffer("vae_positions", positions, persistent=False)  # (1, K+2, D)

        count = 1 if config.shared_backbone else len(image_sizes)
        backbones = [build_backbone(config, load_weights=load_weights) for _ in range(count)]
        self.backbones = nn.ModuleList(backbones)
        self.image_projection = nn.Conv2d(backbones[0].out_channels, width, 1)
        self.image_positions = nn.Module()  # one fixed (1, tokens, D) buffer per camera
        for camera, size in enumerate(image_sizes):
            positions = image_positions(*self._map_size(size), width)[None]
            self.image_positions.register_buffer(str(camera), positions, persistent=False)
        self.camera_embedding = None
        if config.camera_embedding:
            self.camera_embedding = nn.Parameter(torch.zeros(len(image_sizes), width))

        self.joints = nn.Linear(state_dim, width)
        self.latent = nn.Linear(config.latent_dim, width)
        self.token_positions = nn.Embedding(2, width)  # of the latent and of the joints
        self.encoder = Encoder(config, config.n_encoder_layers)

        self.queries = nn.Embedding(config.chunk_size, width)
        layers = (DecoderLayer(config) for _ in range(config.n_decoder_layers))
        self.decoder = Decoder(layers, width)
        self.action_head = nn.Linear(width, action_dim)

        for module in (self.encoder, self.decoder):
            for parameter in module.parameters():
                if parameter.dim() > 1:
                    nn.init.xavier_uniform_(parameter)

    def _map_size(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the backbone's feature map: halved, rounded up, stages + 1 times."""
        height, width = image_size
        for _ in range(self.config.backbone_stages + 1):
            height, width = (height + 1) // 2, (width + 1) // 2
        return height, width

    def forward(
        self,
        joints: Tensor,
        images: list[Tensor],
        actions: Tensor | None = None,
        is_pad: Tensor | None = None,
    ) -> ActOutput:
        """Predict a chunk; with `actions` given, infer the latent from them (training).

        Args:
            joints: (B, S).
            images: one (B, 3, H, W) per camera.
            actions: (B, K, A), or None for z = 0.
            is_pad: (B, K) bool, True where the episode had already ended; needs `actions`.
        """
        image_tokens, image_positions = self._embed_images(images)  # (B, N, D), (1, N, D)

        mean = log_variance = None
        latent = joints.new_zeros(joints.shape[0], self.config.latent_dim)  # (B, L)
        if self.config.use_vae and actions is not None:
            mean, log_variance = self._infer_latent(
                joints, actions, is_pad, image_tokens, image_positions
            )
            latent = mean + (log_variance / 2).exp() * torch.randn_like(mean)

        tokens = torch.cat(
            [self.latent(latent)[:, None], self.joints(joints)[:, None], image_tokens], dim=1
        )  # (B, 2+N, D)
        positions = torch.cat([self.token_positions.weight[None], image_positions], dim=1)
        memory = self.encoder(tokens, positions)  # (B, 2+N, D)
        decoded = self.decoder(self.queries.weight[None], memory, positions)  # (B, K, D)
        with torch.autocast(decoded.device.type, enabled=False):
            # bf16 has 8 bits of precision: too few for targets, enough for features.
            predicted = self.action_head(decoded.float())  # (B, K, A)
        return ActOutput(predicted, mean, log_variance)

    def _embed_images(self, images: list[Tensor]) -> tuple[Tensor, Tensor]:
        tokens, positions = [], []
        for camera, image in enumerate(images):
            backbone = self.backbones[camera % len(self.backbones)]
            features = self.image_projection(backbone(image))  # (B, D, h, w)
            tokens.append(features.flatten(2).transpose(1, 2))  # (B, h*w, D)
            position = self.image_positions.get_buffer(str(camera))  # (1, h*w, D)
            if self.camera_embedding is not None:
                position = position + self.camera_embedding[camera]
            positions.append(position)
        return torch.cat(tokens, dim=1), torch.cat(positions, dim=1)

    def _infer_latent(
        self,
        joints: Tensor,
        actions: Tensor,
        is_pad: Tensor | None,
        image_tokens: Tensor,
        image_positions: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | joints, actions (, images)), (B, L) each."""
        batch = joints.shape[0]
        tokens = torch.cat(
            [
                self.vae_cls.expand(batch, -1, -1),
                self.vae_joints(joints)[:, None],
                self.vae_actions(actions),
            ],
            dim=1,
        )  # (B, 2+K, D)
        positions = self.vae_positions
        ignore = None
        if is_pad is not None:
            ignore = nn.functional.pad(is_pad, (2, 0))  # cls and joints are never padding
        if self.config.vae_images:
            tokens = torch.cat([tokens, image_tokens], dim=1)  # (B, 2+K+N, D)
            positions = torch.cat([positions, image_positions], dim=1)
            if ignore is not None:
                ignore = nn.functional.pad(ignore, (0, image_tokens.shape[1]))
        encoded = self.vae_encoder(tokens, positions, ignore)[:, 0]  # (B, D), the cls token
        mean, log_variance = self.vae_latent(encoded).chunk(2, dim=-1)
        return mean, log_variance


class Encoder(nn.Module):
    """Post-norm transformer encoder that adds the positions in every layer, as DETR does."""

    def __init__(self, config: ActConfig, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(layers))

    def forward(self, x: Tensor, positions: Tensor, ignore: Tensor | None = None) -> Tensor:
        for layer in self.layers:
            x = layer(x, positions, ignore)
        return x


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward."""

    def __init__(self, config: ActConfig) -> None:
        super().__init__()
        width, dropout = config.dim_model, config.dropout
        self.self_attn = nn.MultiheadAttention(width, config.n_heads, dropout, batch_first=True)
        self.feed_forward = FeedForward(config)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, positions: Tensor, ignore: Tensor | None) -> Tensor:
        """x (B, T, D); positions (1, T, D); ignore (B, T) bool, True for tokens not attended to."""
        keys = x + positions
        attended = self.self_attn(keys, keys, x, key_padding_mask=ignore, need_weights=False)[0]
        x = self.norm1(x + self.dropout(attended))
        return self.norm2(x + self.dropout(self.feed_forward(x)))


class Decoder(nn.Module):
    """K learned queries attend to each other and to the encoder's output."""

    def __init__(self, layers: Iterable[nn.Module], width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, memory: Tensor, positions: Tensor) -> Tensor:
        """queries (1, K, D); memory (B, T, D); positions (1, T, D) of the memory -> (B, K, D)."""
        x = torch.zeros_like(queries).expand(memory.shape[0], -1, -1)
        for layer in self.layers:
            x = layer(x, queries, memory, positions)
        return self.norm(x)


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention and feed-forward."""

    def __init__(self, config: ActConfig) -> None:
        super().__init__()
        width, heads, dropout = config.dim_model, config.n_heads, config.dropout
        self.self_attn = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.cross_attn = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.feed_forward = FeedForward(config)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, queries: Tensor, memory: Tensor, positions: Tensor) -> Tensor:
        keys = x + queries
        attended = self.self_attn(keys, keys, x, need_weights=False)[0]
        x = self.norm1(x + self.dropout(attended))
        attended = self.cross_attn(x + queries, memory + positions, memory, need_weights=False)[0]
        x = self.norm2(x + self.dropout(attended))
        return self.norm3(x + self.dropout(self.feed_forward(x)))


class FeedForward(nn.Sequential):
    """Linear, ReLU, dropout, linear."""

    def __init__(self, config: ActConfig) -> None:
        super().__init__(
            nn.Linear(config.dim_model, config.dim_feedforward),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.dim_feedforward, config.dim_model),
        )


def sinusoidal_positions(length: int, width: int) -> Tensor:
    """(length, width): sin at even and cos at odd columns (Vaswani et al. 2017, section 3.5)."""
    return _interleave(torch.arange(length, dtype=torch.float32), width)


def image_positions(height: int, width: int, dim: int) -> Tensor:
    """(height*width, dim): DETR's 2-D positions, row-major; the first half codes y, the second x.

    Coordinates run from 1 to the size and are scaled so that the last one is 2 pi.
    """
    y = torch.arange(1, height + 1, dtype=torch.float32) / (height + 1e-6) * 2 * math.pi
    x = torch.arange(1, width + 1, dtype=torch.float32) / (width + 1e-6) * 2 * math.pi
    rows = _interleave(y, dim // 2)[:, None].expand(-1, width, -1)  # (height, width, dim/2)
    columns = _interleave(x, dim // 2)[None].expand(height, -1, -1)
    return torch.cat([rows, columns], dim=-1).flatten(0, 1)


def _interleave(coordinate: Tensor, dim: int) -> Tensor:
    """(n,) -> (n, dim): sin, cos, sin, cos ... of coordinate / 10000^(2*floor(i/2)/dim)."""
    frequency = 10000.0 ** (torch.arange(0, dim, 2, dtype=torch.float32) / dim)
    angle = coordinate[:, None] / frequency  # (n, dim/2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
