"""What a policy planned, what was commanded and where the arm was, over one episode."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from act_core.foreign_text import clean_list
from numpy.typing import NDArray

LARGEST_RAD = 1e6  # what is beyond cannot be drawn

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
        """``values`` (..., N) of ``names`` in the order of `joints`; NaN for one not among them.

        Raises ValueError where none is among them, for another number of values than of names and
        for values that are not finite.
        """
        if values.shape[-1:] != (len(names),):
            raise ValueError(f"{len(names)} joint names but positions of shape {values.shape}")
        if not set(names) & set(self.joints):
            raise ValueError(f"none of {', '.join(self.joints)} in it: {clean_list(names)}")
        if not (np.abs(values) < LARGEST_RAD).all():
            raise ValueError("a position is not finite")
        ordered = np.full((*values.shape[:-1], len(self.joints)), np.nan)
        for index, joint in enumerate(self.joints):
            if joint in names:
                ordered[..., index] = values[..., names.index(joint)]
        return ordered

    def __bool__(self) -> bool:
        return bool(self.measured and self.commanded and self.chunks)
