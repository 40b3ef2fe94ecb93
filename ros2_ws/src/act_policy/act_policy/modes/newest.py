"""The newest chunk alone: a receding horizon."""

from __future__ import annotations

from dataclasses import dataclass

from act_core.policy_spec import PolicySpec

from act_policy.chunk_buffer import ChunkBuffer
from act_policy.modes import execution_mode


@dataclass(frozen=True)
class NewestOptions:
    """There is nothing to choose."""


@execution_mode("newest")
class Newest(ChunkBuffer):
    """The chunk with the newest observation; the follower's fade is the cross-fade to the next."""

    Options = NewestOptions
    plays_s = 0.0

    def __init__(self, _options: NewestOptions, _spec: PolicySpec) -> None:
        super().__init__()

    @staticmethod
    def text(_options: NewestOptions) -> str:
        return "newest chunk"
