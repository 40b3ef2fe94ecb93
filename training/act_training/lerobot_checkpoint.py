"""A checkpoint folder of LeRobot's ACT: what it says of the robot, and the network that it holds.

    config.json                  features, sizes of the network, how chunks are executed
    model.safetensors            weights (before 0.4 also the statistics)
    policy_preprocessor.json,    normalisation since 0.4, see `lerobot_normalisation`
    policy_postprocessor.json
    train_config.json            the dataset's name, and the rate if it was a simulation's

LeRobot itself is not needed. Source: huggingface/lerobot, policies/act/configuration_act.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from act_core.errors import suggest
from numpy.typing import NDArray
from torch import Tensor

from act_training.datasets.errors import DatasetError, damage_of
from act_training.datasets.foreign import (
    LARGEST_SIDE,
    finite_number,
    read_json,
    topic_name,
    whole_number,
)
from act_training.datasets.lerobot.info import ACTION, INFO_FILE, STATE, camera_name
from act_training.datasets.source import usable_rate
from act_training.features import Camera
from act_training.lerobot_normalisation import (
    Normaliser,
    read_normalisation,
    read_tensors,
)
from act_training.policies.act.lerobot import Affine
from act_training.policies.act.lerobot_network import ACTIVATIONS, LerobotAct, LerobotActConfig

CONFIG_FILE = "config.json"
MODEL_FILE = "model.safetensors"
TRAINING_FILE = "train_config.json"
PREFIX = "model."  # of the network's tensors
UNUSED = "vae_encoder"  # needed for training only
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")  # of PEFT
COMPILED = "_orig_mod."  # before every name, when torch.compile's module was saved
# Of a network's sizes: far beyond any ACT, and still no more than a machine can hold.
LARGEST = {
    "chunk_size": 10_000, "dim_model": 16_384, "n_heads": 256, "dim_feedforward": 65_536,
    "n_encoder_layers": 64, "n_decoder_layers": 64, "latent_dim": 4096,
}  # fmt: skip
REASON_LENGTH = 400  # characters
KINDS = {STATE: "STATE", "observation.environment_state": "ENV", ACTION: "ACTION"}
# Values that this import does not carry over, with the only one that it takes.
FIXED = {
    "n_obs_steps": (1, "LeRobot's ACT sees one observation"),
    "vision_backbone": ("resnet18", "LeRobot's default is the only one known here"),
    "replace_final_stride_with_dilation": (False, "a ResNet-18 has no dilation in torchvision"),
}


@dataclass(frozen=True)
class LerobotCheckpoint:
    """What a checkpoint is, in LeRobot's own units.

    Attributes:
        network: in evaluation mode.
        cameras: in the order in which the network sees them, as the robot calls them.
        joints, actions: their normalisation, the actions' back to raw values.
        images: per camera, of values from 0 to 1.
        known_poses, known_actions: (N, S) and (N, A) extremes (else means) of what was recorded;
            N is 0 where nothing is known.
        ensemble_m: coefficient of the temporal ensemble, None for an open loop of
        action_steps: rows of each chunk that are played.
        rate_hz, dataset: None where no file says them.
        notes: what a person should know.
    """

    network: LerobotAct
    cameras: tuple[Camera, ...]
    joints: Affine
    actions: Affine
    images: tuple[Affine, ...]
    known_poses: NDArray[np.float64]
    known_actions: NDArray[np.float64]
    ensemble_m: float | None
    action_steps: int
    rate_hz: float | None
    dataset: str | None
    notes: tuple[str, ...]


def find_checkpoint(folder: Path) -> Path | None:
    """Where in `folder` a checkpoint is: itself, or the newest of a run's; None if there is none.

    outputs/train/RUN, its checkpoints/ and checkpoints/050000 are as good as pretrained_model.
    """
    steps = [path for path in folder.glob("checkpoints/*") if path.name.isdigit()]
    steps += [path for path in folder.glob("*") if path.name.isdigit()]
    newest = sorted(steps, key=lambda path: int(path.name))[-1:]
    for candidate in (
        folder,
        folder / "pretrained_model",
        *(n / "pretrained_model" for n in newest),
    ):
        if not (candidate / CONFIG_FILE).is_file():
            continue
        if (candidate / MODEL_FILE).is_file():
            return candidate
        if any((candidate / name).is_file() for name in ADAPTER_FILES):
            raise DatasetError(
                f"{candidate} holds an adapter (LoRA) without the policy that it adapts: merge "
                "them (PEFT's merge_and_unload), save the policy and import that"
            )
        if not (candidate / INFO_FILE).is_file():
            raise DatasetError(
                f"{candidate} has {CONFIG_FILE} but no {MODEL_FILE}: copy or download the whole "
                "folder of the checkpoint"
            )
    return None


def read_checkpoint(folder: Path) -> LerobotCheckpoint:
    """Read the checkpoint in `folder`; DatasetError says what cannot be carried over, and why."""
    path = folder / CONFIG_FILE
    config = read_json(path)
    with damage_of(path):
        _check(path, config)
        features = {**_features(config, "input"), **_features(config, "output")}
        sizes = _read_sizes(path, config, features)
        ensemble_m = config.get("temporal_ensemble_coeff", config.get("temporal_ensemble_momentum"))
        if ensemble_m is not None:
            ensemble_m = finite_number(f"{path}: temporal_ensemble_coeff", ensemble_m)
        action_steps = whole_number(
            f"{path}: n_action_steps",
            config.get("n_action_steps", sizes.chunk_size),
            sizes.chunk_size,
            least=1,
        )
    rate_hz, dataset = _read_training(folder / TRAINING_FILE)
    tensors = {
        name.removeprefix(COMPILED): tensor
        for name, tensor in read_tensors(folder / MODEL_FILE).items()
    }
    types = {key: feature.kind for key, feature in features.items()}
    keys = [key for key, kind in types.items() if kind == "VISUAL"]
    with damage_of(f"the normalisation in {folder}"):
        normalisation = read_normalisation(folder, config, types, tensors)
        images = tuple(normalisation.inputs.affine(key, 3) for key in keys)
        joints = normalisation.inputs.affine(STATE, sizes.state_dim)
        actions = normalisation.output.affine(ACTION, sizes.action_dim, inverse=True)
    notes: list[str] = []
    names: list[str] = []
    for key in keys:
        stored = camera_name(normalisation.robot_names.get(key, key))
        names.append(topic_name(stored))
        if names[-1] != stored:
            notes.append(f"camera '{stored}' is called {names[-1]} here")
        if names.count(names[-1]) > 1:
            raise DatasetError(f"{path}: two cameras would be '{names[-1]}' as a topic")
    return LerobotCheckpoint(
        network=_load_network(folder / MODEL_FILE, sizes, tensors),
        cameras=tuple(Camera(n, *size) for n, size in zip(names, sizes.image_sizes, strict=True)),
        joints=joints,
        actions=actions,
        images=images,
        known_poses=_known(normalisation.inputs, STATE, sizes.state_dim),
        known_actions=_known(normalisation.output, ACTION, sizes.action_dim),
        ensemble_m=ensemble_m,
        action_steps=action_steps,
        rate_hz=rate_hz,
        dataset=dataset,
        notes=tuple(notes),
    )


def _check(path: Path, config: Mapping[str, Any]) -> None:
    if not {"datasets", "training_episodes"}.isdisjoint(config):
        raise DatasetError(f"{path} is a checkpoint of this project: act-export makes its bundle")
    kind = config.get("type", "act" if "input_shapes" in config else None)
    if kind != "act":
        raise DatasetError(f"{path} is of a policy of type {kind!r}; only LeRobot's 'act' is known")
    for key, (known, reason) in FIXED.items():
        if config.get(key, known) != known:
            raise DatasetError(f"{path}: {key} is {config[key]!r}, expected {known!r}: {reason}")
    activation = config.get("feedforward_activation", "relu")
    if activation not in ACTIVATIONS:
        raise DatasetError(f"{path}: {suggest('feedforward_activation', activation, ACTIVATIONS)}")


class Feature(NamedTuple):
    kind: str  # STATE, VISUAL, ENV or ACTION
    shape: tuple[int, ...]


def _features(config: Mapping[str, Any], which: str) -> dict[str, Feature]:
    """The features that are "input" or "output", in the stored order."""
    old = config.get(f"{which}_shapes")  # early 2024
    if old is not None:
        return {key: Feature(KINDS.get(key, "VISUAL"), tuple(s)) for key, s in old.items()}
    stored = config[f"{which}_features"]
    return {key: Feature(f["type"], tuple(f["shape"])) for key, f in stored.items()}


def _read_sizes(
    path: Path, config: Mapping[str, Any], features: Mapping[str, Feature]
) -> LerobotActConfig:
    """The network's sizes; DatasetError for features that this runtime has no place for."""
    for key, feature in features.items():
        if feature.kind == "ENV":
            raise DatasetError(
                f"{path}: '{key}' is an input of the policy, the state of things as only a "
                "simulator knows it; a policy that runs here sees images and joints"
            )
        if feature.kind == "VISUAL" and (len(feature.shape) != 3 or feature.shape[0] != 3):
            raise DatasetError(f"{path}: '{key}' has shape {feature.shape}, expected (3, H, W)")
    for key in (STATE, ACTION):
        if key not in features:
            raise DatasetError(f"{path} has no '{key}', it has {', '.join(features)}")
    for key, feature in features.items():
        for side in feature.shape:
            whole_number(f"{path}: the shape of '{key}'", side, LARGEST_SIDE, least=1)
    cameras = [feature.shape for feature in features.values() if feature.kind == "VISUAL"]
    if not cameras:
        raise DatasetError(f"{path} has no camera among {', '.join(features)}")
    told = {f.name: config[f.name] for f in fields(LerobotActConfig) if f.name in config}
    for name, largest in LARGEST.items():
        if name in told:
            told[name] = whole_number(f"{path}: {name}", told[name], largest, least=1)
    if not isinstance(told.get("pre_norm", False), bool):
        raise DatasetError(f"{path}: pre_norm is {told['pre_norm']!r}, expected true or false")
    (state_dim,), (action_dim,) = features[STATE].shape, features[ACTION].shape
    sizes = tuple((height, width) for _, height, width in cameras)
    return LerobotActConfig(state_dim, action_dim, sizes, **told)


def _read_training(path: Path) -> tuple[float | None, str | None]:
    """Rate of the simulation that the policy was trained in, and name of its dataset."""
    if not path.is_file():
        return None, None
    content = read_json(path)
    with damage_of(path):
        rate_hz = (content.get("env") or {}).get("fps")
        dataset = (content.get("dataset") or {}).get("repo_id")
        if rate_hz is not None:
            rate_hz = usable_rate(f"{path}: env.fps", finite_number(f"{path}: env.fps", rate_hz))
        return rate_hz, dataset if isinstance(dataset, str) else None


def _load_network(path: Path, sizes: LerobotActConfig, tensors: Mapping[str, Tensor]) -> LerobotAct:
    """The network with its weights in float32, in evaluation mode."""
    weights = {
        name.removeprefix(PREFIX): tensor.float()
        for name, tensor in tensors.items()
        if name.startswith(PREFIX) and not name.startswith(PREFIX + UNUSED)
    }
    for name, tensor in weights.items():
        if not bool(tensor.isfinite().all()):
            raise DatasetError(
                f"{path}: '{name}' holds values that are not finite: the training diverged, take "
                "an earlier checkpoint"
            )
    try:
        with torch.device("meta"):  # nothing is allocated before the sizes are known to fit
            shapes = {name: t.shape for name, t in LerobotAct(sizes).state_dict().items()}
        wrong = sorted(
            name for name in {*shapes, *weights}
            if name not in shapes or name not in weights or shapes[name] != weights[name].shape
        )  # fmt: skip
        if wrong:
            there = {name: tuple(t.shape) for name, t in weights.items() if name in wrong[:3]}
            due = {name: tuple(shape) for name, shape in shapes.items() if name in wrong[:3]}
            raise ValueError(f"{len(wrong)} tensors differ, among them {there}, expected {due}")
        network = LerobotAct(sizes)
        network.load_state_dict(weights)
    except (RuntimeError, AssertionError, TypeError, ValueError, ArithmeticError) as error:
        reason = " ".join(str(error).split())[:REASON_LENGTH]  # torch names every tensor
        raise DatasetError(f"{path} does not fit the {CONFIG_FILE} beside it: {reason}") from error
    return network.eval()


def _known(normaliser: Normaliser, feature: str, size: int) -> NDArray[np.float64]:
    """(N, size) finite rows that lie within what was recorded of a feature."""
    found = normaliser.statistics.get(feature, {})
    pairs = (("min", "max"), ("q01", "q99"), ("q10", "q90"), ("mean",))
    names = next((names for names in pairs if all(name in found for name in names)), ())
    rows = np.array([found[name].reshape(-1) for name in names if found[name].size == size])
    rows = rows.reshape(-1, size)
    return rows[np.isfinite(rows).all(axis=1)]
