"""Training: `act-train --preset compact --data DIR --out RUN`; several datasets: `--data A:1 B:3`.

RUN/ holds log.jsonl, tensorboard/ and curves.png, and the checkpoints last/ (to resume), best/
(lowest validation loss, or most successful rollouts) and final/.

Every random number of step k derives from (seed, k), so a resumed run is the unbroken one:
`act-train --resume RUN` continues with the same batches, dropout, noise and learning rate.

Several processes, one for each GPU (or machine): `torchrun --nproc-per-node 2 -m act_training.train
...`. The batch size is per process, and the samples of a step are those that one process with all
of them would draw, so N processes train as one does with N times the batch. Only randomness within
a sample (dropout, augmentation, latent, noise) is drawn by each process for itself.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import logging
import math
import os
import shutil
import sys
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
import tyro
from accelerate import Accelerator, PartialState
from accelerate.utils import broadcast_object_list
from act_core.errors import ConfigurationError
from act_core.files import replacing, settle, working_in, write_json
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from act_training.augment import jitter_colour, shift_images
from act_training.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_training_state,
    save_checkpoint,
)
from act_training.cli import CommandError, check_within, run_command
from act_training.config import Preset, TrainingConfig
from act_training.datasets.chunks import Batch, ChunkSampler, split_episodes
from act_training.datasets.collection import look_of
from act_training.datasets.frame_cache import FrameCache, open_frame_cache
from act_training.datasets.mixture import (
    Mixture,
    Part,
    Source,
    check_alike,
    check_apart,
    check_mixture_varies,
    parse_source,
    task_of,
)
from act_training.datasets.statistics import Statistics, mix_moments
from act_training.hub import on_disk
from act_training.run_config import DatasetRecord, RunConfig, current_commit
from act_training.sharing import shared_path
from act_training.trainable_policy import (
    TrainablePolicy,
    check_policy,
    downscale_of,
    find_policy,
    find_preset,
    obs_steps_of,
    presets_of,
    shared_name,
)
from act_training.training_log import CURVES_FILE, LOG_FILE, TENSORBOARD_FOLDER, TrainingLog
from act_training.training_rollouts import TrainingRollouts

DIVERGED_L1 = 100.0  # standard deviations of the actions
FAILED_BATCH_FILE = "failed_batch.pt"
LONG_H = 24
GPU_SHARE = 0.7  # of the free memory, for frames: the rest is for the network
TIMED_STEPS = 12
SPEED_FILE = "speed.json"  # of a run that had to fit into a time
PATIENCE = timedelta(hours=6)  # of processes for the first one, which alone runs the rollouts
OLD_LOSSES = ("loss", "l1", "kl")  # as a run's state had them while ACT was the only policy
PRESETS = {name: preset for name, (_, preset) in presets_of(None).items()}  # found by name
PRESET_HELP = "Defaults of model and training. " + "; ".join(
    f"{name}: {preset.summary}" for name, preset in PRESETS.items()
)

log = logging.getLogger(__name__)


class TrainingError(CommandError):
    """The loss is not a number any more, or far too large."""


@dataclass(frozen=True)
class TrainOptions:
    """What to train on what. `--preset NAME` chooses the defaults of model and training."""

    data: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FOLDER[:WEIGHT] ...")] = ()
    """Folders of the datasets, hf://owner/name on the hub, or what fsspec reads (s3://...); needed
    unless resuming. The weight of one (1 if none is given) among all weights is its share of the
    samples: base:1 corrections:3."""
    out: Path = Path("out/train")
    """Folder of the run."""
    resume: Path | None = None
    """Continue the run in this folder with its own configuration (datasets may have moved)."""
    weights: Path | None = None
    """Begin with the weights and statistics of this run or checkpoint (fine-tuning), which may be
    hf://owner/name."""
    stop_after: int | None = None
    """Stop after this many steps in all, to be resumed later."""
    within_s: float | None = None
    """Instead of training.steps: as many steps as fit into so many seconds, by what a step takes
    here. The warm-up is a twentieth of them at most; ten checkpoints and validations at least."""
    allow_identical_starts: bool = False
    """Train although all episodes start from one placement."""
    policy: str = "act"
    """What is trained: act, or one of your own (package.module:Class or file.py:Class)."""
    preset: Annotated[str, tyro.conf.arg(metavar=f"{{{','.join(PRESETS)}}}", help=PRESET_HELP)] = (
        "baseline"
    )
    model: Any = None
    """An instance of the policy's `Config`; None takes its defaults."""
    training: TrainingConfig = field(default_factory=TrainingConfig)


def train(options: TrainOptions) -> Path:
    """Train a policy on datasets; the checkpoint to use is in final/ of the run's folder."""
    if not options.data and options.resume is None:
        raise ConfigurationError("--data is missing: the folder of the dataset to train on")
    check_within(options.within_s)
    if options.within_s is not None and options.resume is not None:
        raise ConfigurationError("--within-s is for a new run: a resumed one has its steps")
    if options.resume is not None and not options.resume.is_dir():
        raise ConfigurationError(f"--resume {options.resume}: there is no such folder")
    with contextlib.ExitStack() as stack:
        # On a CPU that is not asked for, accelerate takes no notice of torchrun.
        without_gpu = not torch.accelerator.is_available()
        if PartialState(cpu=without_gpu, timeout=PATIENCE).is_main_process:
            run = options.resume or options.out
            stack.enter_context(working_in(run))
            stack.callback(_clear_away, run)
        else:
            logging.getLogger().setLevel(logging.WARNING)  # the first one says it for all
        return _train(options)


def _clear_away(run: Path) -> None:
    """Remove what a run has written that ended before its first checkpoint."""
    if not any((run / name).exists() for name in ("last", "best", "final", FAILED_BATCH_FILE)):
        for name in (LOG_FILE, CURVES_FILE, SPEED_FILE):
            (run / name).unlink(missing_ok=True)
        shutil.rmtree(run / TENSORBOARD_FOLDER, ignore_errors=True)


def _train(options: TrainOptions) -> Path:
    began = time.monotonic()
    run, start, policy, config, caches, state = _begin(options)
    settings = config.training

    accelerator = Accelerator(mixed_precision=mixed_precision(settings.precision))
    device, rank = accelerator.device, accelerator.process_index
    part = Part(rank, accelerator.num_processes)
    failed_batch_file = FAILED_BATCH_FILE if rank == 0 else f"{rank}_{FAILED_BATCH_FILE}"
    if state is not None:
        _check_processes(state, part.of, settings, run)
    optimizer = make_optimizer(policy, settings)
    policy.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    wrapped = torch.compile(policy) if settings.compile else policy
    model, optimizer = accelerator.prepare(wrapped, optimizer)

    caches = _brought_near(caches, device)
    sampler = _mixture(config, caches, "training_episodes")
    assert sampler is not None  # each dataset has an episode to train on
    _log_skipped(config, sampler)
    timed = 2 if options.within_s is None else TIMED_STEPS
    speed = _time_step(accelerator, model, sampler, settings, timed)  # by all: one waits for all
    if options.within_s is not None:
        settings = _fitted(settings, options.within_s - (time.monotonic() - began), speed)
        config = dataclasses.replace(config, training=settings)
        if accelerator.is_main_process:
            write_json(run / SPEED_FILE, {**speed._asdict(), "steps": settings.steps})
    held_out = _mixture(config, caches, "validation_episodes")

    rollouts = None
    if settings.rollouts and accelerator.is_main_process:
        rollouts = TrainingRollouts(config)
    best = (math.inf, math.inf)  # share of failed rollouts (0 without any), validation L1
    recent: list[dict[str, float]] = []  # losses since the last line of the log
    if state is not None:
        optimizer.load_state_dict(state["optimizer"])
        best, recent = tuple(state["best"]), [_named(losses) for losses in state["recent"]]
    record = TrainingLog(run, start, settings.steps, enabled=accelerator.is_main_process)
    last_step = min(settings.steps, options.stop_after or settings.steps)
    if accelerator.is_main_process:
        log_estimate(speed.step_s, last_step - start, accelerator.device)
    progress = tqdm(
        range(start + 1, last_step + 1),
        initial=start,
        total=settings.steps,
        desc=config.task,
        unit="step",
        disable=not accelerator.is_main_process,
    )
    for step in progress:
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * learning_rate_factor(step, settings)
        torch.manual_seed(_derived_seed(settings.seed, step, rank))
        # The 0 is there since processes had keys of their own; what a seed draws remains.
        batch = sampler.draw(settings.batch_size, (settings.seed, step, 0), part).to(device)
        losses, norm = compute_gradients(accelerator, model, batch, settings)
        values = _values(accelerator, losses)
        _check_finite(values, norm, step, run / failed_batch_file, batch)
        optimizer.step()
        optimizer.zero_grad()

        recent.append(values)
        if step % settings.log_every == 0 or step == settings.steps:
            means = np.mean([list(each.values()) for each in recent], axis=0).tolist()
            recent.clear()
            mean = dict(zip(losses, means, strict=True))
            record.losses(step, mean, optimizer.param_groups[0]["lr"], norm.item())
        if held_out and (step % settings.validate_every == 0 or step == settings.steps):
            with accelerator.autocast():
                validation_l1 = validate(policy, held_out, settings)
            if not math.isfinite(validation_l1):
                raise TrainingError(
                    f"step {step}: the validation L1 is {validation_l1}; the last checkpoint is "
                    "whole: try a lower learning rate or --training.precision fp32"
                )
            success = rollouts.success_rate(policy, step) if rollouts else None
            record.validation(step, validation_l1, success)
            score = (0.0 if success is None else 1.0 - success, validation_l1)
            if score < best and accelerator.is_main_process:
                save_checkpoint(run / "best", policy, config, step, None)
            best = min(best, score)
        if accelerator.is_main_process and (step % settings.save_every == 0 or step == last_step):
            state = {"optimizer": optimizer.state_dict(), "best": best, "recent": recent,
                     "processes": part.of}  # fmt: skip
            save_checkpoint(run / "last", policy, config, step, state)
    if accelerator.is_main_process and last_step == settings.steps:
        save_checkpoint(run / "final", policy, config, settings.steps, None)
    record.close()
    return run


def _check_processes(
    state: dict[str, Any], count: int, settings: TrainingConfig, run: Path
) -> None:
    """ConfigurationError where the batch of all processes would be another one than before."""
    before = state.get("processes", 1)
    if count != before:
        raise ConfigurationError(
            f"{run} was begun with {before} x {settings.batch_size} samples a step (processes x "
            f"batch size) and cannot be resumed by {count}, with another batch: resume it by "
            f"{before} (torchrun), or start a new run from its weights (--weights {run})"
        )


def _values(accelerator: Accelerator, losses: dict[str, Tensor]) -> dict[str, float]:
    """Losses by name, each the mean over all processes."""
    mine = torch.stack([value.detach().float() for value in losses.values()])
    mean = accelerator.reduce(mine, "mean") if accelerator.num_processes > 1 else mine
    return dict(zip(losses, mean.tolist(), strict=True))


def _named(losses: Any) -> dict[str, float]:
    return losses if isinstance(losses, dict) else dict(zip(OLD_LOSSES, losses, strict=True))


class _Speed(NamedTuple):
    """Of training, here."""

    step_s: float
    data_s: float  # of a step's time, for drawing the batch
    samples_per_s: float


def _time_step(
    accelerator: Accelerator,
    model: nn.Module,
    sampler: Mixture,
    settings: TrainingConfig,
    steps: int,
) -> _Speed:
    """How long a step takes here, the median of the second half of some; the first ones allocate,
    compile and read from the disk. Changes nothing that training starts from."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    model.train()
    times = []
    for number in range(steps):
        started = time.perf_counter()
        batch = sampler.draw(settings.batch_size, (settings.seed, number)).to(accelerator.device)
        drawn = time.perf_counter()
        compute_gradients(accelerator, model, batch, settings)[1].item()
        model.zero_grad()
        times.append((time.perf_counter() - started, drawn - started))
    step_s, data_s = np.median(times[steps // 2 :], axis=0).tolist()
    for name, buffer in model.named_buffers():
        buffer.copy_(buffers[name])
    return _Speed(step_s, data_s, settings.batch_size * accelerator.num_processes / step_s)


def _fitted(settings: TrainingConfig, left_s: float, speed: _Speed) -> TrainingConfig:
    """The settings with as many steps as fit into the time that is left, one at least; the same in
    all processes. A tenth of the time is for the optimiser, validation and checkpoints."""
    (steps,) = broadcast_object_list([max(1, int(0.9 * left_s / speed.step_s))])
    often = max(1, steps // 10)
    return dataclasses.replace(
        settings,
        steps=steps,
        warmup_steps=min(settings.warmup_steps, steps // 20),
        validate_every=min(settings.validate_every, often),
        save_every=min(settings.save_every, often),
    )


def _brought_near(caches: tuple[FrameCache, ...], device: torch.device) -> tuple[FrameCache, ...]:
    """The datasets with their frames in the GPU's memory, where they fit: drawing a batch from the
    disk or from main memory takes longer than a step of a small network."""
    if device.type != "cuda":
        return caches
    needed, (free, _) = sum(cache.image_bytes for cache in caches), torch.cuda.mem_get_info(device)
    sizes = f"{needed / 1e9:.1f} GB of frames, {free / 1e9:.1f} GB free on the GPU"
    if needed > GPU_SHARE * free:
        log.info(f"{sizes}: they are drawn from the disk")
        return caches
    log.info(f"{sizes}: they are drawn from there")
    return tuple(cache.on(device) for cache in caches)


def log_estimate(step_s: float, steps: int, device: torch.device) -> None:
    """Say before it starts how long a run will take."""
    hours, minutes = divmod(round(step_s * steps / 60), 60)
    where = f"{torch.get_num_threads()} CPU threads" if device.type == "cpu" else str(device)
    log.info(f"{steps} steps of {step_s:.2g} s on {where}: about {hours} h {minutes:02d} min")
    if hours >= LONG_H:
        log.warning(
            "that is long: --preset compact is made for a CPU, --training.steps asks for fewer; "
            "Ctrl-C stops, --resume goes on"
        )


class _Start(NamedTuple):
    """Where a run begins: fresh, or after `start` steps."""

    run: Path
    start: int
    policy: TrainablePolicy
    config: RunConfig
    caches: tuple[FrameCache, ...]  # of `config.datasets`
    state: dict[str, Any] | None  # None for a fresh run


def _mixture(config: RunConfig, caches: tuple[FrameCache, ...], which: str) -> Mixture | None:
    """What is drawn from the training_episodes or validation_episodes; None if there are none."""
    samplers, weights = [], []
    for dataset, cache in zip(config.datasets, caches, strict=True):
        files: tuple[str, ...] = getattr(dataset, which)
        if files:
            skip = round(config.training.skip_before_takeover_s * cache.features.rate_hz)
            sizes = config.model.chunk_size, skip, obs_steps_of(config.model)
            samplers.append(ChunkSampler(cache, cache.episodes(files), *sizes))
            weights.append(dataset.weight)
    return Mixture(samplers, weights) if samplers else None


def _begin(options: TrainOptions) -> _Start:
    asked = options
    sources = [parse_source(option) for option in options.data]
    if options.resume is None:
        policy_class = find_policy(options.policy)
        model = policy_class.Config() if options.model is None else options.model
        if not isinstance(model, policy_class.Config):
            raise ConfigurationError(
                f"the model is configured by a {type(model).__qualname__}, but policy "
                f"'{options.policy}' takes a {policy_class.Config.__qualname__}"
            )
        asked = options = dataclasses.replace(options, model=model)
    options = dataclasses.replace(
        options, weights=options.weights and on_disk(options.weights, "model")
    )
    if options.resume is not None:
        run = options.resume
        last = load_checkpoint(run / "last")
        caches = _find_datasets(last, sources)
        state = load_training_state(run / "last")
        return _Start(run, last.step, last.policy, last.config, caches, state)
    run = options.out
    settle(run / "last")
    if (run / "last").exists():
        raise ConfigurationError(
            f"{run} holds a run: continue it with --resume {run}, or choose another --out"
        )
    folders = [on_disk(source.path, "dataset") for source in sources]
    caches = tuple(_open_cache(folder, downscale_of(model)) for folder in folders)
    check_apart(folders, caches)
    check_alike(folders, caches)
    if not options.allow_identical_starts:
        check_mixture_varies(caches)
    config = _make_config(asked, sources, caches)
    _log_mixture(config)
    torch.manual_seed(config.training.seed)
    if options.weights is None:
        policy = policy_class(model, config.features, _statistics(config, caches))
    else:
        policy = _read_weights(options.weights, config)
    sampler = _mixture(config, caches, "training_episodes")
    assert sampler is not None
    check_policy(policy, options.policy, sampler.draw(2, (0, 0)), config.training)
    return _Start(run, 0, policy, config, caches, None)


def _find_datasets(last: Checkpoint, sources: list[Source]) -> tuple[FrameCache, ...]:
    """The datasets of a run, in its order, where it had them or where --data says they are now."""
    config, run = last.config, last.folder.parent
    folders = [on_disk(source.path, "dataset") for source in sources]
    if not folders:
        folders = [last.data(dataset) for dataset in config.datasets]
        for folder in folders:
            if not folder.is_dir():
                raise ConfigurationError(
                    f"the dataset of {run} is not at {folder}: say where it is with --data"
                )
    caches = [_open_cache(folder, downscale_of(config.model)) for folder in folders]
    wanted, there = ([d.sha256 for d in config.datasets], [cache.sha256 for cache in caches])
    if sorted(wanted) != sorted(there):
        raise ConfigurationError(
            f"the dataset is not the one that this run was started with (SHA-256 "
            f"{', '.join(there)}, expected {', '.join(wanted)}): episodes were added, removed or "
            "changed; give the old one with --data, or start a new run"
        )
    by_content = {cache.sha256: cache for cache in caches}
    given = {sha256: source.weight for sha256, source in zip(there, sources, strict=False)}
    for dataset in config.datasets:
        weight = given.get(dataset.sha256)
        if weight is not None and weight != dataset.weight:
            raise ConfigurationError(
                f"--data: a run keeps its weights, and {dataset.name} has {dataset.weight:g} in "
                f"it, not {weight:g}; other weights are for a new run (--weights {run})"
            )
    return tuple(by_content[sha256] for sha256 in wanted)


def _log_skipped(config: RunConfig, mixture: Mixture) -> None:
    """Say what is left out before take-overs."""
    seconds = config.training.skip_before_takeover_s
    for dataset, (_, sampler) in zip(config.datasets, mixture.parts, strict=True):
        if seconds:
            log.info(
                f"{dataset.name}: {sampler.skipped} frames of the {seconds:g} s before take-overs "
                "are left out"
            )


def _log_mixture(config: RunConfig) -> None:
    """Say what of several datasets is drawn how often."""
    total = sum(dataset.weight for dataset in config.datasets)
    for dataset in config.datasets if len(config.datasets) > 1 else ():
        log.info(
            f"{dataset.name}: {len(dataset.training_episodes)} episodes "
            f"(+{len(dataset.validation_episodes)} held out), {dataset.weight / total:.1%} of the "
            "samples"
        )


def _read_weights(folder: Path, config: RunConfig) -> TrainablePolicy:
    """The policy of a checkpoint; ConfigurationError if it is not of this model and these names."""
    policy, other, *_ = load_checkpoint(folder)
    mine, its = dataclasses.asdict(config.model), dataclasses.asdict(other.model)
    differences = [f"{name} {its.get(name)} (here {value})" for name, value in mine.items()
                   if its.get(name) != value]  # fmt: skip
    if other.policy != config.policy:
        differences.insert(0, f"policy {other.policy} (here {config.policy})")
    differences += other.features.differences(config.features)
    if differences:
        raise ConfigurationError(
            f"--weights: the checkpoint in {folder} is of another model: {'; '.join(differences)}"
        )
    return policy


def _open_cache(folder: Path, downscale: int) -> FrameCache:
    with PartialState().main_process_first():  # one process builds it, the others find it
        return open_frame_cache(folder, downscale)


def compute_gradients(
    accelerator: Accelerator, model: nn.Module, batch: Batch, settings: TrainingConfig
) -> tuple[dict[str, Tensor], Tensor]:
    """Losses of an augmented batch; leaves clipped gradients, returns their norm before that."""
    with _attention(accelerator.device):
        losses = model(batch._replace(images=augment(batch.images, settings)))
    accelerator.backward(losses["loss"])
    return losses, accelerator.clip_grad_norm_(model.parameters(), settings.grad_clip)


def augment(images: list[Tensor], settings: TrainingConfig) -> list[Tensor]:
    """Random shifts of every camera's images, then random colours of them."""
    return [_coloured(each, settings) for each in [_shifted(each, settings) for each in images]]


def _shifted(images: Tensor, settings: TrainingConfig) -> Tensor:
    """Random shifts; the steps of one observation (B, T, h, w, 3) have the same."""
    limit_px = settings.augment_shift_px
    if images.dim() == 4:
        return shift_images(images, limit_px)
    return shift_images(images.movedim(1, 3), limit_px).movedim(3, 1)


def _coloured(images: Tensor, settings: TrainingConfig) -> Tensor:
    """Random colours; the steps of one observation (B, T, h, w, 3) have the same."""
    if images.dim() == 4:
        return jitter_colour(images, settings.augment_colour)
    side_by_side = images.movedim(1, 3).flatten(2, 3)  # (B, h, w * T, 3)
    side_by_side = jitter_colour(side_by_side, settings.augment_colour)
    return side_by_side.unflatten(2, (-1, images.shape[1])).movedim(3, 1)


def _attention(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """On a CPU, attention from plain products: torch's fused kernel spends a quarter of a training
    step of the compact preset in its backward pass (2.13, bf16: 344 ms a step, 274 ms without)."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else contextlib.nullcontext()


@torch.no_grad()
def validate(policy: TrainablePolicy, held_out: Mixture, settings: TrainingConfig) -> float:
    """Mean L1 (normalised) of what would be deployed over evenly spaced held-out frames; of several
    datasets by their weights."""
    policy.eval()
    device = policy.joints_mean.device
    mean = 0.0
    for share, part in held_out.parts:
        wanted = max(1, round(share * settings.validation_batches * settings.batch_size))
        count = min(wanted, len(part.frames))
        frames = part.frames[np.linspace(0, len(part.frames) - 1, count).astype(int)]
        l1 = 0.0
        for chosen in np.array_split(frames, math.ceil(count / settings.batch_size)):
            batch = part.batch(chosen).to(device)
            l1 += policy.validation_l1(batch).item() * len(chosen)
        mean += share * l1 / count
    return mean


def learning_rate_factor(step: int, settings: TrainingConfig) -> float:
    """Share of the peak learning rate at `step` (1 is the first): warm-up, then the schedule."""
    if step <= settings.warmup_steps:
        return step / settings.warmup_steps
    if settings.lr_schedule == "constant":
        return 1.0
    done = (step - settings.warmup_steps) / max(1, settings.steps - settings.warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * done))


def make_optimizer(policy: TrainablePolicy, settings: TrainingConfig) -> torch.optim.AdamW:
    """AdamW over the policy's groups; each remembers its peak learning rate."""
    groups = [{**group, "peak_lr": group["lr"]} for group in policy.parameter_groups(settings)]
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)


def preset_for_device() -> str:
    """The preset for whoever names none: the full network takes days on a CPU."""
    return "baseline" if torch.cuda.is_available() else "compact"


def log_preset(preset: Preset) -> None:
    """Say which preset was chosen, and that there are others."""
    why = "as there is a GPU" if torch.cuda.is_available() else "as there is no GPU"
    log.info(f"--preset {preset.name}, {why}; --help lists the others")


def mixed_precision(wanted: str) -> str:
    """accelerate's name for `TrainingConfig.precision` on this machine."""
    if wanted == "auto":
        if torch.cuda.is_available():
            wanted = "bf16" if torch.cuda.is_bf16_supported() else "fp32"
        else:
            wanted = "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"
    return "no" if wanted == "fp32" else wanted


def _derived_seed(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)


def _statistics(config: RunConfig, caches: tuple[FrameCache, ...]) -> Statistics:
    """Of the training episodes alone; validation is unseen in every respect."""
    weights = [dataset.weight for dataset in config.datasets]
    joints, actions = [], []
    for dataset, cache in zip(config.datasets, caches, strict=True):
        frames = cache.frames(cache.episodes(dataset.training_episodes))
        joints.append(cache.joints[frames])
        actions.append(cache.actions[frames])
    return Statistics(mix_moments(joints, weights), mix_moments(actions, weights))


def _make_config(
    options: TrainOptions, sources: list[Source], caches: tuple[FrameCache, ...]
) -> RunConfig:
    settings = options.training
    datasets = []
    for source, cache in zip(sources, caches, strict=True):
        split = split_episodes(len(cache.files), settings.validation_fraction, settings.seed)
        datasets.append(
            DatasetRecord(
                data=shared_path(source.path, options.out),
                sha256=cache.sha256,
                weight=1.0 if source.weight is None else source.weight,
                training_episodes=tuple(cache.files[i] for i in split.training),
                validation_episodes=tuple(cache.files[i] for i in split.validation),
            )
        )
    return RunConfig(
        policy=shared_name(options.policy, options.out),
        preset=options.preset,
        model=_named_weights(options.model),
        training=settings,
        features=caches[0].features,
        task=task_of(caches),
        datasets=tuple(datasets),
        commit=current_commit(),
        weights=shared_path(options.weights, options.out) if options.weights else None,
        look=look_of(source.path for source in sources),
    )


def _named_weights(model: Any) -> Any:
    """`model` with the name of a file of weights in place of its path."""
    weights = getattr(model, "backbone_weights", None)
    return dataclasses.replace(model, backbone_weights=Path(weights).name) if weights else model


def _check_finite(
    values: dict[str, float], norm: Tensor, step: int, path: Path, batch: Batch
) -> None:
    """TrainingError before the weights are spoilt, with the batch saved at `path` for a look."""
    diverged = not values.get("l1", 0.0) < DIVERGED_L1
    if math.isfinite(values["loss"]) and torch.isfinite(norm) and not diverged:
        return
    with replacing(path) as new:
        torch.save({"step": step, "batch": tuple(batch)}, new)
    raise TrainingError(
        f"step {step}: {', '.join(f'{name} {value:g}' for name, value in values.items())}, "
        f"gradient norm {norm.item():g}; the batch is in {path}. The last checkpoint is whole: try "
        "a lower learning rate or --training.precision fp32"
    )


def main(args: list[str] | None = None) -> None:
    """Read --policy and --preset first: they decide the options of the model and all defaults."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--policy")
    parser.add_argument("--preset")
    parser.add_argument("--resume")
    known, rest = parser.parse_known_args(sys.argv[1:] if args is None else args)
    if known.resume is not None:
        rest += ["--resume", known.resume]
    try:
        policy, preset = _choose(known.policy, known.preset)
    except ConfigurationError as error:
        sys.exit(f"error: {error}")
    if known.preset is None and known.resume is None and not {"-h", "--help"} & set(rest):
        log_preset(preset)
    kind = dataclasses.make_dataclass(
        "TrainOptions", [("model", type(preset.model))], bases=(TrainOptions,), frozen=True
    )
    defaults = kind(policy=policy, preset=preset.name, model=preset.model, training=preset.training)
    then = _next if os.environ.get("RANK", "0") == "0" else None  # torchrun's number of a process
    run_command(train, kind, kept=_kept, then=then, default=defaults, args=rest)


def _choose(policy: str | None, preset: str | None) -> tuple[str, Preset]:
    """A policy and the preset that it begins with; ConfigurationError for what is not there.

    Without a name for the preset it is the one for this machine, of a policy that has none of that
    name its first one, and of one without presets the defaults of its configuration.
    """
    if preset is not None:
        return find_preset(preset, policy)
    presets = presets_of(policy or "act")
    for name in (preset_for_device(), *presets):
        if name in presets:
            return presets[name]
    assert policy is not None  # act has presets
    return policy, Preset("defaults", "", find_policy(policy).Config(), TrainingConfig())


def _kept(options: TrainOptions) -> str:
    run = options.resume or options.out
    if (run / "last").exists():
        return f"the last checkpoint in {run} is whole, go on with: act-train --resume {run}"
    return "there was no checkpoint yet and nothing is left, start it again"


def _next(options: TrainOptions) -> str:
    run = options.resume or options.out
    if not (run / "final").exists():
        return f"act-train --resume {run}"
    return f"act-export --checkpoint {run} --out {run / 'bundle'}"


if __name__ == "__main__":
    main()
