"""Checkpoints: a folder with config.json, model.safetensors and, to resume, training_state.pt."""

from __future__ import annotations

import io
import os
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from act_core.errors import ConfigurationError
from act_core.files import read_json, replacing, settle, write_json
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from act_training.hub import is_address, on_disk
from act_training.run_config import DatasetRecord, RunConfig
from act_training.trainable_policy import TrainablePolicy, find_policy

CONFIG_FILE = "config.json"
MODEL_FILE = "model.safetensors"
STATE_FILE = "training_state.pt"


class Checkpoint(NamedTuple):
    """A trained policy (in evaluation mode), what it was made from, and after how many steps."""

    policy: TrainablePolicy
    config: RunConfig
    step: int
    folder: Path

    def data(self, dataset: DatasetRecord) -> Path:
        """Where a dataset was when the run began; seen from the run, so both may move."""
        path = Path(dataset.data)
        if is_address(path):
            return on_disk(path, "dataset")
        return Path(os.path.normpath(self.folder.parent / path))


def save_checkpoint(
    folder: Path,
    policy: TrainablePolicy,
    config: RunConfig,
    step: int,
    state: dict[str, Any] | None,
) -> None:
    """Write a checkpoint in place of the one in `folder`; a killed run leaves one of the two.

    Args:
        state: what only resuming needs (see `train`), None for a checkpoint to be used.
    """
    tensors = {name: tensor.contiguous() for name, tensor in policy.state_dict().items()}
    _check_finite(tensors, folder)
    with replacing(folder) as new:
        new.mkdir()
        write_json(new / CONFIG_FILE, {"step": step, **config.to_json()})
        # Through Python's files: a full disk is an OSError then, and not each library's own error.
        (new / MODEL_FILE).write_bytes(save(tensors))
        if state is not None:
            _save_state(state, new / STATE_FILE)


class _StateFile(io.FileIO):
    """A file that remembers why it took no more, which torch's writer forgets."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        written = 0
        try:
            while written < len(left):
                written += super().write(left[written:])
        except OSError as error:
            self.error = error
            raise
        return written


def _save_state(state: dict[str, Any], path: Path) -> None:
    with _StateFile(path, "wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            if file.error is None:
                raise
            raise OSError(file.error.errno, file.error.strerror, str(path)) from error


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read the checkpoint in `folder`, or in its final/ (else best/, last/) if it is a run.

    Raises ConfigurationError when there is none, when it is damaged, when the weights are of
    another model or not finite. Nothing is allocated that the file of the weights does not hold.
    """
    folder = _find(folder)
    config, step = _read_config(folder / CONFIG_FILE)
    path = folder / MODEL_FILE
    try:
        tensors = load_file(path)
        _check_fit(tensors, config, folder.parent)
    except (RuntimeError, SafetensorError, ConfigurationError) as error:
        raise ConfigurationError(
            f"{path} does not fit {folder / CONFIG_FILE}, it holds another model or is damaged: "
            f"{error}"
        ) from error
    _check_finite(tensors, path)
    policy = find_policy(config.policy, folder.parent)(config.model, config.features)
    policy.load_state_dict(tensors)
    return Checkpoint(policy.eval(), config, step, folder)


def load_config(folder: Path) -> RunConfig:
    """The configuration alone, of the checkpoint that `load_checkpoint` would take."""
    return _read_config(_find(folder) / CONFIG_FILE)[0]


def load_training_state(folder: Path) -> dict[str, Any]:
    """The state that `save_checkpoint` wrote, on the CPU; ConfigurationError if it is damaged."""
    path = folder / STATE_FILE
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path} is missing: only the last/ of a run that is not finished can be resumed"
        ) from error
    except (RuntimeError, UnpicklingError, EOFError, ValueError, LookupError, TypeError,
            AttributeError, OSError, AssertionError) as error:  # fmt: skip
        raise ConfigurationError(f"{path} is damaged: {error}") from error
    if not isinstance(state, dict) or not {"optimizer", "best", "recent"} <= set(state):
        raise ConfigurationError(f"{path} is damaged or of another version of this project")
    return state


def _find(folder: Path) -> Path:
    for candidate in (folder, *(folder / name for name in ("final", "best", "last"))):
        settle(candidate)
        if (candidate / CONFIG_FILE).is_file() and (candidate / MODEL_FILE).is_file():
            return candidate
    raise ConfigurationError(
        f"'{folder}' is no checkpoint: neither it nor its final/, best/ or last/ holds "
        f"{CONFIG_FILE} and {MODEL_FILE}"
    )


def _read_config(path: Path) -> tuple[RunConfig, int]:
    values = read_json(path)
    try:
        step = values.pop("step")
        if not isinstance(step, int) or step < 0:
            raise ValueError(f"step is {step!r}")
        return RunConfig.from_json(values, path.parent.parent), step
    except (TypeError, LookupError, ValueError, AttributeError) as error:
        raise ConfigurationError(
            f"{path} is damaged or of another version of this project: {error}"
        ) from error


def _check_fit(tensors: dict[str, Tensor], config: RunConfig, base: Path) -> None:
    """ConfigurationError if the network of `config` has other tensors; it is not built for that."""
    with torch.device("meta"):
        policy = find_policy(config.policy, base)(config.model, config.features)
    expected = policy.state_dict()
    wrong = [
        f"{name} is {_shape(tensors.get(name))}, expected {_shape(expected.get(name))}"
        for name in (*expected, *(name for name in tensors if name not in expected))
        if _shape(tensors.get(name)) != _shape(expected.get(name))
    ]
    if wrong:
        more = f" (and {len(wrong) - 3} more)" if len(wrong) > 3 else ""
        raise ConfigurationError("; ".join(wrong[:3]) + more)


def _shape(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else f"{str(tensor.dtype)[6:]} {tuple(tensor.shape)}"


def _check_finite(tensors: dict[str, Tensor], where: Path) -> None:
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ConfigurationError(
                f"{where}: the weights {name} hold values that are not finite; take an earlier "
                "checkpoint, and a lower learning rate"
            )
