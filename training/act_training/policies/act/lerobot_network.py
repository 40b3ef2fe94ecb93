"""LeRobot's ACT as it acts (z = 0), in one file; module names are those of its checkpoints.

    images -> ResNet-18 -> image tokens, one camera after the other
    [latent, joints, image tokens] -> encoder -> decoder (K queries) -> K actions

It differs from `network.py` in what a checkpoint of LeRobot may hold and ours never does: norms
before the blocks (`pre_norm`), GELU, positions that do not tell cameras apart. The CVAE encoder is
for training only and left out. Tested against LeRobot 0.4.4
(tests/training/test_import_checkpoint.py).

Source: huggingface/lerobot, policies/act/modeling_act.py.

Letters: B batch, K chunk size, S joints, A action, D model width, L latent, T tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from act_training.backbone import ResNet18
from act_training.policies.act.network import Decoder, image_positions

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}
HALVINGS = 5  # of the image, rounded up, in a ResNet


@dataclass(frozen=True)
class LerobotActConfig:
    """What of LeRobot's configuration shapes the network that acts; names and defaults are its."""

    state_dim: int
    action_dim: int
    image_sizes: tuple[tuple[int, int], ...]  # (height, width) of each camera, in camera order
    chunk_size: int = 100
    dim_model: int = 512
    n_heads: int = 8
    dim_feedforward: int = 3200
    feedforward_activation: str = "relu"
    n_encoder_layers: int = 4
    n_decoder_layers: int = 1
    latent_dim: int = 32
    pre_norm: bool = False


class LerobotAct(nn.Module):
    """The network, on normalised values."""

    image_token_positions: Tensor  # (image tokens of all cameras, D)

    def __init__(self, config: LerobotActConfig) -> None:
        super().__init__()
        width = config.dim_model
        self.config = config
        self.backbone = ResNet18()
        self.encoder_img_feat_input_proj = nn.Conv2d(self.backbone.out_channels, width, 1)
        self.encoder_robot_state_input_proj = nn.Linear(config.state_dim, width)
        self.encoder_latent_input_proj = nn.Linear(config.latent_dim, width)
        self.encoder_1d_feature_pos_embed = nn.Embedding(2, width)  # of the latent, of the joints
        self.encoder = Encoder(config)
        layers = (DecoderLayer(config) for _ in range(config.n_decoder_layers))
        self.decoder = Decoder(layers, width)
        self.decoder_pos_embed = nn.Embedding(config.chunk_size, width)
        self.action_head = nn.Linear(width, config.action_dim)
        positions = [image_positions(*_map_size(size), width) for size in config.image_sizes]
        self.register_buffer("image_token_positions", torch.cat(positions), persistent=False)

    def forward(self, joints: Tensor, images: list[Tensor]) -> Tensor:
        """Chunks (B, K, A) for joints (B, S) and one (B, 3, H, W) per camera."""
        latent = joints.new_zeros(joints.shape[0], self.config.latent_dim)
        tokens = [
            self.encoder_latent_input_proj(latent)[:, None],
            self.encoder_robot_state_input_proj(joints)[:, None],
        ]
        for image in images:
            features = self.encoder_img_feat_input_proj(self.backbone(image))  # (B, D, h, w)
            tokens.append(features.flatten(2).transpose(1, 2))
        positions = torch.cat(
            [self.encoder_1d_feature_pos_embed.weight, self.image_token_positions]
        )  # (T, D)
        memory = self.encoder(torch.cat(tokens, dim=1), positions[None])  # (B, T, D)
        decoded = self.decoder(self.decoder_pos_embed.weight[None], memory, positions[None])
        return self.action_head(decoded)


class Encoder(nn.Module):
    """Transformer encoder that adds the positions in every layer."""

    def __init__(self, config: LerobotActConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.n_encoder_layers))
        self.norm = nn.LayerNorm(config.dim_model) if config.pre_norm else nn.Identity()

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:  # (B, T, D), (1, T, D)
        for layer in self.layers:
            x = layer(x, positions)
        return self.norm(x)


class Layer(nn.Module):
    """What both kinds of layers have: self-attention, feed-forward, and norms before or after."""

    def __init__(self, config: LerobotActConfig) -> None:
        super().__init__()
        width = config.dim_model
        self.pre_norm = config.pre_norm
        self.activation = ACTIVATIONS[config.feedforward_activation]
        self.self_attn = nn.MultiheadAttention(width, config.n_heads, batch_first=True)
        self.linear1 = nn.Linear(width, config.dim_feedforward)
        self.linear2 = nn.Linear(config.dim_feedforward, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)

    def attend_to_itself(self, x: Tensor, positions: Tensor) -> Tensor:
        keys = x + positions
        return self.self_attn(keys, keys, x, need_weights=False)[0]

    def feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.activation(self.linear1(x)))


class EncoderLayer(Layer):
    """Self-attention and feed-forward."""

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        if self.pre_norm:
            x = x + self.attend_to_itself(self.norm1(x), positions)
            return x + self.feed_forward(self.norm2(x))
        x = self.norm1(x + self.attend_to_itself(x, positions))
        return self.norm2(x + self.feed_forward(x))


class DecoderLayer(Layer):
    """Self-attention, cross-attention and feed-forward."""

    def __init__(self, config: LerobotActConfig) -> None:
        super().__init__(config)
        self.multihead_attn = nn.MultiheadAttention(
            config.dim_model, config.n_heads, batch_first=True
        )
        self.norm3 = nn.LayerNorm(config.dim_model)

    def attend_to_memory(
        self, x: Tensor, queries: Tensor, memory: Tensor, positions: Tensor
    ) -> Tensor:
        keys = memory + positions
        return self.multihead_attn(x + queries, keys, memory, need_weights=False)[0]

    def forward(self, x: Tensor, queries: Tensor, memory: Tensor, positions: Tensor) -> Tensor:
        if self.pre_norm:
            x = x + self.attend_to_itself(self.norm1(x), queries)
            x = x + self.attend_to_memory(self.norm2(x), queries, memory, positions)
            return x + self.feed_forward(self.norm3(x))
        x = self.norm1(x + self.attend_to_itself(x, queries))
        x = self.norm2(x + self.attend_to_memory(x, queries, memory, positions))
        return self.norm3(x + self.feed_forward(x))


def _map_size(image_size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the feature map of an image."""
    height, width = image_size
    for _ in range(HALVINGS):
        height, width = (height + 1) // 2, (width + 1) // 2
    return height, width
