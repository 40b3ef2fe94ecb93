"""What the client of LeRobot's asynchronous inference does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from act_core.parameters import parameter
from act_core.policy_spec import PolicySpec
from numpy.typing import NDArray

from act_policy.merged_chunk import MergedChunk
from act_policy.modes import execution_mode


@dataclass(frozen=True)
class WeightedOptions:
    """How much a new chunk counts, and when it is asked for."""

    new_share: float = parameter(0.7, "of the new chunk where both are", low=0.0, high=1.0)
    queue_share: float = parameter(
        0.5, "ask for a chunk when no more of the one before is left", low=0.0, high=1.0
    )


@execution_mode("weighted")
class Weighted(MergedChunk):
    """Where old and new chunk say something about a time: 0.3 old + 0.7 new.

    The rule of `RobotClient._aggregate_action_queues` in LeRobot (async_inference/robot_client.py)
    with its default function ``weighted_average`` and its default ``chunk_size_threshold``, 0.5.
    What is merged is merged again with the next, so old chunks fade as powers of 0.3.
    """

    Options = WeightedOptions
    plays_s = 0.0

    def __init__(self, options: WeightedOptions, spec: PolicySpec) -> None:
        rows = (1.0 - options.queue_share) * spec.chunk_size
        super().__init__(rows)
        self._new_share = options.new_share
        self.plays_s = rows / spec.rate_hz

    def share(self, rows_on: NDArray[np.float64], overlap: int) -> NDArray[np.float64]:
        return np.full(len(rows_on), self._new_share)

    @staticmethod
    def text(options: WeightedOptions) -> str:
        old, new = 1.0 - options.new_share, options.new_share
        return f"weighted, {old:g} old + {new:g} new, asks at {options.queue_share:.0%}"
