"""Success rates that can be believed: `act-evaluate --policy BUNDLE --episodes 100`.

Every episode starts from a listed seed that no demonstration was made with, runs through the
runtime's own `PolicyRunner` (see `rollout`), and every rate comes with its Wilson interval.
`evaluation.json` holds all of it; `--videos N` shows N successes and N failures.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from act_core.errors import ConfigurationError
from act_core.files import read_json, write_json
from act_core.intervals import Interval, wilson_interval
from act_core.policy_json import spec_to_json
from act_core.policy_spec import PolicySpec
from act_policy.bundle import RECORD_FOLDER, SPEC_FILE, read_bundle
from act_policy.load_policy import check_recorded, cpu_engine, load_policy
from act_policy.modes import make_mode
from act_policy.policy import Policy
from tqdm import tqdm

from act_training.bundle_spec import make_spec
from act_training.checkpoint import CONFIG_FILE, load_checkpoint, load_config
from act_training.command import run_command
from act_training.dataset_replay import choose_episodes, report_dataset_replay
from act_training.environments import is_simulated
from act_training.environments.environment import Environment
from act_training.evaluation_record import (
    compare_rows,
    condition_record,
    read_rows,
    write_record,
)
from act_training.hub import on_disk
from act_training.rollout import (
    Condition,
    Result,
    check_fit,
    open_environment_for,
    run_episode,
)
from act_training.run_config import current_commit, datasets_of
from act_training.sharing import shared_command, shared_path
from act_training.torch_policy import TorchPolicy
from act_training.video import write_video
from act_training.worker_pool import worker_pool

FIRST_SEED = 100_000


@dataclass(frozen=True)
class EvaluateOptions:
    """What to evaluate, on what, and how it is executed."""

    policy: Path
    """A bundle, a training run or one of its checkpoints; may be hf://owner/name."""
    out: Path = Path("out/evaluation")
    """Folder for the record and the videos."""
    env: str | None = None
    """Environment; None takes the one that the policy was trained on."""
    episodes: int = 100
    first_seed: Annotated[int, tyro.conf.arg(aliases=["--seed"])] = FIRST_SEED
    """Seeds are this one and the following."""
    mode: tuple[str, ...] = ()
    """Any of ensemble, newest, open_loop and modes of your own (file.py:Class), one after the
    other; none takes the policy's own."""
    m: float | None = None
    """Ensemble weights exp(-m i); None takes the policy's own."""
    open_loop_rows: int | None = None
    latency_ms: tuple[float, ...] = (0.0,)
    """Inference latencies to inject, one after the other."""
    camera_rate_hz: float | None = None
    """None: an image for every row of the policy's chunks."""
    control_rate_hz: int | None = None
    """Steps per second of the so101 tasks; None takes the policy's rate."""
    level: int | None = None
    """Domain randomization of the so101 tasks, 0 to 3."""
    look: str | None = None
    arm_parameters: Path | None = None
    """A file of act-identify: the so101 tasks with the servos of your arm."""
