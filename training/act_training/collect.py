"""Demonstrations from a scripted expert: `act-collect`.

One episode per seed, in parallel processes of this machine or, with `--ray`, of several. The seeds
are taken in order until enough episodes succeeded, so the set of episodes depends on nothing but
the first seed, however the processes race. `collection.json` lists every seed tried; the same
command continues an interrupted collection.

With `--policy` the policy begins each episode and the expert takes over at a random time; what the
expert then shows is kept. Such demonstrations begin where the policy gets to, above all where it
gets stuck, which the expert alone never does (compare DAgger, arXiv 1011.0686).
"""

from __future__ import annotations

import json
import logging
import math
import os
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from act_core.errors import ConfigurationError
from act_core.files import read_json, settle, settle_all, working_in, write_json
from act_policy.load_policy import load_policy
from tqdm import tqdm

from act_training.cli import check_within, run_command
from act_training.datasets.collection import RECORD_FILE
from act_training.datasets.episode_file import episode_content, episode_path, write_content
from act_training.datasets.errors import DatasetError
from act_training.datasets.starts import check_starts_vary
from act_training.demonstrate import Lead, record_episode
from act_training.environments import open_environment
from act_training.environments.environment import Environment
from act_training.hub import on_disk
from act_training.rollout import check_fit
from act_training.sharing import shared_path
from act_training.worker_pool import FILES, worker_pool

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CollectOptions:
    """What to collect."""

    env: str
    """Environment, e.g. metaworld/shelf-place-v3 or so101/pick_place."""
    out: Path
    """Folder for the episodes; an interrupted collection in it is continued."""
    episodes: int = 100
    within_s: float | None = None
    """Begin no new episode after so many seconds; `episodes` are the most then."""
    first_seed: int = 0
    """Seeds are taken from here on. Evaluation starts at 100000, so the two do not meet."""
    cameras: tuple[str, ...] | None = None
    """Names of cameras; None takes the environment's defaults."""
    height: int | None = None
    """Image height in pixels; None takes the environment's default."""
    width: int | None = None
    level: int | None = None
    """Domain randomization of the so101 tasks, 0 to 3."""
    look: str | None = None
    """How the so101 tasks are drawn, plain or room; None: as the level is (docs/simulation.md)."""
    arm_parameters: Path | None = None
    """A file of act-identify: the so101 tasks with the servos of your arm, and levels around it."""
    camera_alignment: Path | None = None
    """A file of act-align-camera: the so101 tasks seen from where your cameras stand."""
    noise: float = 0.0
    """Command noise in units of the environment's scale (DART: disturbed steps, clean labels), so
    that demonstrations show how to recover. 1.0 is a centimetre of MetaWorld's hand, or 0.02 rad
    of each joint of an SO-101 but the gripper."""
    policy: Path | None = None
    """A bundle (or hf://owner/name) that begins each episode, until the expert takes over."""
    policy_s: float = 6.0
    """The expert takes over at a random time up to this. Where the policy is done before, there is
    nothing left to show, and the next seed is taken."""
    tail_s: float = 0.25
    """How long to go on after the first success, so that the end of the motion is shown too."""
    keep_failures: bool = False
    """Keep the episodes in which the expert failed as well."""
    allow_identical_starts: bool = False
    """Accept episodes that all start from one placement."""
    workers: int = os.cpu_count() or 1
    """Processes; with --ray as many as the cluster has cores."""
    ray: str | None = None
    """Collect on the machines of a Ray cluster: auto (the one of this machine), or HOST:PORT."""

    def environment_options(self) -> dict[str, object]:
        names = ("cameras", "height", "width", "level", "look", "arm_parameters",
                 "camera_alignment")  # fmt: skip
        options = {name: getattr(self, name) for name in names}
        return {name: value for name, value in options.items() if value is not None}


class Trial(NamedTuple):
    """How the episode of one seed went."""

    seed: int
    success: bool
    steps: int  # 0 when the policy was done before the expert's turn


def collect(options: CollectOptions) -> list[Trial]:
    """Collect demonstrations of a task from its scripted expert."""
    check_within(options.within_s)
    with working_in(options.out):
        settle_all(options.out)
        try:
            return _collect(options)
        finally:
            settle_all(options.out)


def _collect(options: CollectOptions) -> list[Trial]:
    ends = time.monotonic() + (math.inf if options.within_s is None else options.within_s)
    settings = _settings(options)
    trials = _continue(options.out, settings)
    removed = _find_removed(options, trials)
    options = replace(options, policy=options.policy and on_disk(options.policy, "model"))
    look = _try_environment(options)
    pending: set[Future[tuple[Trial, bytes | None]]] = set()
    seed = options.first_seed
    with (
        worker_pool(options.workers, _open_worker, options, ray=options.ray) as pool,
        tqdm(total=options.episodes, desc=options.env, unit="episode") as progress,
    ):
        while True:
            kept = sum(_is_kept(options, t) and t.seed not in removed for t in trials.values())
            progress.update(kept - progress.n)
            _check_expert(trials, options.env)
            wanted = options.episodes if time.monotonic() < ends else 0
            while kept + len(pending) < wanted and len(pending) < 2 * pool.count:
                if seed not in trials:
                    pending.add(pool.submit(_run_seed, seed))
                seed += 1
            if not pending:
                return list(trials.values())
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                trial, content = future.result()
                if content is not None:
                    write_content(episode_path(options.out, trial.seed), content)
                trials[trial.seed] = trial
            _write_record(options.out, settings, look, trials)


_environment: Environment  # of this worker process
_options: CollectOptions
_lead: Lead | None


def _open_worker(options: CollectOptions) -> None:
    global _environment, _options, _lead
    _environment = open_environment(options.env, **options.environment_options())
    _options = options
    _lead = _open_lead(options, _environment)


def _run_seed(seed: int) -> tuple[Trial, bytes | None]:
    """How it went, and the content of the episode's file if it is kept."""
    episode = record_episode(
        _environment, seed, noise=_options.noise, tail_s=_options.tail_s, lead=_lead
    )
    if episode is None:
        return Trial(seed, False, 0), None
    trial = Trial(seed, bool(episode.success), len(episode))
    return trial, episode_content(episode) if _is_kept(_options, trial) else None


def _is_kept(options: CollectOptions, trial: Trial) -> bool:
    return trial.success or (options.keep_failures and trial.steps > 0)


def _open_lead(options: CollectOptions, env: Environment) -> Lead | None:
    """The policy that begins the episodes; ConfigurationError if it does not fit."""
    if options.policy is None:
        return None
    policy = load_policy(options.policy, engine="cpu", variant="fp32", threads=1)
    check_fit(policy.spec, env)
    return Lead(policy, options.policy_s)


def _try_environment(options: CollectOptions) -> str | None:
    """A few resets tell whether the starts vary, before hours are spent on it.

    Returns how the environment is drawn, where there are several ways.
    """
    env = open_environment(options.env, **options.environment_options())
    _open_lead(options, env)  # what is wrong with it is said here, not by a worker
    placements, joints = [], []
    for seed in range(options.first_seed, options.first_seed + 4):
        env.reset(seed)
        placements.append(env.placement())
        joints.append(env.joints())
    env.close()
    warning = getattr(env, "expert_warning", None)
    if warning is not None:
        log.warning(warning)
    if not options.allow_identical_starts:
        check_starts_vary(np.array(placements), np.array(joints))
    return getattr(env, "look", None)


def _check_expert(trials: dict[int, Trial], env: str) -> None:
    if len(trials) >= 20 and not any(trial.success for trial in trials.values()):
        raise DatasetError(
            f"the expert of {env} failed on all of the first {len(trials)} seeds: is the task "
            "possible with these settings (--noise)?"
        )


def _settings(options: CollectOptions) -> dict[str, object]:
    """What must not change when a collection is continued."""
    settings = asdict(options)
    if options.policy is None:
        del settings["policy_s"]
    for name in FILES:
        path = getattr(options, name)
        settings[name] = path and shared_path(path, options.out)
    if options.camera_alignment is None:  # as datasets have it that are older than the option
        del settings["camera_alignment"]
    for name in ("out", "episodes", "within_s", "workers", "ray", "allow_identical_starts"):
        del settings[name]
    return json.loads(json.dumps(settings))  # as it is read back: tuples are lists


def _continue(out: Path, settings: dict[str, object]) -> dict[int, Trial]:
    """Trials that an earlier run of this collection finished; DatasetError if it was another."""
    path = out / RECORD_FILE
    settle(path)
    if not path.exists():
        return {}
    try:
        record = read_json(path)
        before, trials = dict(record["settings"]), [Trial(*trial) for trial in record["trials"]]
        done = {int(trial.seed): trial for trial in trials}
    except (ConfigurationError, LookupError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{path} is damaged ({error}): delete it, and the same command collects the episodes "
            "again"
        ) from error
    different = [
        f"{name} {before.get(name)} (now {value})"
        for name, value in settings.items()
        if before.get(name) != value
    ]
    if different:
        raise DatasetError(
            f"{out} holds a collection with {', '.join(different)}: continue it with its own "
            "settings, or choose another --out"
        )
    return done


def _find_removed(options: CollectOptions, trials: dict[int, Trial]) -> set[int]:
    """Seeds of the episodes that were kept and are not there any more."""
    kept = [trial.seed for trial in trials.values() if _is_kept(options, trial)]
    removed = [seed for seed in kept if not episode_path(options.out, seed).exists()]
    if removed:
        log.warning(
            f"{len(removed)} episodes that {options.out / RECORD_FILE} lists are not there any "
            f"more ({episode_path(options.out, removed[0]).name} is one): others take their place"
        )
    return set(removed)


def _write_record(
    out: Path, settings: dict[str, object], look: str | None, trials: dict[int, Trial]
) -> None:
    record = {
        "settings": settings,
        "look": look,
        "successes": sum(trial.success for trial in trials.values()),
        "trials": sorted(trials.values()),
    }
    write_json(out / RECORD_FILE, record)


def main() -> None:
    run_command(
        collect,
        CollectOptions,
        kept=lambda options: f"the episodes in {options.out} are whole, the same command goes on",
        then=lambda options: f"act-report {options.out}, then act-train --data {options.out}",
    )


if __name__ == "__main__":
    main()
