"""What `select_action` of LeRobot's policies does with `n_action_steps`."""

from __future__ import annotations

from dataclasses import dataclass

from act_core.parameters import parameter
from act_core.policy_spec import BundleError, PolicySpec

from act_policy.modes import execution_mode
from act_policy.row_queue import RowQueue


@dataclass(frozen=True)
class ReplanOptions:
    """How much of a chunk is played."""

    replan_rows: int = parameter(
        0, "rows that are played before the next inference; 0 for all", low=0
    )


@execution_mode("replan")
class Replan(RowQueue):
    """The first rows of a chunk are played, then the arm waits for the next one.

    The rule of `ACTPolicy.select_action` in LeRobot (policies/act/modeling_act.py: a queue of
    ``n_action_steps`` rows, filled when it is empty) and, with all rows, of ACT's own evaluation
    without its ensemble (imitate_episodes.py, ``query_frequency``). It is mode `open_loop` without
    time: there the old chunk plays on meanwhile and the new one begins at the row of now.
    """

    Options = ReplanOptions
    plays_s = 0.0

    def __init__(self, options: ReplanOptions, spec: PolicySpec) -> None:
        rows = options.replan_rows or spec.chunk_size
        if rows > spec.chunk_size:
            raise BundleError(
                f"replan_rows is {rows}, expected at most chunk_size, {spec.chunk_size}"
            )
        super().__init__(rows, spec.rate_hz)
        self.plays_s = rows / spec.rate_hz

    @staticmethod
    def text(options: ReplanOptions) -> str:
        return f"replan, after {options.replan_rows or 'all'} rows"
