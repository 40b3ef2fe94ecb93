"""The temporal ensemble of the ACT paper."""

from __future__ import annotations

from dataclasses import dataclass

from act_core.parameters import parameter
from act_core.policy_spec import MAX_DECAY, PolicySpec

from act_policy.modes import execution_mode
from act_policy.temporal_ensemble import TemporalEnsemble


@dataclass(frozen=True)
class EnsembleOptions:
    """How the chunks are weighted."""

    m: float = parameter(
        0.01, "weights are exp(-m i), i = 0 for the oldest chunk", low=-MAX_DECAY, high=MAX_DECAY
    )


@execution_mode("ensemble")
class Ensemble(TemporalEnsemble):
    """The weighted mean over all live chunks, by time."""

    Options = EnsembleOptions
    plays_s = 0.0

    def __init__(self, options: EnsembleOptions, _spec: PolicySpec) -> None:
        super().__init__(options.m)

    @staticmethod
    def text(options: EnsembleOptions) -> str:
        return f"ensemble m={options.m:g}"
