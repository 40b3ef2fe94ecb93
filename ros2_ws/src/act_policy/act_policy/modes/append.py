"""What LeRobot's action queue does without real-time chunking."""

from __future__ import annotations

from dataclasses import dataclass

from act_core.parameters import parameter
from act_core.policy_spec import PolicySpec

from act_policy.modes import execution_mode
from act_policy.row_queue import RowQueue


@dataclass(frozen=True)
class AppendOptions:
    """When the next chunk is asked for."""

    queue_rows: int = parameter(
        0, "the next chunk is asked for when so many rows or fewer are left", low=0
    )


@execution_mode("append")
class Append(RowQueue):
    """Every chunk is played whole, from its first row on, after the one before it.

    The rule of `ActionQueue._append_actions_queue` in LeRobot (policies/rtc/action_queue.py), which
    its example for real robots uses with a threshold of 0 rows. How old the observation of a chunk
    is does not count, so the rows are played late by the inference and by ``queue_rows``.
    """

    Options = AppendOptions
    plays_s = 0.0

    def __init__(self, options: AppendOptions, spec: PolicySpec) -> None:
        super().__init__(spec.chunk_size, spec.rate_hz, options.queue_rows)
        self.plays_s = (spec.chunk_size + options.queue_rows) / spec.rate_hz

    @staticmethod
    def text(options: AppendOptions) -> str:
        return f"append, asks at {options.queue_rows} rows"
