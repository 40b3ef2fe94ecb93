"""Between noise and actions: what the network learns, and the steps that a chunk is sampled in.

A noisy chunk is x = signal * actions + noise_share * noise, and the network is asked for v, from
which x moves on:  next x = keep * x + move * v.

ddim    signal^2 + noise_share^2 = 1, by the cosine schedule (Nichol & Dhariwal 2021, arXiv
        2102.09672, equation 17; betas up to 0.999, as in Diffusion Policy, 2303.04137).
        v = signal * noise - noise_share * actions (Salimans & Ho 2022, 2202.00512, section 4).
        A step of DDIM (Song et al. 2020, 2010.02502, equation 12, eta = 0) from (signal, share) to
        (signal', share') is then the rotation keep = signal' signal + share' share,
        move = share' signal - signal' share.
flow    signal = 1 - time, noise_share = time, v = actions - noise (Lipman et al. 2022, 2210.02747;
        time runs from 1, noise, to 0); Euler's method.

Differences from Diffusion Policy, with reasons
- It predicts the noise. From that the actions of the first step, where signal is about 0.005, would
  come out of a division by it, for which it clips them to the range of the data; v needs neither.
- Of its 100 levels it samples 90, 80 ... 0, so that sampling begins from a level that holds some
  signal, which pure noise does not. Here they are 99, 89 ... 9 (Lin et al. 2023, 2305.08891).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from act_training.policies.diffusion.config import DiffusionConfig

LARGEST_BETA = 0.999


class Step(NamedTuple):
    """One pass of the network: next x = keep * x + move * network(x, time)."""

    time: float
    keep: float
    move: float


def sampling_steps(config: DiffusionConfig) -> tuple[Step, ...]:
    """The steps from noise to a chunk."""
    count = config.sampling_steps
    if config.sampler == "flow":
        return tuple(Step(1 - i / count, 1.0, 1 / count) for i in range(count))
    shares = cosine_schedule(config.noise_levels)
    levels = [round(config.noise_levels * (1 - i / count)) - 1 for i in range(count)]
    steps = []
    for level, after in zip(levels, [*levels[1:], None], strict=True):
        signal, share = shares[level]
        next_signal, next_share = (1.0, 0.0) if after is None else shares[after]
        keep = next_signal * signal + next_share * share
        move = next_share * signal - next_signal * share
        steps.append(Step(level / config.noise_levels, keep, move))
    return tuple(steps)


def cosine_schedule(levels: int) -> list[tuple[float, float]]:
    """(signal, noise_share) of each level of noise, from the least to the most."""

    def remaining(time: float) -> float:
        return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2

    shares = []
    product = 1.0
    for level in range(levels):
        beta = min(1 - remaining((level + 1) / levels) / remaining(level / levels), LARGEST_BETA)
        product *= 1 - beta
        shares.append((math.sqrt(product), math.sqrt(1 - product)))
    return shares


class Noised(NamedTuple):
    """B samples to learn from."""

    x: Tensor  # (B, K, A)
    time: Tensor  # (B,)
    v: Tensor  # (B, K, A), what the network should answer


def add_noise(config: DiffusionConfig, actions: Tensor) -> Noised:
    """Random noise of random levels on chunks (B, K, A)."""
    noise, count = torch.randn_like(actions), len(actions)
    if config.sampler == "flow":
        time = torch.rand(count, device=actions.device)
        share = time[:, None, None]
        return Noised((1 - share) * actions + share * noise, time, actions - noise)
    levels = torch.randint(config.noise_levels, (count,), device=actions.device)
    shares = torch.tensor(cosine_schedule(config.noise_levels), device=actions.device)[levels]
    signal, share = shares[:, :, None, None].unbind(1)  # (B, 1, 1) each
    x, v = signal * actions + share * noise, signal * noise - share * actions
    return Noised(x, levels / config.noise_levels, v)
