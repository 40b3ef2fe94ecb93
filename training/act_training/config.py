"""Frozen configuration of a training run.

Presets are pairs of it and of a policy's own configuration; any field can be replaced from the
command line (`act-train --preset compact --training.steps 20000`). The resolved configuration is
written beside every result (`config.json`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_type_hints

from act_core.errors import ConfigurationError, suggest

Config = TypeVar("Config")


_HIGHEST = {
    "lr": math.inf,
    "lr_backbone": math.inf,
    "warmup_steps": math.inf,
    "weight_decay": math.inf,
    "grad_clip": math.inf,
    "validation_fraction": 1.0,
    "rollouts": math.inf,
    "augment_shift_px": math.inf,
    "augment_colour": 1.0,
    "skip_before_takeover_s": 60.0,
}


@dataclass(frozen=True)
class TrainingConfig:
    """Optimiser, schedule and bookkeeping of a run."""

    steps: int = 100_000
    batch_size: int = 8
    """Samples per optimiser step; of each process where several train together."""
    lr: float = 1e-5
    lr_backbone: float = 1e-5
    """Of the parts that come with weights of their own, where the policy has such."""
    lr_schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate after the warm-up; "cosine" falls to zero at the last step."""
    warmup_steps: int = 0
    weight_decay: float = 1e-4
    grad_clip: float = 10.0
    """Largest gradient norm."""
    seed: int = 0
    """Source of every random number of the run (initial weights, batches, dropout, noise)."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """"auto" is bf16 where the GPU or the CPU computes in it, else fp32."""
    compile: bool = False
    """torch.compile the network (worth its minute of start-up on a GPU)."""
    validation_fraction: float = 0.1
    """Share of the episodes held out; at least one when there are two or more."""
    validation_batches: int = 32
    """Batches of held-out frames, the same ones at each validation."""
    rollouts: int = 0
    """Episodes to run in the environment at each validation; their success then decides which
    checkpoint is best, and the validation loss only between equals."""
    log_every: int = 100
    validate_every: int = 1000
    save_every: int = 1000
    skip_before_takeover_s: float = 0.0
    """Leave out so much of what the policy did before a person took over: that was the mistake."""
    augment_shift_px: int = 0
    """Random translation of each image by up to this many pixels of the network's input."""
    augment_colour: float = 0.0
    """Random brightness, contrast and saturation, each by a factor within 1 +- this."""

    def __post_init__(self) -> None:
        counts = ("steps", "batch_size", "validation_batches", "log_every", "validate_every",
                  "save_every")  # fmt: skip
        for name in counts:
            if getattr(self, name) < 1:
                raise ConfigurationError(
                    f"training.{name} is {getattr(self, name)}, expected at least 1"
                )
        for name, highest in _HIGHEST.items():
            value = getattr(self, name)
            if not 0.0 <= value < highest:  # which NaN and infinity are not
                raise ConfigurationError(f"training.{name} is {value}, expected 0 <= x < {highest}")


def config_from_json(kind: type[Config], values: Mapping[str, Any]) -> Config:
    """A `TrainingConfig` or a policy's configuration as written to JSON; ConfigurationError for an
    unknown field or a value of another type."""
    types = get_type_hints(kind)
    for name, value in values.items():
        if name not in types:
            raise ConfigurationError(suggest(f"field of {kind.__name__}", name, types))
        allowed = get_args(types[name]) or (types[name],)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not (type(value) in allowed or value in allowed or (float in allowed and whole)):
            raise ConfigurationError(f"{kind.__name__}.{name} is {value!r}")
    return kind(**values)


@dataclass(frozen=True)
class Preset:
    """A named pair of the configurations of a policy and of its training; `summary` is for the
    help."""

    name: str
    summary: str
    model: Any
    training: TrainingConfig
