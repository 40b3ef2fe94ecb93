"""The paper's temporal ensemble as its authors wrote it down, for comparison: a table and a mean.

Zhao et al. 2023, algorithm 2: at every step t the policy predicts K actions, which go into row t
of a table at columns t .. t+K-1; the action for t is the mean of column t with weights exp(-m i),
i = 0 for the oldest prediction.
"""

from __future__ import annotations

import numpy as np


class ReferenceEnsemble:
    """Counts steps, keeps every prediction of an episode."""

    def __init__(self, chunk_size: int, m: float) -> None:
        self._chunk_size = chunk_size
        self._m = m
        self._table: list[dict[int, np.ndarray]] = []

    def step(self, rows: np.ndarray | None) -> np.ndarray:
        """The action of the next step, after the chunk predicted in it (None: none was)."""
        t = len(self._table)
        rows = [] if rows is None else rows
        self._table.append({t + i: row for i, row in enumerate(rows)})
        column = [predicted[t] for predicted in self._table if t in predicted]
        weights = np.exp(-self._m * np.arange(len(column)))
        return (weights[:, None] * np.array(column)).sum(axis=0) / weights.sum()
