"""Mean and standard deviation of joints and actions, for normalisation."""

from __future__ import annotations

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
