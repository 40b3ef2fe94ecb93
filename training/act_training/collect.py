"""Demonstrations from a scripted expert: `act-collect`.

One episode per seed, in parallel processes. The seeds are taken in order until enough episodes
succeeded, so the set of episodes depends on nothing but the first seed, however the processes race.
`collection.json` lists every seed tried; the same command continues an interrupted collection.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from act_training.command import run_command
from act_training.datasets.episode_file import Episode, episode_path, write_episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.starts import check_starts_vary
from act_training.environments import open_environment
from act_training.environments.environment import Environment

RECORD_FILE = "collection.json"
NOISE_TIME_S = 0.1  # correlation time of command noise: long enough to leave the expert's path


@dataclass(frozen=True)
class CollectOptions:
    """What to collect."""

    env: str
    """Environment, e.g. metaworld/shelf-place-v3 or so101/pick_place."""
    out: Path
    """Folder for the episodes; an interrupted collection in it is continued."""
    episodes: int = 100
    first_seed: int = 0
    """Seeds are taken from here on. Evaluation starts at 100000, so the two do not meet."""
    cameras: tuple[str, ...] | None = None
    """Names of cameras; None takes the environment's defaults."""
    height: int | None = None
    """Image height in pixels; None takes the environment's default."""
    width: int | None = None
    level: int | None = None
    """Domain randomization of the so101 tasks, 0 to 2."""
    noise: float = 0.0
    """Command noise in units of the environment's scale (DART: disturbed steps, clean labels), so
    that demonstrations show how to recover. 1.0 is a centimetre of MetaWorld's hand, or 0.02 rad
    of each joint of an SO-101 but the gripper."""
    tail_s: float = 0.25
    """How long to go on after the first success, so that the end of the motion is shown too."""
    keep_failures: bool = False
    """Keep the episodes in which the expert failed as well."""
    allow_identical_starts: bool = False
    """Accept episodes that all start from one placement."""
    workers: int = os.cpu_count() or 1
    """Processes."""

    def environment_options(self) -> dict[str, object]:
        names = ("cameras", "height", "width", "level")
        options = {name: getattr(self, name) for name in names}
        return {name: value for name, value in options.items() if value is not None}


class Trial(NamedTuple):
    """How the episode of one seed went."""

    seed: int
    success: bool
    steps: int


def collect(options: CollectOptions) -> list[Trial]:
    """Collect demonstrations of a task from its scripted expert."""
    options.out.mkdir(parents=True, exist_ok=True)
    trials = _continue(options)
    _check_first_starts(options)
    executor = ProcessPoolExecutor(
        options.workers,
        mp_context=multiprocessing.get_context("spawn"),  # a GL context does not survive a fork
        initializer=_open_worker,
        initargs=(options,),
    )
    progress = tqdm(total=options.episodes, desc=options.env, unit="episode")
    pending: set[Future[Trial]] = set()
    seed = options.first_seed
    try:
        while True:
            kept = sum(trial.success or options.keep_failures for trial in trials.values())
            progress.update(kept - progress.n)
            _check_expert(trials, options.env)
            while kept + len(pending) < options.episodes and len(pending) < 2 * options.workers:
                if seed not in trials:
                    pending.add(executor.submit(_run_seed, seed))
                seed += 1
            if not pending:
                return list(trials.values())
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                trial = future.result()
                trials[trial.seed] = trial
            _write_record(options, trials)
    finally:
        executor.shutdown(cancel_futures=True)
        progress.close()


def record_episode(
    env: Environment, seed: int, *, noise: float = 0.0, tail_s: float = 0.0
) -> Episode:
    """Let the expert play the episode of `seed`; success is judged at any step.

    With `noise` the commands that are carried out are disturbed, and the expert's answer to where
    that leads is what is recorded.
    """
    env.reset(seed)
    rng = np.random.default_rng((seed, 1))
    disturbance = np.zeros_like(env.noise_scale)
    keep = np.exp(-1.0 / (NOISE_TIME_S * env.features.rate_hz))
    placement = dict(zip(env.placement_names, env.placement().tolist(), strict=True))
    observations, actions = [], []
    remaining = env.max_steps
    success = False
    while remaining > 0:
        observations.append(env.observe())
        action = env.expert_action()
        actions.append(action)
        # Ornstein-Uhlenbeck with a standard deviation of noise * noise_scale.
        disturbance = keep * disturbance + np.sqrt(1 - keep**2) * rng.normal(size=len(action))
        outcome = env.step(action + noise * env.noise_scale * disturbance)
        remaining -= 1
        if outcome.success and not success:
            success = True
            remaining = min(remaining, round(tail_s * env.features.rate_hz))
        if outcome.finished and not success:
            break
    return Episode(
        features=env.features,
        task=env.name,
        seed=seed,
        success=success,
        joints=np.stack([o.joint_position for o in observations]),
        actions=np.stack(actions).astype(np.float32),
        stamps_ns=np.array([o.stamp_ns for o in observations], dtype=np.int64),
        images={
            name: np.stack([o.images[name] for o in observations])
            for name in env.features.camera_names
        },
        placement=placement,
    )


_environment: Environment  # of this worker process
_options: CollectOptions


def _open_worker(options: CollectOptions) -> None:
    global _environment, _options
    _environment = open_environment(options.env, **options.environment_options())
    _options = options


def _run_seed(seed: int) -> Trial:
    episode = record_episode(_environment, seed, noise=_options.noise, tail_s=_options.tail_s)
    if episode.success or _options.keep_failures:
        write_episode(episode_path(_options.out, seed), episode)
    return Trial(seed, bool(episode.success), len(episode))


def _check_first_starts(options: CollectOptions) -> None:
    """Two resets tell whether this environment varies its starts, before hours are spent on it."""
    if options.allow_identical_starts:
        return
    env = open_environment(options.env, **options.environment_options())
    placements, joints = [], []
    for seed in range(options.first_seed, options.first_seed + 4):
        env.reset(seed)
        placements.append(env.placement())
        joints.append(env.joints())
    env.close()
    check_starts_vary(np.array(placements), np.array(joints))


def _check_expert(trials: dict[int, Trial], env: str) -> None:
    if len(trials) >= 20 and not any(trial.success for trial in trials.values()):
        raise DatasetError(
            f"the expert of {env} failed on all of the first {len(trials)} seeds: is the task "
            "possible with these settings (--noise)?"
        )


def _settings(options: CollectOptions) -> dict[str, object]:
    """What must not change when a collection is continued."""
    settings = asdict(options)
    for name in ("out", "episodes", "workers", "allow_identical_starts"):
        del settings[name]
    return settings


def _continue(options: CollectOptions) -> dict[int, Trial]:
    """Trials that an earlier run of this collection finished; DatasetError if it was another."""
    path = options.out / RECORD_FILE
    if not path.exists():
        return {}
    record = json.loads(path.read_text())
    settings = json.loads(json.dumps(_settings(options)))
    different = [
        f"{name} {record['settings'].get(name)} (now {value})"
        for name, value in settings.items()
        if record["settings"].get(name) != value
    ]
    if different:
        raise DatasetError(
            f"{options.out} holds a collection with {', '.join(different)}: continue it with its "
            "own settings, or choose another --out"
        )
    return {trial[0]: Trial(*trial) for trial in record["trials"]}


def _write_record(options: CollectOptions, trials: dict[int, Trial]) -> None:
    record = {
        "settings": _settings(options),
        "successes": sum(trial.success for trial in trials.values()),
        "trials": sorted(trials.values()),
    }
    partial = options.out / f".{RECORD_FILE}.partial"
    partial.write_text(json.dumps(record, indent=1))
    os.replace(partial, options.out / RECORD_FILE)


def main() -> None:
    run_command(collect, CollectOptions)


if __name__ == "__main__":
    main()
