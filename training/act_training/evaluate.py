"""Success rates that can be believed: `act-evaluate --policy BUNDLE --episodes 100`.

Every episode starts from a listed seed that no demonstration was made with, runs through the
runtime's own `PolicyRunner` (see `rollout`), and every rate comes with its Wilson interval.
`evaluation.json` holds all of it; `--videos N` shows N successes and N failures.
"""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass
from itertools import product
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
from act_policy.policy import Policy
from tqdm import tqdm

from act_training.bundle_spec import make_spec
from act_training.checkpoint import CONFIG_FILE, load_checkpoint, load_config
from act_training.cli import run_command
from act_training.dataset_replay import choose_episodes, report_dataset_replay
from act_training.environments import is_simulated
from act_training.environments.environment import Environment
from act_training.evaluation_record import (
    compare_rows,
    condition_record,
    read_rows,
    write_record,
)
from act_training.execution import execution_of
from act_training.hub import on_disk
from act_training.network import Network
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
    """Any of ensemble, newest, open_loop, blended, weighted, append, replan and modes of your own
    (file.py:Class), one after the other, with options behind commas (replan,replan_rows=15); none
    takes the policy's own."""
    m: float | None = None
    """Ensemble weights exp(-m i); None takes the policy's own."""
    open_loop_rows: int | None = None
    max_jump: float | None = None
    """What a command may move beyond the policy's own motion; 0: no limit, as the modes of others
    have it; None takes the policy's own."""
    latency_ms: tuple[float, ...] = (0.0,)
    """Inference latencies to inject, one after the other."""
    network_ms: float = 0.0
    """On the wire, there and back together, beyond inference."""
    jitter: tuple[float, ...] = (0.0,)
    """Latency and wire vary by up to this share of themselves (0.5: ± 50 %), one after the
    other."""
    loss: tuple[float, ...] = (0.0,)
    """Share of the chunks that the network loses, one after the other."""
    burst: float = 0.0
    """Chunks that are lost in a row, on average; 0: independently."""
    stall_every_s: float = 0.0
    """Every so often the network stands still; 0: never."""
    stall_ms: float = 0.0
    """For so long."""
    camera_rate_hz: float | None = None
    """None: an image for every row of the policy's chunks."""
    control_rate_hz: int | None = None
    """Steps per second of the so101 tasks; None takes the policy's rate."""
    level: int | None = None
    """Domain randomization of the so101 tasks, 0 to 3."""
    look: str | None = None
    """How the so101 tasks are drawn, plain or room; None: as what the policy was trained on, else
    as the level is (docs/simulation.md)."""
    arm_parameters: Path | None = None
    """A file of act-identify: the so101 tasks with the servos of your arm."""
    camera_alignment: Path | None = None
    """A file of act-align-camera: the so101 tasks seen from where your cameras stand."""
    variant: str = "fp32"
    """Graph of a bundle: fp32, bf16 (with OpenVINO), fast or auto."""
    videos: int = 0
    """So many successes and so many failures are filmed, per condition."""
    dataset: Path | None = None
    """Compare with recorded actions instead, for which no simulation is needed: a dataset's folder
    (or hf://owner/name), or the file of an episode."""
    episode: int | None = None
    """Which one of the dataset, counted from 0; None: those that were held out in training."""
    stamp: bool = False
    """Write the success rates into the bundle's provenance."""
    workers: int = os.cpu_count() or 1
    """Processes; with --ray as many as the cluster has cores."""
    ray: str | None = None
    """Run the episodes of a bundle on the machines of a Ray cluster: auto (the one of this
    machine), or HOST:PORT."""


@dataclass(frozen=True)
class ConditionResult:
    """All episodes of one condition."""

    condition: str
    results: tuple[Result, ...]

    @property
    def successes(self) -> int:
        return sum(result.success for result in self.results)

    @property
    def interval(self) -> Interval:
        return wilson_interval(self.successes, len(self.results))

    def __str__(self) -> str:
        count = len(self.results)
        low, high = self.interval
        steps = [result.steps for result in self.results if result.success]
        return (
            f"{self.condition}: {self.successes}/{count} = {self.successes / count:.1%} "
            f"[{low:.1%}, {high:.1%}]"
            + (f", median {np.median(steps):.0f} steps to success" if steps else "")
        )

    def to_json(self) -> dict[str, Any]:
        return condition_record(self.condition, [result._asdict() for result in self.results])


def evaluate(options: EvaluateOptions) -> list[ConditionResult]:
    """Measure the success rate of a policy on fresh starts, or replay a recorded episode."""
    asked, policy = options, on_disk(options.policy, "model")
    if options.stamp and policy != options.policy:
        raise ConfigurationError("--stamp: a bundle on the hub cannot be written to, download it")
    dataset = options.dataset and on_disk(options.dataset, "dataset")
    options = dataclasses.replace(options, policy=policy, dataset=dataset)
    if options.dataset is not None:
        judged = load(options)
        fresh = held_out(options.policy, options.dataset) if options.episode is None else ()
        choice = choose_episodes(options.dataset, options.episode, fresh)
        report_dataset_replay(judged, options.dataset, choice, options.out, films=options.videos)
        return []
    if options.stamp and not (options.policy / SPEC_FILE).is_file():
        raise ConfigurationError(f"--stamp: '{options.policy}' is no bundle, export it first")
    if options.ray is not None and not (options.policy / SPEC_FILE).is_file():
        raise ConfigurationError(f"--ray: '{options.policy}' is no bundle, export it first")
    if options.episodes < 1:
        raise ConfigurationError(f"--episodes is {options.episodes}, expected at least 1")
    spec = load(options).spec
    conditions = conditions_of(options, spec)
    seeds = range(options.first_seed, options.first_seed + options.episodes)
    jobs = [(condition, seed) for condition in conditions for seed in seeds]
    env = open_evaluated(options, spec)
    env.close()
    look = getattr(env, "look", None)
    check_fit(spec, env)
    count = min(options.workers, len(jobs))
    with worker_pool(count, _open_worker, options, ray=options.ray) as pool:
        progress = tqdm([pool.submit(_run_job, job) for job in jobs], unit="episode")
        results = []
        for future in progress:
            results.append(future.result())
            progress.set_postfix(successes=sum(r.success for r in results))
    evaluated = [
        ConditionResult(str(condition), tuple(results[i * len(seeds) : (i + 1) * len(seeds)]))
        for i, condition in enumerate(conditions)
    ]
    record = {
        "policy": shared_path(asked.policy, Path.cwd()),
        "name": spec.name,
        "variant": options.variant,
        "env": environment_name(options, spec),
        "seeds": [seeds.start, seeds.stop - 1],
        "camera_rate_hz": options.camera_rate_hz,
        "control_rate_hz": options.control_rate_hz,
        "level": options.level,
        "look": look,
        "provenance": dict(spec.provenance),
        "commit": current_commit(),
        "command": shared_command(),
        "conditions": [result.to_json() for result in evaluated],
    }
    write_record(options.out, record)
    for result in evaluated:
        print(result)
    first, *others = read_rows(options.out)
    for row in others:
        p, test = compare_rows(row, first)
        print(f"{row.condition} against {first.condition}: p = {p:.2g} ({test})")
    if options.stamp:
        stamp_bundle(options.policy, record)
    if options.videos:
        _film(options, conditions, evaluated)
    return evaluated


def stamp_bundle(folder: Path, record: dict[str, Any]) -> None:
    """Write the success rates of an evaluation record into the provenance of the bundle."""
    bundle = read_bundle(folder)
    where = record["env"] + (f" level {record['level']}" if record["level"] else "")
    success = {
        f"{where}: {condition['condition']}": {
            "variant": record["variant"],
            "seeds": record["seeds"],
            **{name: condition[name] for name in ("successes", "episodes", "interval_95")},
        }
        for condition in record["conditions"]
    }
    known = {**bundle.spec.provenance.get("success", {}), **success}
    spec = dataclasses.replace(bundle.spec, provenance={**bundle.spec.provenance, "success": known})
    write_json(folder / SPEC_FILE, spec_to_json(spec), indent=2)


def held_out(policy: Path, dataset: Path) -> tuple[str, ...]:
    """Files of `dataset` that a run or bundle says were not trained on; () if it does not.

    Of a run with several datasets the one of this name is meant, else any; episodes of one name of
    which one was trained on do not count.
    """
    if (policy / SPEC_FILE).is_file():
        path = policy / RECORD_FOLDER / CONFIG_FILE
        try:
            datasets = datasets_of(read_json(path)) if path.is_file() else ()
        except (KeyError, TypeError, ValueError):
            return ()
    else:
        datasets = load_config(policy).datasets
    datasets = tuple(d for d in datasets if d.name == dataset.name) or datasets
    trained = {name for d in datasets for name in d.training_episodes}
    return tuple(n for d in datasets for n in d.validation_episodes if n not in trained)


def conditions_of(options: EvaluateOptions, spec: PolicySpec) -> list[Condition]:
    """Every wanted mode with every wanted latency and network; what is not given is the policy's
    own."""
    executions = [
        execution_of(mode, spec, m=options.m, rows=options.open_loop_rows, jump=options.max_jump)
        for mode in options.mode or (spec.execution.mode,)
    ]
    wire_s, stall_s = options.network_ms / 1e3, options.stall_ms / 1e3
    networks = [
        Network(wire_s, jitter, loss, options.burst, options.stall_every_s, stall_s)
        for jitter, loss in product(options.jitter, options.loss)
    ]
    return [
        Condition(execution, latency_ms / 1e3, options.camera_rate_hz, network)
        for execution, latency_ms, network in product(executions, options.latency_ms, networks)
    ]


def load(options: EvaluateOptions) -> Policy:
    if (options.policy / SPEC_FILE).is_file():
        engine, variant = cpu_engine(options.variant), options.variant
        policy = load_policy(options.policy, engine=engine, variant=variant, threads=1)
        check_recorded(policy.bundle)
        return policy
    checkpoint = load_checkpoint(options.policy)
    spec = make_spec(checkpoint.config, checkpoint.step)
    return TorchPolicy(checkpoint.policy, spec)


def environment_name(options: EvaluateOptions, spec: PolicySpec) -> str:
    name = options.env or spec.provenance.get("task")
    if not name:
        raise ConfigurationError(
            f"policy '{spec.name}' does not say what it was trained on: name it with --env"
        )
    if options.env is None and not is_simulated(str(name)):
        raise ConfigurationError(
            f"policy '{spec.name}' was trained on recordings ({name!r:.60}), of which there is no "
            "simulation. Compare it with recorded actions: --dataset FOLDER; try it on the arm: "
            "ros2 launch act_bringup real_so101.launch.py; or name a simulated task with --env"
        )
    return str(name)


def open_evaluated(options: EvaluateOptions, spec: PolicySpec, **more: Any) -> Environment:
    extra = {
        "level": options.level,
        "look": options.look or spec.provenance.get("look"),
        "arm_parameters": options.arm_parameters,
        "camera_alignment": options.camera_alignment,
        "rate_hz": options.control_rate_hz,
    }
    given = {name: value for name, value in extra.items() if value is not None}
    return open_environment_for(spec, environment_name(options, spec), **given, **more)


_environment: Environment  # of this worker process
_policy: Policy


def _open_worker(options: EvaluateOptions) -> None:
    global _environment, _policy
    torch.set_num_threads(1)  # one episode per core is faster than one inference on all
    _policy = load(options)
    _environment = open_evaluated(options, _policy.spec)


def _run_job(job: tuple[Condition, int]) -> Result:
    return run_episode(_environment, _policy, *job)


def _film(
    options: EvaluateOptions, conditions: list[Condition], evaluated: list[ConditionResult]
) -> None:
    """Run the first successes and failures of each condition again; they are the same episodes."""
    policy = load(options)
    env = open_evaluated(options, policy.spec)
    for condition, result in zip(conditions, evaluated, strict=True):
        for success, label in ((True, "success"), (False, "failure")):
            chosen = [r.seed for r in result.results if r.success == success][: options.videos]
            for seed in chosen:
                frames: list[dict[str, np.ndarray]] = []
                run_episode(env, policy, condition, seed, frames)
                path = options.out / f"{label}_{seed}_{_file_name(condition)}.mp4"
                write_video(path, frames, condition.camera_rate_hz or policy.spec.rate_hz)
                print(f"video {path}")
    env.close()


def _file_name(condition: Condition) -> str:
    """Words without spaces, commas and slashes."""
    mode, latency = condition.execution.mode, round(condition.latency_s * 1e3)
    name = f"{mode} {latency}ms{condition.network.words}"
    return re.sub(r"[^\w.%+-]+", "_", name)


def main() -> None:
    run_command(
        evaluate,
        EvaluateOptions,
        kept=lambda options: f"no result of this evaluation is in {options.out}, start it again",
        then=_next,
    )


def _next(options: EvaluateOptions) -> str:
    if options.dataset is not None:
        return "the arm itself tells how good it is: ros2 launch act_bringup real_so101.launch.py"
    return f"act-report {options.out} --out results.md, or act-compare {options.out} OTHER"


if __name__ == "__main__":
    main()
