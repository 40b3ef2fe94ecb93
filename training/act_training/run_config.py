"""Everything that a training run was made from; written beside every checkpoint."""

from __future__ import annotations

import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from act_training.config import ModelConfig, TrainingConfig, config_from_json
from act_training.features import Features


@dataclass(frozen=True)
class RunConfig:
    """The resolved configuration of a run and where it comes from.

    Attributes:
        preset: name of the preset that the configuration started from.
        task: environment or task of the dataset, e.g. "so101/pick_place".
        data: folder of the dataset, seen from the run's folder (see `sharing.shared_path`).
        dataset_sha256: of its content.
        training_episodes, validation_episodes: file names.
        commit: of this project, None outside a checkout.
        weights: the checkpoint that it began with, seen from the run's folder; None for fresh
            weights.
        torch_version: that trained.
    """

    preset: str
    model: ModelConfig
    training: TrainingConfig
    features: Features
    task: str
    data: str
    dataset_sha256: str
    training_episodes: tuple[str, ...]
    validation_episodes: tuple[str, ...]
    commit: str | None
    weights: str | None = None
    torch_version: str = torch.__version__

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunConfig:
        values = dict(values)
        for name in ("training_episodes", "validation_episodes"):
            values[name] = tuple(map(str, values[name]))
        return cls(
            model=config_from_json(ModelConfig, values.pop("model")),
            training=config_from_json(TrainingConfig, values.pop("training")),
            features=Features.from_json(values.pop("features")),
            **values,
        )


def current_commit() -> str | None:
    """Commit of the checkout that this file is in, "+" appended when files are modified."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40"]
    try:
        found = subprocess.run([*command, "--dirty=+"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
