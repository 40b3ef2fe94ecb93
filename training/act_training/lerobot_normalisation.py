"""How a checkpoint of LeRobot normalises: every one of its modes is a centre and a spread.

    new layout    policy_preprocessor.json and policy_postprocessor.json name the modes, the files
                  that they name in turn hold the statistics, "observation.state.mean"
    old layout    (0.1 to 0.3) config.json names the modes, model.safetensors holds the statistics,
                  "normalize_inputs.buffer_observation_state.mean"

Sources: huggingface/lerobot, processor/{pipeline,normalize_processor}.py, and policies/normalize.py
of 0.3.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from act_core.errors import suggest
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from act_training.datasets.errors import DatasetError
from act_training.datasets.foreign import check_content, finite_number, inside, read_json
from act_training.policies.act.lerobot import Affine

PREPROCESSOR, POSTPROCESSOR = "policy_preprocessor.json", "policy_postprocessor.json"
RENAMER = "rename_observations_processor"
# Steps of a pipeline that change no value. Any other step would be left out without a word.
NEUTRAL = (RENAMER, "to_batch_processor", "device_processor")
IDENTITY, MEAN_STD = "IDENTITY", "MEAN_STD"
RANGES = {"MIN_MAX": ("min", "max"), "QUANTILES": ("q01", "q99"), "QUANTILE10": ("q10", "q90")}
MODES = (IDENTITY, MEAN_STD, *RANGES)
EPSILON = 1e-8

Statistics = Mapping[str, Mapping[str, NDArray[np.float64]]]  # by feature, by statistic


@dataclass(frozen=True)
class Normaliser:
    """One direction: of the inputs, or back from the output.

    Attributes:
        modes: by feature; a feature without one stays as it is.
        statistics: of every feature that has a mode but IDENTITY.
        where: the statistics are, for a person.
    """

    modes: Mapping[str, str]
    statistics: Statistics
    epsilon: float = EPSILON
    where: str = "the checkpoint"

    def affine(self, feature: str, size: int, *, inverse: bool = False) -> Affine:
        """The normalisation of a feature of `size` values, or its inverse.

        They differ: LeRobot adds epsilon to the standard deviation on the way in only.
        """
        mode = self.modes.get(feature, IDENTITY)
        if mode not in MODES:
            raise DatasetError(f"'{feature}': {suggest('normalisation', mode, MODES)}")
        if mode == IDENTITY:
            return Affine(np.zeros(size), np.ones(size))
        found = self.statistics.get(feature)
        if found is None:
            there = ", ".join(sorted(self.statistics)) or "none"
            raise DatasetError(
                f"'{feature}' is normalised by {mode}, but {self.where} has no statistics of it; "
                f"there are those of: {there}. If one of them is meant, rename its tensors to "
                f"'{feature}.<statistic>'; else copy the whole folder of the checkpoint"
            )
        if mode == MEAN_STD:
            mean, std = (self._values(found, feature, name, size) for name in ("mean", "std"))
            if not (std >= 0).all():
                raise DatasetError(f"'{feature}.std' is {std.tolist()}, expected none below 0")
            return Affine(mean, std if inverse else std + self.epsilon)
        low, high = (self._values(found, feature, name, size) for name in RANGES[mode])
        if not (low <= high).all():
            raise DatasetError(
                f"'{feature}' has {RANGES[mode][0]} above {RANGES[mode][1]}: {low.tolist()}, "
                f"{high.tolist()}"
            )
        spread = np.where(high == low, self.epsilon, high - low) / 2
        return Affine(low + spread, spread)

    def unchanged(self, features: Iterable[str]) -> list[str]:
        """Those that should be normalised by their mode but have no statistics."""
        return [
            feature
            for feature in features
            if self.modes.get(feature, IDENTITY) != IDENTITY and feature not in self.statistics
        ]

    def _values(
        self, found: Mapping[str, NDArray[np.float64]], feature: str, name: str, size: int
    ) -> NDArray[np.float64]:
        if name not in found:
            raise DatasetError(
                f"'{feature}' is normalised by {self.modes[feature]}, but its '{name}' is not in "
                f"the checkpoint, which has {', '.join(sorted(found))}"
            )
        values = found[name].reshape(-1)
        if values.shape != (size,) or not np.isfinite(values).all():
            raise DatasetError(f"'{feature}.{name}' is {values.tolist()}, expected {size} numbers")
        return values


class Normalisation(NamedTuple):
    """Of the inputs, of the output, and what the robot calls each renamed input."""

    inputs: Normaliser
    output: Normaliser
    robot_names: Mapping[str, str]


def read_normalisation(
    folder: Path, config: Mapping[str, Any], types: Mapping[str, str], tensors: Mapping[str, Tensor]
) -> Normalisation:
    """From whichever layout the checkpoint in `folder` has.

    Args:
        config: of config.json.
        types: "STATE", "VISUAL" or "ACTION" of every feature.
        tensors: of model.safetensors.

    Raises DatasetError for a checkpoint that has neither, or does more than to normalise.
    """
    if (folder / PREPROCESSOR).is_file():
        if not (folder / POSTPROCESSOR).is_file():
            raise DatasetError(
                f"{folder} has {PREPROCESSOR} but no {POSTPROCESSOR}: copy or download the whole "
                "folder of the checkpoint"
            )
        inputs, renamed = _read_pipeline(folder / PREPROCESSOR, "normalizer_processor", types)
        output, _ = _read_pipeline(folder / POSTPROCESSOR, "unnormalizer_processor", types)
        return Normalisation(inputs, output, {new: old for old, new in renamed.items()})
    mapping = config.get("normalization_mapping", {})
    modes = {feature: str(mapping.get(kind, IDENTITY)) for feature, kind in types.items()}
    for key in ("input_normalization_modes", "output_normalization_modes"):  # early 2024
        modes |= {feature: str(mode).upper() for feature, mode in config.get(key, {}).items()}
    inputs = Normaliser(modes, _buffers("normalize_inputs", types, tensors))
    output = Normaliser(modes, _buffers("unnormalize_outputs", types, tensors))
    missing = inputs.unchanged(f for f, kind in types.items() if kind != "ACTION")
    missing += output.unchanged(f for f, kind in types.items() if kind == "ACTION")
    if missing:
        raise DatasetError(
            f"'{folder}' does not say how {', '.join(missing)} is normalised: there is neither "
            f"{PREPROCESSOR} nor a buffer for it in model.safetensors. Copy the whole folder"
        )
    return Normalisation(inputs, output, {})


def _read_pipeline(
    path: Path, kind: str, types: Mapping[str, str]
) -> tuple[Normaliser, Mapping[str, str]]:
    """The normaliser of a pipeline, and its new names of features by their old ones."""
    normaliser = Normaliser({}, {})
    renamed: Mapping[str, str] = {}
    for step in read_json(path)["steps"]:
        name, config = step.get("registry_name", step.get("class")), step.get("config", {})
        if name == RENAMER:
            renamed = config.get("rename_map", {})
        elif name == kind:
            modes = {f: str(config["norm_map"].get(t, IDENTITY)) for f, t in types.items()}
            only = config.get("normalize_observation_keys")
            if only is not None:
                modes = {f: m for f, m in modes.items() if f in only or types[f] == "ACTION"}
            statistics: dict[str, dict[str, NDArray[np.float64]]] = {}
            stored = {}
            if "state_file" in step:
                file = inside(path.parent, str(step["state_file"]), f"{path.name}: state_file")
                stored = read_tensors(file)
            for key, tensor in stored.items():
                feature, _, statistic = key.rpartition(".")
                statistics.setdefault(feature, {})[statistic] = tensor.double().numpy()
            epsilon = finite_number(f"{path}: eps", config.get("eps", EPSILON))
            if not 0 <= epsilon < 1:
                raise DatasetError(f"{path}: eps is {epsilon:g}, expected about {EPSILON:g}")
            normaliser = Normaliser(modes, statistics, epsilon, step.get("state_file", path.name))
        elif name not in NEUTRAL:
            raise DatasetError(
                f"{path} has the step '{name}', which is not known here, and without it the policy "
                f"is another one; known are {', '.join((*NEUTRAL, kind))}"
            )
    return normaliser, renamed


def _buffers(prefix: str, features: Iterable[str], tensors: Mapping[str, Tensor]) -> Statistics:
    """The statistics in a model's state; its names have "_" where the features have "."."""
    found = {}
    for feature in features:
        start = f"{prefix}.buffer_{feature.replace('.', '_')}."
        values = {
            name.removeprefix(start): tensor.double().numpy()
            for name, tensor in tensors.items()
            if name.startswith(start)
        }
        if values:
            found[feature] = values
    return found


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors in a safetensors file; DatasetError names the file when it cannot be read."""
    check_content(path)
    try:
        return load_file(path)
    except (OSError, SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise DatasetError(
            f"{path} cannot be read: {error}: copy or download the whole folder again"
        ) from error
