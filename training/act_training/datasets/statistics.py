"""Mean and standard deviation of joints and actions, for normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MINIMUM_STD = 1e-2  # as in tonyzhaozh/act: a joint that hardly moves must not amplify its noise


class Moments(NamedTuple):
    """Per dimension, float32 (dim,)."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]


class Statistics(NamedTuple):
    """Moments in the dataset's units."""

    joints: Moments
    actions: Moments


def compute_moments(rows: NDArray[np.floating]) -> Moments:
    """Moments over the rows of (N, dim), in float64; std is at least `MINIMUM_STD`."""
    rows = np.asarray(rows, dtype=np.float64)
    std = np.maximum(rows.std(axis=0), MINIMUM_STD)
    return Moments(rows.mean(axis=0).astype(np.float32), std.astype(np.float32))


def mix_moments(parts: Sequence[NDArray[np.floating]], weights: Sequence[float]) -> Moments:
    """`compute_moments` of samples that come from several datasets by their weights.

    With shares p: mean = sum p_i mean_i, variance = sum p_i (variance_i + (mean_i - mean)^2).

    Args:
        parts: for each dataset its rows, (N_i, dim).
        weights: as many, above 0.
    """
    if len(parts) == 1:
        return compute_moments(parts[0])
    shares = np.array(weights, dtype=np.float64)[:, None] / np.sum(weights)  # (D, 1)
    means = np.array([np.mean(rows, axis=0, dtype=np.float64) for rows in parts])  # (D, dim)
    variances = np.array([np.var(rows, axis=0, dtype=np.float64) for rows in parts])
    mean = (shares * means).sum(axis=0)
    std = np.sqrt((shares * (variances + (means - mean) ** 2)).sum(axis=0))
    return Moments(mean.astype(np.float32), np.maximum(std, MINIMUM_STD).astype(np.float32))
