"""A policy within a time budget, on whatever machine this is: `training/recipes/pick_place.sh`.

    collect    demonstrations of all levels of randomization, in parallel processes
    train      a first policy
    correct    demonstrations that begin where that policy gets to (not in minutes without a GPU)
    train      the policy that is exported, from the weights of the first
    evaluate   on every level, on starts that nothing else has seen

Each stage has a share of the budget (`plan`), and does as much as fits into it. The folder keeps
what is done and how long it took (`recipe.json`), so the same command goes on where it was, at
every stage and within it.

The budget counts the time that the stages work. Starting programs and what was begun before a share
was used up are not cut short: a few minutes are lost where budgets are small.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from act_core.errors import ConfigurationError
from act_core.files import read_json, working_in, write_json
from act_core.policy_json import SPEC_FILE

from act_training.cli import CommandError, run_command
from act_training.collect import RECORD_FILE as COLLECTION_FILE
from act_training.environments import open_environment
from act_training.evaluation_record import RECORD_FILE as EVALUATION_FILE
from act_training.evaluation_record import read_rows
from act_training.train import SPEED_FILE
from act_training.trainable_policy import get_preset

STATE_FILE = "recipe.json"
FIRST_SEEDS = {0: 28_000, 1: 26_000, 2: 24_000, 3: 20_000}  # of the demonstrations of a level
FIRST_CORRECTION_SEED, FIRST_EVALUATION_SEED = 40_000, 700_000  # of level 0; 10,000 for each level
MOST_EPISODES = 4_000  # of one stage: 8 MB of pictures each, and more of them help less and less
FEWEST_EPISODES = 2  # of each level and stage
FAST_GRAPHS_FROM_S = 1200.0  # quantizing and measuring them takes half a minute
CORRECTIONS_FROM_S = {False: 2 * 3600.0, True: 300.0}  # without and with a GPU
GPU_BATCH, GPU_RATE = 16, 1.5  # times the preset's batch size, as a small network fills no GPU, and
# its learning rate; training again, from weights, begins with less
RATE_AGAIN = 0.6
AUGMENT_COLOUR = 0.2
EVALUATED = (10, 200)  # episodes of each level, at least and at most
EVALUATION_IS_SLOWER = 2.5  # than a demonstration: inference, and failures last to the time limit

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecipeOptions:
    """What to make, and how long it may take."""

    budget: str
    """Working time of all stages: 90s, 10m, 3h, or hours and minutes as 1h30m."""
    env: str = "so101/pick_place"
    """Environment, a task of act_sim."""
    out: Path = Path("out/recipe")
    """Folder for everything; what is in it is gone on with."""
    mixture: tuple[str, ...] = ("3:5", "2:3", "1:1", "0:1")
    """level:share of the levels. It is the share of the time to collect, and of the samples."""
    look: str | None = None
    """How all of it is drawn, plain or room; None: each level as it is (docs/simulation.md)."""
    noise: float = 1.0
    """Command noise of the demonstrations (`act-collect --noise`)."""
    preset: str = "compact"
    """Model and training; the number of steps is the budget's."""
    batch_size: int | None = None
    """None: that of the preset, on a GPU 16 times as many, with 1.5 times the rate."""
    m: float = -0.1
    """Weights of the temporal ensemble, exp(-m i)."""
    height: int = 96
    """Of the pictures, pixels."""
    width: int = 128
    workers: int = os.cpu_count() or 1
    """Processes that collect and evaluate."""


class Shares(NamedTuple):
    """Seconds for each stage."""

    collect: float
    train: float
    correct: float  # 0: no corrections, and no second training
    train_again: float
    evaluate: float


def parse_budget(text: str) -> float:
    """Seconds of "90s", "10m", "3h", "1h30m". ConfigurationError for anything else or nothing."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text)
    parts = [int(part or 0) for part in found.groups()] if found else [0]
    seconds = float(np.dot(parts, [3600, 60, 1][: len(parts)]))
    if seconds <= 0.0:
        raise ConfigurationError(f"--budget is '{text}', expected a time as in 10m, 3h or 1h30m")
    return seconds


def parse_mixture(parts: tuple[str, ...]) -> dict[int, int]:
    """{3: 6, 0: 1} of "3:6", "0:1": shares by level."""
    mixture = {}
    for part in parts:
        found = re.fullmatch(r"([0-3]):([1-9]\d*)", part)
        if found is None:
            raise ConfigurationError(
                f"--mixture {part}: expected a level from 0 to 3 and its share, a whole number, as "
                "in 3:6"
            )
        mixture[int(found[1])] = int(found[2])
    return mixture


def plan(budget_s: float, has_gpu: bool) -> Shares:
    """What each stage may take; a twentieth is left for the export and for starting programs.

    Corrections are worth it where the first policy is good enough to get far, which takes a GPU
    minutes and two cores hours.
    """
    if budget_s < CORRECTIONS_FROM_S[has_gpu]:
        return Shares(0.42 * budget_s, 0.41 * budget_s, 0.0, 0.0, 0.12 * budget_s)
    parts = (0.32, 0.20, 0.12, 0.24, 0.06) if has_gpu else (0.28, 0.27, 0.12, 0.16, 0.12)
    return Shares(*(part * budget_s for part in parts))


class State:
    """How long each stage has worked and what was measured, kept in the folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = read_json(path) if path.exists() else {}

    def spent_s(self, stage: str) -> float:
        return float(self._values.get("spent_s", {}).get(stage, 0.0))

    @contextmanager
    def working(self, stage: str) -> Iterator[None]:
        """Counts the time of the block, also when it is interrupted."""
        started = time.monotonic()
        try:
            yield
        finally:
            spent = self.spent_s(stage) + time.monotonic() - started
            self.note("spent_s", self._values.get("spent_s", {}) | {stage: round(spent, 1)})

    def note(self, name: str, value: object) -> None:
        self._values[name] = value
        write_json(self._path, self._values, indent=1)

    def get(self, name: str, default: Any = None) -> Any:
        return self._values.get(name, default)


def recipe(options: RecipeOptions) -> None:
    """Collect, train, export and evaluate a policy within a time budget."""
    shares = plan(parse_budget(options.budget), torch.cuda.is_available())
    mixture = parse_mixture(options.mixture)
    get_preset(options.preset)
    with working_in(options.out):
        _Recipe(options, mixture, State(options.out / STATE_FILE)).run(shares)


class _Recipe:
    def __init__(self, options: RecipeOptions, mixture: dict[int, int], state: State) -> None:
        self._options, self._mixture, self._state = options, mixture, state
        self._out = options.out
        self._has_gpu = torch.cuda.is_available()

    @property
    def bundle(self) -> Path:
        return self._out / "bundle"

    def run(self, shares: Shares) -> None:
        log.info(f"{self._machine()}: " + ", ".join(
            f"{name.replace('_', ' ')} {seconds / 60:.3g} min"
            for name, seconds in shares._asdict().items()
            if seconds
        ))  # fmt: skip
        first, second = self._out / "run", self._out / "run_corrected"
        base, corrections = self._out / "data", self._out / "corrections"
        if not (first / "last").exists():
            self._collect("collect", base, shares.collect)
        self._train("train", first, [base], shares.train)
        last = first
        if shares.correct:
            self._export(first, self._out / "first_bundle")
            if not (second / "last").exists():
                self._collect(
                    "correct", corrections, shares.correct, "--policy", self._out / "first_bundle"
                )
            self._train("train_again", second, [base, corrections], shares.train_again, first)
            last = second
        self._export(last, self.bundle)
        self._evaluate(shares.evaluate)
        self._report(last)

    # -- stages --------------------------------------------------------------------------------

    def _collect(self, stage: str, folder: Path, share_s: float, *more: object) -> None:
        """Demonstrations of every level until its share of the time is used up, two at least."""
        for level, part in self._mixture.items():
            share = part / sum(self._mixture.values())
            its = f"{stage}_level_{level}"
            before = self._episodes(folder / f"level{level}")
            with self._state.working(stage), self._state.working(its):
                left_s = share * share_s - self._state.spent_s(its)
                if left_s > 0.0:
                    most = ("--episodes", round(share * MOST_EPISODES), "--within-s", left_s)
                    self._collect_level(stage, folder, level, *most, *more)
                if self._episodes(folder / f"level{level}") < FEWEST_EPISODES:
                    few = ("--episodes", FEWEST_EPISODES)
                    self._collect_level(stage, folder, level, *few, *more)
            made = self._made(stage) + self._episodes(folder / f"level{level}") - before
            self._state.note("made", self._state.get("made", {}) | {stage: made})

    def _made(self, stage: str) -> int:
        """Episodes that the stage's time went into; there may have been others before."""
        return int(self._state.get("made", {}).get(stage, 0))

    def _collect_level(self, stage: str, folder: Path, level: int, *more: object) -> None:
        options = self._options
        seed = FIRST_SEEDS[level]
        if stage == "correct":
            seed = FIRST_CORRECTION_SEED + 10_000 * level
        look = ("--look", options.look) if options.look else ()
        self._command(
            "collect", "--env", options.env, "--level", level, *look, "--noise",
            options.noise, "--height", options.height, "--width", options.width, "--first-seed",
            seed, "--workers", options.workers, "--out", folder / f"level{level}", *more,
        )  # fmt: skip

    def _train(
        self,
        stage: str,
        run: Path,
        folders: list[Path],
        share_s: float,
        weights: Path | None = None,
    ) -> None:
        if (run / "final").exists():
            return
        with self._state.working(stage):
            if (run / "last").exists():
                self._command("train", "--resume", run)
                return
            shutil.rmtree(run, ignore_errors=True)  # of a start that was interrupted
            data = [f"{path}:{weight}" for path, weight in self._datasets(folders).items()]
            self._command(
                "train", "--preset", self._options.preset, "--data", *data, "--out", run,
                "--within-s", share_s, *self._training_settings(share_s, weights),
            )  # fmt: skip

    def _export(self, run: Path, bundle: Path) -> None:
        if not (bundle / SPEC_FILE).exists():
            with self._state.working("export"):
                name = self._options.env.replace("/", "_")
                hasty = parse_budget(self._options.budget) < FAST_GRAPHS_FROM_S
                self._command("export", "--checkpoint", run, "--name", name, "--m",
                              self._options.m, "--out", bundle,
                              *(["--no-fast"] if hasty else []))  # fmt: skip

    def _evaluate(self, share_s: float) -> None:
        levels = sorted(self._mixture)
        for level in levels:
            out = self._out / f"evaluation_level_{level}"
            if (out / EVALUATION_FILE).exists():
                continue
            fit = int(share_s / len(levels) / (EVALUATION_IS_SLOWER * self._episode_s()))
            episodes = min(max(fit, EVALUATED[0]), EVALUATED[1])
            with self._state.working("evaluate"):
                self._command(
                    "evaluate", "--policy", self.bundle, "--level", level, "--episodes", episodes,
                    "--seed", FIRST_EVALUATION_SEED + 10_000 * level, "--stamp",
                    "--workers", self._options.workers, "--out", out,
                )  # fmt: skip

    # -- measured here -------------------------------------------------------------------------

    def _machine(self) -> str:
        cores = f"{os.cpu_count()} cores"
        return f"{cores}, {torch.cuda.get_device_name()}" if self._has_gpu else f"{cores}, no GPU"

    def _training_settings(self, share_s: float, weights: Path | None) -> tuple[object, ...]:
        """bf16 comes by itself where it is fast; compiling takes a minute, which has to pay."""
        preset = get_preset(self._options.preset).training
        batch = self._options.batch_size or preset.batch_size * (GPU_BATCH if self._has_gpu else 1)
        factor = (GPU_RATE if self._has_gpu else 1.0) * (RATE_AGAIN if weights else 1.0)
        compiled = ("--training.compile",) if self._has_gpu and share_s > 600 else ()
        begun = ("--weights", weights) if weights else ()
        return (
            "--training.batch-size", batch, "--training.lr", factor * preset.lr,
            "--training.lr-backbone", factor * preset.lr_backbone,
            "--training.augment-colour", AUGMENT_COLOUR, *compiled, *begun,
        )  # fmt: skip

    def _datasets(self, folders: list[Path]) -> Mapping[Path, int]:
        """Datasets and their weights: the shares of their levels."""
        return {
            folder / f"level{level}": count
            for folder in folders
            for level, count in self._mixture.items()
            if any((folder / f"level{level}").glob("*.hdf5"))
        }

    def _episode_s(self) -> float:
        """Seconds that a demonstration took, of all processes together."""
        return self._state.spent_s("collect") / max(1, self._made("collect"))

    def _episodes(self, folder: Path) -> int:
        records = folder.rglob(COLLECTION_FILE)
        return sum(int(read_json(path)["successes"]) for path in records)

    def _drawing_share(self) -> float:
        """How much of a demonstration's time goes into drawing its pictures."""
        options = self._options
        env = open_environment(
            options.env, level=max(self._mixture), look=options.look, height=options.height,
            width=options.width,
        )  # fmt: skip
        env.reset(FIRST_SEEDS[max(self._mixture)])
        env.observe()

        def acted() -> None:
            env.step(env.expert_action())

        drawing, acting = _time(env.observe), _time(acted)
        env.close()
        return drawing / (drawing + acting)

    def _report(self, run: Path) -> None:
        """What came of it, how fast it was, and what would have made it faster."""
        state = self._state
        spent = {
            stage: state.spent_s(stage)
            for stage in ("collect", "correct", "train", "train_again", "export", "evaluate")
        }
        if state.get("drawing_share") is None:
            state.note("drawing_share", self._drawing_share())
        drawing = float(state.get("drawing_share"))
        episodes = self._episodes(self._out / "data")
        rate = self._made("collect") / max(spent["collect"], 1e-9)
        lines = [
            f"collected {episodes} episodes at {rate:.2f} episodes/s in {self._options.workers} "
            f"processes; {drawing:.0%} of that time is drawing"
        ]
        if spent["correct"]:
            lines.append(f"corrected {self._episodes(self._out / 'corrections')} episodes")
        speeds = {}
        for stage, folder in (("train", "run"), ("train_again", "run_corrected")):
            path = self._out / folder / SPEED_FILE
            if path.exists():
                speed = speeds[stage] = read_json(path)
                lines.append(
                    f"{stage.replace('_', ' ')}: {speed['steps']} steps at "
                    f"{speed['samples_per_s']:.1f} samples/s; reading data is "
                    f"{speed['data_s'] / speed['step_s']:.0%} of a step"
                )
        lines.append(f"limited by: {limit(spent, drawing, speeds.get('train', {}))}")
        for level in sorted(self._mixture):
            (row,) = read_rows(self._out / f"evaluation_level_{level}")
            lines.append(
                f"level {level}: {row.successes}/{row.episodes} = {row.rate:.1%} "
                f"[{row.interval.low:.1%}, {row.interval.high:.1%}]"
            )
        state.note("summary", lines)
        print("\n".join(lines))

    # -- processes -----------------------------------------------------------------------------

    def _command(self, name: str, *arguments: object) -> None:
        """Runs a command of this package; CommandError, with what to do, when it fails."""
        words = [str(argument) for argument in arguments]
        log.info(f"\nact-{name} {' '.join(words)}")
        # One software renderer and one sum per process: processes are what is parallel here.
        alone = dict.fromkeys(("LP_NUM_THREADS", "OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1")
        environment = os.environ | (alone if name in ("collect", "evaluate") else {})
        module = f"act_training.{name}"
        ended = subprocess.run([sys.executable, "-m", module, *words], env=environment)
        if ended.returncode:
            raise CommandError(
                f"act-{name} ended with status {ended.returncode}; what is done is kept in "
                f"{self._out}, and the same command goes on"
            )


def limit(spent_s: Mapping[str, float], drawing: float, speed: Mapping[str, float]) -> str:
    """What the largest part of the time went into: rendering, simulation, data, network, export or
    evaluation."""
    collecting = spent_s["collect"] + spent_s["correct"]
    training = spent_s["train"] + spent_s["train_again"]
    data = speed.get("data_s", 0.0) / speed.get("step_s", 1.0)
    parts = {
        "rendering": drawing * collecting,
        "simulation": (1.0 - drawing) * collecting,
        "data": data * training,
        "network": (1.0 - data) * training,
        "export": spent_s["export"],
        "evaluation": spent_s["evaluate"],
    }
    most = max(parts, key=lambda name: parts[name])
    return f"{most} ({parts[most] / max(sum(parts.values()), 1e-9):.0%} of the time)"


def _time(call: Callable[[], object], times: int = 20) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - started) / times


def main() -> None:
    run_command(
        recipe,
        RecipeOptions,
        kept=lambda options: f"what is done is in {options.out}, the same command goes on",
        then=lambda options: (
            f"look at it: ros2 launch act_bringup sim.launch.py policy:={options.out}/bundle"
        ),
    )


if __name__ == "__main__":
    main()
