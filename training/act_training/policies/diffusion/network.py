"""A transformer that takes the noise off a chunk of actions.

    joints, image tokens of every camera -> encoder -> memory
    noisy chunk, time -> decoder (reads the memory) -> v, as `sampling` says

For each chunk the encoder runs once and the decoder once per sampling step; what the decoder reads
(keys and values of the memory) is computed once. The noise level comes in by adaptive layer norms
(adaLN-Zero of DiT, Peebles & Xie 2022, arXiv 2212.09748, section 3.2), which depend on nothing
else: in an exported graph, whose steps are fixed, they are constants.

Letters: B batch, T observation steps, C cameras, N image tokens of one camera, M tokens of the
memory, K chunk size, S joints, A action, D width, H heads.

Differences from the transformer of Diffusion Policy (2303.04137), with reasons
- Image tokens with positions in place of one vector for each image: as ACT here has it, so that the
  two families differ in what is learnt from the same features.
- adaLN-Zero in place of a token for the noise level: trains without a search for its settings
  (Dasari et al. 2024, 2410.10088).
- No causal mask: a chunk is denoised as a whole.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from act_training.backbone import build_backbone
from act_training.policies.act.network import image_positions
from act_training.policies.diffusion.config import DiffusionConfig

TIME_SCALE = 1000.0  # positions are made for whole numbers; time is from 0 to 1

Memory = list[tuple[Tensor, Tensor]]  # for each decoder layer keys and values (B, H, M, D/H)


class Denoiser(nn.Module):
    """The network, on normalised values.

    Args:
        config: sizes.
        state_dim: S, number of joint values.
        action_dim: A, number of action values.
        image_sizes: (height, width) of each camera's input, in camera order.
        load_weights: read pretrained backbone weights (False before loading a checkpoint).
    """

    wave_lengths: Tensor

    def __init__(
        self,
        config: DiffusionConfig,
        state_dim: int,
        action_dim: int,
        image_sizes: tuple[tuple[int, int], ...],
        *,
        load_weights: bool = True,
    ) -> None:
        super().__init__()
        width = config.dim_model
        count = 1 if config.shared_backbone else len(image_sizes)
        backbones = [build_backbone(config, load_weights=load_weights) for _ in range(count)]
        self.backbones = nn.ModuleList(backbones)
        self.image_projection = nn.Conv2d(backbones[0].out_channels, width, 1)
        self.image_positions = nn.Module()  # one fixed (N, D) buffer per camera
        for camera, (height, width_px) in enumerate(image_sizes):
            for _ in range(config.backbone_stages + 1):  # each halves, rounded up
                height, width_px = (height + 1) // 2, (width_px + 1) // 2
            positions = image_positions(height, width_px, width)
            self.image_positions.register_buffer(str(camera), positions, persistent=False)
        self.cameras = _vectors(len(image_sizes), width)
        self.obs_steps = _vectors(config.n_obs_steps, width)
        self.joints = nn.Linear(state_dim, width)
        self.encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.n_encoder_layers))
        self.memory_norm = nn.LayerNorm(width)

        self.actions = nn.Linear(action_dim, width)
        self.rows = _vectors(config.chunk_size, width)
        wave_lengths = 10_000.0 ** torch.linspace(0, 1, width // 2)
        self.register_buffer("wave_lengths", wave_lengths, persistent=False)  # (D/2,)
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        decoder = [DecoderLayer(config) for _ in range(config.n_decoder_layers)]
        self.decoder = nn.ModuleList(decoder)
        self._readers = [layer.cross_attention for layer in decoder]
        self.head_norm = AdaptiveNorm(width)
        self.head = nn.Linear(width, action_dim)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def observe(self, joints: Tensor, images: list[Tensor]) -> Memory:
        """What the decoder reads.

        Args:
            joints: (B, T, S).
            images: for each camera (B, T, 3, h, w).
        """
        tokens = [self.joints(joints)[:, :, None]]  # (B, T, 1, D)
        for camera, image in enumerate(images):
            backbone = self.backbones[camera % len(self.backbones)]
            features = self.image_projection(backbone(image.flatten(0, 1)))  # (B*T, D, ., .)
            seen = features.flatten(2).transpose(1, 2) + self.cameras[camera]
            seen = seen + self.image_positions.get_buffer(str(camera))
            tokens.append(seen.unflatten(0, joints.shape[:2]))  # (B, T, N, D)
        memory = (torch.cat(tokens, dim=2) + self.obs_steps[:, None]).flatten(1, 2)  # (B, M, D)
        for layer in self.encoder:
            memory = layer(memory)
        memory = self.memory_norm(memory)
        return [layer.keys_and_values(memory) for layer in self._readers]

    def forward(
        self, x: Tensor, time: Tensor, memory: Memory, is_pad: Tensor | None = None
    ) -> Tensor:
        """v (B, K, A) for noisy chunks (B, K, A).

        Args:
            time: (B,), or (1,) for all.
            is_pad: (B, K) bool, True for rows that are not looked at.
        """
        condition = self.time(self._time_embedding(time))  # (B, D)
        hidden = self.actions(x) + self.rows
        looked_at = None if is_pad is None else ~is_pad[:, None, None]  # (B, 1, 1, K)
        for layer, remembered in zip(self.decoder, memory, strict=True):
            hidden = layer(hidden, condition, remembered, looked_at)
        hidden, _ = self.head_norm(hidden, condition)
        with torch.autocast(hidden.device.type, enabled=False):  # as the head of ACT
            return self.head(hidden.float())

    def _time_embedding(self, time: Tensor) -> Tensor:
        """(B,) -> (B, D): sines and cosines of wave lengths from 2 pi to 2 pi * 10,000."""
        angle = TIME_SCALE * time[:, None] / self.wave_lengths
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each normalised before."""

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.dim_model)
        self.attention = Attention(config)
        self.norm2 = nn.LayerNorm(config.dim_model)
        self.feed_forward = feed_forward(config)

    def forward(self, tokens: Tensor) -> Tensor:  # (B, M, D)
        normed = self.norm1(tokens)
        tokens = tokens + self.attention(normed, self.attention.keys_and_values(normed))
        return tokens + self.feed_forward(self.norm2(tokens))


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention and feed-forward, each with an adaptive norm before."""

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        self.norm1 = AdaptiveNorm(config.dim_model)
        self.self_attention = Attention(config)
        self.norm2 = AdaptiveNorm(config.dim_model)
        self.cross_attention = Attention(config)
        self.norm3 = AdaptiveNorm(config.dim_model)
        self.feed_forward = feed_forward(config)

    def forward(
        self,
        rows: Tensor,
        condition: Tensor,
        memory: tuple[Tensor, Tensor],
        looked_at: Tensor | None,
    ) -> Tensor:
        """rows (B, K, D); condition (B, D); looked_at (B, 1, 1, K) bool, None for all."""
        normed, gate = self.norm1(rows, condition)
        own = self.self_attention.keys_and_values(normed)
        rows = rows + gate * self.self_attention(normed, own, looked_at)
        normed, gate = self.norm2(rows, condition)
        rows = rows + gate * self.cross_attention(normed, memory)
        normed, gate = self.norm3(rows, condition)
        return rows + gate * self.feed_forward(normed)


class AdaptiveNorm(nn.Module):
    """Layer norm whose scale and shift, and a gate for what comes of it, depend on a condition.

    They begin as 1, 0 and 0: a layer is the identity at first, whatever the noise.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(width, 3 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, K, D) and condition (B, D) -> normalised x, gate (B, 1, D)."""
        changes = self.modulation(nn.functional.silu(condition))[:, None]
        scale, shift, gate = changes.chunk(3, dim=-1)
        return self.norm(x) * (1 + scale) + shift, gate


class Attention(nn.Module):
    """Multi-head attention to keys and values that can be computed once and read many times."""

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        width, self.heads = config.dim_model, config.n_heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def keys_and_values(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(B, M, D) -> keys and values, (B, H, M, D/H) each."""
        keys, values = self.key_value(tokens).chunk(2, dim=-1)
        return self._split(keys), self._split(values)

    def forward(
        self, x: Tensor, memory: tuple[Tensor, Tensor], looked_at: Tensor | None = None
    ) -> Tensor:  # (B, K, D)
        query = self._split(self.query(x))
        attended = scaled_dot_product_attention(query, *memory, attn_mask=looked_at)
        return self.out(attended.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


def feed_forward(config: DiffusionConfig) -> nn.Sequential:
    """Linear, GELU, linear."""
    return nn.Sequential(
        nn.Linear(config.dim_model, config.dim_feedforward),
        nn.GELU(approximate="tanh"),
        nn.Linear(config.dim_feedforward, config.dim_model),
    )


def _vectors(count: int, width: int) -> nn.Parameter:
    return nn.Parameter(0.02 * torch.randn(count, width))
