"""Everything that a training run was made from; written beside every checkpoint."""

from __future__ import annotations

import math
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from act_training.config import TrainingConfig, config_from_json
from act_training.features import Features
from act_training.trainable_policy import find_policy, shared_name


@dataclass(frozen=True)
class DatasetRecord:
    """One of the datasets of a run.

    Attributes:
        data: its folder, seen from the run's folder (see `sharing.shared_path`).
        sha256: of its content.
        weight: its share of the samples is this among all weights.
        training_episodes, validation_episodes: file names.
    """

    data: str
    sha256: str
    weight: float
    training_episodes: tuple[str, ...]
    validation_episodes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last part of its path, which is all that somebody else needs of it."""
        return Path(self.data).name

    @property
    def episodes(self) -> tuple[str, ...]:
        return (*self.training_episodes, *self.validation_episodes)


@dataclass(frozen=True)
class RunConfig:
    """The resolved configuration of a run and where it comes from.

    Attributes:
        policy: its name; a file in it is seen from the run's folder.
        preset: name of the preset that the configuration started from.
        model: an instance of the policy's `Config`.
        task: environment or task of the dataset, e.g. "so101/pick_place".
        datasets: one or more, with what was held out of each.
        look: how the simulation drew all of its pictures; None where nobody says so, or one look
            is not all.
        commit: of this project, None outside a checkout.
        weights: the checkpoint that it began with, seen from the run's folder; None for fresh
            weights.
        torch_version: that trained.
    """

    policy: str
    preset: str
    model: Any
    training: TrainingConfig
    features: Features
    task: str
    datasets: tuple[DatasetRecord, ...]
    commit: str | None
    weights: str | None = None
    look: str | None = None
    torch_version: str = torch.__version__

    @property
    def training_count(self) -> int:
        """How many episodes it was trained on, of all datasets."""
        return sum(len(dataset.training_episodes) for dataset in self.datasets)

    def for_others(self) -> RunConfig:
        """The same with names in place of paths, which are of no use on another machine."""
        datasets = tuple(replace(dataset, data=dataset.name) for dataset in self.datasets)
        return replace(
            self,
            policy=shared_name(self.policy, Path(self.policy).parent),
            datasets=datasets,
            weights=self.weights and Path(self.weights).name,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any], base: Path | None = None) -> RunConfig:
        """What `to_json` gave, or an older version; ``base`` is the run's folder."""
        datasets = datasets_of(values)
        values = {name: value for name, value in values.items() if name not in _OF_DATASETS}
        policy = str(values.pop("policy", "act"))
        model, training = dict(values.pop("model")), dict(values.pop("training"))
        if "kl_weight" in training:  # where it was while ACT was the only policy
            model["kl_weight"] = training.pop("kl_weight")
        return cls(
            datasets=datasets,
            policy=policy,
            model=config_from_json(find_policy(policy, base).Config, model),
            training=config_from_json(TrainingConfig, training),
            features=Features.from_json(values.pop("features")),
            **values,
        )


# Until a run could have several datasets, config.json had the fields of its one beside the others.
_OLD_FIELDS = {
    "data": "data",
    "sha256": "dataset_sha256",
    "training_episodes": "training_episodes",
    "validation_episodes": "validation_episodes",
}
_OF_DATASETS = {"datasets", *_OLD_FIELDS.values()}


def datasets_of(config: Mapping[str, Any]) -> tuple[DatasetRecord, ...]:
    """The datasets in the content of a config.json, also of one from before there were several.

    Raises KeyError, TypeError or ValueError for what is not written so.
    """
    found = config.get("datasets")
    if found is None:
        found = [{"weight": 1.0, **{new: config[old] for new, old in _OLD_FIELDS.items()}}]
    records = tuple(
        DatasetRecord(
            data=str(values["data"]),
            sha256=str(values["sha256"]),
            weight=float(values["weight"]),
            training_episodes=tuple(map(str, values["training_episodes"])),
            validation_episodes=tuple(map(str, values["validation_episodes"])),
        )
        for values in found
    )
    if not records or not all(0 < record.weight < math.inf for record in records):
        raise ValueError(f"datasets are {found!r:.200}, expected one or more with weights above 0")
    return records


def current_commit() -> str | None:
    """Commit of the checkout that this file is in, "+" appended when files are modified."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40"]
    try:
        found = subprocess.run([*command, "--dirty=+"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
