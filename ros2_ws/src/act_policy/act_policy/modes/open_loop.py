"""One chunk after the other."""

from __future__ import annotations

from dataclasses import dataclass

from act_core.parameters import parameter
from act_core.policy_spec import BundleError, PolicySpec

from act_policy.chunk_buffer import ChunkBuffer
from act_policy.modes import execution_mode


@dataclass(frozen=True)
class OpenLoopOptions:
    """How long a chunk is played."""

    open_loop_rows: int = parameter(
        0, "rows that are played before the next inference; 0 for all", low=0
    )


@execution_mode("open_loop")
class OpenLoop(ChunkBuffer):
    """Plays rows of a chunk, then infers the next; the old one plays on until that is there."""

    Options = OpenLoopOptions
    plays_s = 0.0

    def __init__(self, options: OpenLoopOptions, spec: PolicySpec) -> None:
        rows = options.open_loop_rows or spec.chunk_size
        if rows > spec.chunk_size:
            raise BundleError(
                f"open_loop_rows is {rows}, expected at most chunk_size, {spec.chunk_size}"
            )
        super().__init__(rows)
        self.plays_s = rows / spec.rate_hz

    @staticmethod
    def text(options: OpenLoopOptions) -> str:
        return f"open loop, {options.open_loop_rows or 'all'} rows"
