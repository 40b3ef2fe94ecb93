"""The newest chunk, with a ramp to it from what was there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from act_core.parameters import parameter
from act_core.policy_spec import PolicySpec
from numpy.typing import NDArray

from act_policy.merged_chunk import MergedChunk
from act_policy.modes import execution_mode


@dataclass(frozen=True)
class BlendedOptions:
    """How long the ramp is."""

    blend_rows: int = parameter(5, "rows over which the old chunk gives way to the new", low=1)


@execution_mode("blended")
class Blended(MergedChunk):
    """Aligned and blended: row j after a chunk's arrival, j = 0 ... k - 1, is
    ((k - j) old + (j + 1) new) / (k + 1), later ones are new.

    The rule of ``transition_blend_steps`` in variants of LeRobot's `ActionQueue`, and of what its
    remote inference calls blended (5 rows). k is no more than the rows that are left of the old.
    Without the ramp it would be mode `newest`, which LeRobot calls aligned.
    """

    Options = BlendedOptions
    plays_s = 0.0

    def __init__(self, options: BlendedOptions, _spec: PolicySpec) -> None:
        super().__init__()
        self._blend_rows = options.blend_rows

    def share(self, rows_on: NDArray[np.float64], overlap: int) -> NDArray[np.float64]:
        return np.clip((rows_on + 1) / (min(self._blend_rows, overlap) + 1), 0.0, 1.0)

    @staticmethod
    def text(options: BlendedOptions) -> str:
        return f"blended over {options.blend_rows} rows"
