"""Checkpoints: a folder with config.json, model.safetensors and, to resume, training_state.pt."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import torch
from act_core.errors import ConfigurationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from act_training.model.policy import ActPolicy
from act_training.run_config import RunConfig

CONFIG_FILE = "config.json"
MODEL_FILE = "model.safetensors"
STATE_FILE = "training_state.pt"


class Checkpoint(NamedTuple):
    """A trained policy (in evaluation mode), what it was made from, and after how many steps."""

    policy: ActPolicy
    config: RunConfig
    step: int


def save_checkpoint(
    folder: Path, policy: ActPolicy, config: RunConfig, step: int, state: dict[str, Any] | None
) -> None:
    """Write a checkpoint in place of the one in `folder`; a killed run leaves one of the two.

    Args:
        state: what only resuming needs (see `train`), None for a checkpoint to be used.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    (partial / CONFIG_FILE).write_text(json.dumps({"step": step, **config.to_json()}, indent=1))
    save_file({n: t.contiguous() for n, t in policy.state_dict().items()}, partial / MODEL_FILE)
    if state is not None:
        torch.save(state, partial / STATE_FILE)
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(partial, folder)
    shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read the checkpoint in `folder`, or in its final/ (else best/, last/) if it is a run.

    Raises ConfigurationError when there is none, or when the weights are of another model.
    """
    folder = _find(folder)
    config_file = folder / CONFIG_FILE
    values = json.loads(config_file.read_text())
    step = values.pop("step")
    try:
        config = RunConfig.from_json(values)
    except (TypeError, KeyError) as error:
        raise ConfigurationError(
            f"{config_file} is of another version of this project: {error}"
        ) from error
    policy = ActPolicy(config.model, config.features)
    try:
        policy.load_state_dict(load_file(folder / MODEL_FILE))
    except (RuntimeError, SafetensorError) as error:
        raise ConfigurationError(
            f"{folder / MODEL_FILE} does not fit {config_file}, it holds another model or is "
            f"damaged: {error}"
        ) from error
    return Checkpoint(policy.eval(), config, step)


def load_training_state(folder: Path) -> dict[str, Any]:
    """The state that `save_checkpoint` wrote, on the CPU."""
    return torch.load(folder / STATE_FILE, map_location="cpu", weights_only=True)


def _find(folder: Path) -> Path:
    for candidate in (folder, *(folder / name for name in ("final", "best", "last"))):
        if (candidate / CONFIG_FILE).is_file() and (candidate / MODEL_FILE).is_file():
            return candidate
        old = candidate.with_name(f".{candidate.name}.old")
        if not candidate.exists() and (old / CONFIG_FILE).is_file():
            return old  # killed between the two renames of `save_checkpoint`
    raise ConfigurationError(
        f"'{folder}' is no checkpoint: neither it nor its final/, best/ or last/ holds "
        f"{CONFIG_FILE} and {MODEL_FILE}"
    )
