"""What a policy planned, what was commanded and where the arm was, over one episode."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Series = list[tuple[int, NDArray[np.float64]]]  # (stamp [ns], (J,) [rad])


@dataclass
class PlanLog:
    """Everything in the order of `joints`; stamps are ROS time [ns]."""

    joints: tuple[str, ...]
    measured: Series = field(default_factory=list)
    commanded: Series = field(default_factory=list)
    chunks: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = field(default_factory=list)
    """Per chunk the times of its rows (K,) [ns] and the rows (K, J) [rad]."""

    def ordered(self, names: tuple[str, ...], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """``values`` (..., N) of ``names`` in the order of `joints`; NaN for one not among them."""
        ordered = np.full((*values.shape[:-1], len(self.joints)), np.nan)
        for index, joint in enumerate(self.joints):
            if joint in names:
                ordered[..., index] = values[..., names.index(joint)]
        return ordered

    def __bool__(self) -> bool:
        return bool(self.measured and self.commanded and self.chunks)
