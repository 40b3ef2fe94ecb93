"""A grid of trainings: `act-sweep --data DIR --preset compact --vary model.kl-weight=1,10`.

Every combination of preset and values is trained with every seed, exported and evaluated on the
same unseen starts, each in a folder of its own:

    OUT/compact,kl-weight=10/seed1/run, bundle, evaluation, log.txt
    OUT/table.md                     a line for each combination

What is done is not done again, so the same command goes on where it was, and adding a value or a
seed adds runs. A run that fails leaves the others alone; the same command tries it again.

Two intervals tell two things. Over seeds (Student's t on the rates of the seeds): how far another
training of the same kind may be off. Over starts (Wilson, all seeds together): what chance in the
starts leaves open for these very policies.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from act_core.errors import ConfigurationError, suggest
from act_core.files import read_json, working_in, write_file, write_json
from act_core.intervals import Interval, wilson_interval
from act_core.policy_json import SPEC_FILE
from scipy import stats

from act_training.cli import CommandError, run_command
from act_training.evaluate import FIRST_SEED
from act_training.evaluation_record import RECORD_FILE, Row, read_rows
from act_training.trainable_policy import find_preset

JOB_FILE = "job.json"
TABLE_FILE = "table.md"
SECTIONS = ("model", "training")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepOptions:
    """What is trained on what, and how it is judged."""

    data: tuple[str, ...] = ()
    """Datasets, as act-train takes them (FOLDER[:WEIGHT])."""
    out: Path = Path("out/sweep")
    """Folder for everything; what is in it is gone on with."""
    preset: tuple[str, ...] = ("compact",)
    """One after the other."""
    vary: tuple[str, ...] = ()
    """model.NAME=VALUE,VALUE or training.NAME=VALUE,VALUE: every value with every other; with one
    value, what all runs have."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of the trainings."""
    episodes: int = 100
    """Unseen starts that each policy is judged on."""
    first_seed: int = FIRST_SEED
    """Of these starts."""
    env: str | None = None
    """Where they are; None: what the data is of."""
    level: int | None = None
    """Domain randomization of the so101 tasks."""
    jobs: int = 1
    """Runs side by side, each with its share of the cores."""
    status: bool = False
    """Run nothing, tell what is there and what is missing."""


class Setting(NamedTuple):
    """One option of act-train."""

    name: str  # e.g. model.kl-weight
    value: str

    def words(self, kind: type) -> list[str]:
        """On the command line; kind: of the value."""
        if kind is not bool:
            return [f"--{self.name}", self.value]
        section, _, name = self.name.partition(".")
        return [f"--{self.name}" if self.value.lower() == "true" else f"--{section}.no-{name}"]


class Run(NamedTuple):
    """One training."""

    kind: str  # name of the combination
    preset: str
    settings: tuple[tuple[str, ...], ...]  # words of each option
    seed: int
    folder: Path


def sweep(options: SweepOptions) -> list[str]:
    """Train and judge every combination of a grid, with every seed."""
    runs = plan(options)
    if not options.status:
        with working_in(options.out):
            _go(options, runs)
    lines = table(runs)
    write_file(options.out / TABLE_FILE, "\n".join(lines) + "\n")
    print("\n".join(lines))
    missing = [run for run in runs if not is_done(run)]
    if missing and not options.status:
        raise CommandError(
            f"{len(missing)} of {len(runs)} runs failed, see {missing[0].folder / 'log.txt'}; the "
            "same command tries them again"
        )
    return lines


def plan(options: SweepOptions) -> list[Run]:
    """Every run, seeds last, so that each combination has one result early.

    Raises ConfigurationError for an unknown preset or option, before anything is trained.
    """
    if not options.data:
        raise ConfigurationError("--data: no dataset is given")
    for name, value in (("--seeds", options.seeds), ("--preset", options.preset)):
        if not value or len(set(value)) != len(value):
            raise ConfigurationError(f"{name} is {value}, expected different ones")
    for name, count in (("--episodes", options.episodes), ("--jobs", options.jobs)):
        if count < 1:
            raise ConfigurationError(f"{name} is {count}, expected at least 1")
    axes = [_axis(text) for text in options.vary]
    runs = []
    for seed, preset in product(options.seeds, options.preset):
        for chosen in product(*axes):
            words = tuple(tuple(each.words(_kind(preset, each))) for each in chosen)
            varied = [s for s, axis in zip(chosen, axes, strict=True) if len(axis) > 1]
            kind = ",".join([preset, *(f"{s.name.partition('.')[2]}={s.value}" for s in varied)])
            runs.append(Run(kind, preset, words, seed, options.out / kind / f"seed{seed}"))
    return runs


def _axis(text: str) -> list[Setting]:
    name, equals, values = text.partition("=")
    section, dot, _ = name.partition(".")
    given = values.split(",")
    if not (equals and dot and section in SECTIONS and all(given)) or len(set(given)) < len(given):
        raise ConfigurationError(
            f"--vary {text}: expected different values of an option of act-train, as in "
            "model.kl-weight=1,10 or training.lr=1e-4"
        )
    if name.replace("_", "-") == "training.seed":
        raise ConfigurationError("--vary training.seed: that is what --seeds is for")
    return [Setting(name.replace("_", "-"), value) for value in given]


def _kind(preset: str, setting: Setting) -> type:
    """Of the values of an option; checks that there is such an option, and such a value."""
    _, found = find_preset(preset)
    section, _, name = setting.name.partition(".")
    config = getattr(found, section)
    names = {field.name.replace("_", "-"): field.name for field in dataclasses.fields(config)}
    if name not in names:
        raise ConfigurationError(f"--vary: {suggest(f'option of {section}', name, names)}")
    kind = type(getattr(config, names[name]))
    expected: dict[type, Any] = {int: int, float: float, bool: _boolean}
    try:
        expected.get(kind, str)(setting.value)
    except ValueError:
        raise ConfigurationError(
            f"--vary {setting.name}={setting.value}: expected {kind.__name__}"
        ) from None
    return kind


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def is_done(run: Run) -> bool:
    return (run.folder / "evaluation" / RECORD_FILE).is_file()


def _go(options: SweepOptions, runs: Sequence[Run]) -> None:
    """Runs what is missing, `jobs` at a time; ends what it started however it ends."""
    todo = [run for run in runs if not is_done(run)]
    for run in todo:
        _claim(run, options)
    log.info(f"{len(runs) - len(todo)} of {len(runs)} runs are there")
    processes = _Processes(max(1, (os.cpu_count() or 1) // options.jobs))
    with ThreadPoolExecutor(options.jobs) as executor:
        try:
            futures = {executor.submit(_carry_out, run, options, processes): run for run in todo}
            for future in as_completed(futures):
                run, problem = futures[future], future.result()
                log.info(f"{run.kind}, seed {run.seed}: {problem or _text(read_row(run))}")
        except BaseException:
            processes.end()
            raise


def _claim(run: Run, options: SweepOptions) -> None:
    """ConfigurationError where the folder has a run of something else."""
    job = {"data": list(options.data), "settings": [list(words) for words in run.settings],
           "first_seed": options.first_seed, "episodes": options.episodes, "env": options.env,
           "level": options.level}  # fmt: skip
    path = run.folder / JOB_FILE
    if path.is_file() and (there := read_json(path)) != job:
        other = next(name for name in job if job[name] != there.get(name))
        raise ConfigurationError(
            f"'{run.folder}' was begun with {other} {there.get(other)}, not {job[other]}: give "
            "another --out, or remove that folder"
        )
    run.folder.mkdir(parents=True, exist_ok=True)
    write_json(path, job, indent=1)


def stages(run: Run, options: SweepOptions) -> Iterator[list[str]]:
    """Commands that are left to do, asked for one after the other."""
    training, bundle = run.folder / "run", run.folder / "bundle"
    if not (training / "final").exists():
        if (training / "last").exists():
            yield ["train", "--resume", str(training)]
        else:
            settings = [word for words in run.settings for word in words]
            yield ["train", "--preset", run.preset, "--data", *options.data, "--out", str(training),
                   "--training.seed", str(run.seed), *settings]  # fmt: skip
    if not (bundle / SPEC_FILE).is_file():
        name = f"{run.kind}_seed{run.seed}"
        yield ["export", "--checkpoint", str(training), "--name", name, "--out", str(bundle),
               "--no-fast"]  # fmt: skip
    where = [*(["--env", options.env] if options.env else []),
             *(["--level", str(options.level)] if options.level is not None else [])]  # fmt: skip
    yield ["evaluate", "--policy", str(bundle), "--episodes", str(options.episodes), "--seed",
           str(options.first_seed), "--out", str(run.folder / "evaluation"), *where]  # fmt: skip


def _carry_out(run: Run, options: SweepOptions, processes: _Processes) -> str | None:
    """What went wrong, None: nothing."""
    with (run.folder / "log.txt").open("a") as file:
        for command, *words in stages(run, options):
            more = ["--workers", str(processes.cores)] if command == "evaluate" else []
            code = processes.run([f"act_training.{command}", *words, *more], file)
            if code != 0:
                return f"act-{command} ended with status {code}, see {file.name}"
    return None


class _Processes:
    """Commands in processes of their own, that end with this one."""

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def run(self, words: list[str], file: Any) -> int:
        with self._lock:
            if self._ended:
                return -1
            environment = {"OMP_NUM_THREADS": str(self.cores), **os.environ, "LP_NUM_THREADS": "1"}
            process = subprocess.Popen(
                [sys.executable, "-m", *words], stdout=file, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, env=environment,
            )  # fmt: skip
            self._running.add(process)
        code = process.wait()
        with self._lock:
            self._running.discard(process)
        return code

    def end(self) -> None:
        with self._lock:
            self._ended = True
            for process in self._running:
                process.terminate()


def read_row(run: Run) -> Row:
    """The result of a run."""
    (row,) = read_rows(run.folder / "evaluation")
    return row


def _text(row: Row) -> str:
    return f"{row.successes}/{row.episodes}"


def over_seeds(rates: Sequence[float]) -> Interval | None:
    """95 % interval of the mean over trainings, by Student's t, within 0 and 1; None for one.

    Example: 0.9, 0.8 and 1.0 have the mean 0.9, s = 0.1 and t = 4.30: 0.652 to 1.
    """
    if len(rates) < 2:
        return None
    half = stats.t.ppf(0.975, len(rates) - 1) * np.std(rates, ddof=1) / np.sqrt(len(rates))
    mean = float(np.mean(rates))
    return Interval(max(0.0, mean - float(half)), min(1.0, mean + float(half)))


def table(runs: Sequence[Run]) -> list[str]:
    """Markdown: a line for each combination, and what is missing."""
    lines = ["| run | success of each seed | mean | over seeds | over starts | steps | missing |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for kind in dict.fromkeys(run.kind for run in runs):
        own = [run for run in runs if run.kind == kind]
        rows = [read_row(run) for run in own if is_done(run)]
        missing = ", ".join(f"seed {run.seed}: {_stage(run)}" for run in own if not is_done(run))
        rates = [row.rate for row in rows]
        spread = over_seeds(rates)
        successes, episodes = sum(r.successes for r in rows), sum(r.episodes for r in rows)
        steps = [row.median_steps for row in rows if row.median_steps is not None]
        cells = (
            kind,
            ", ".join(map(_text, rows)),
            f"**{np.mean(rates):.1%}**" if rates else "",
            f"{spread.low:.1%} to {spread.high:.1%}" if spread else "",
            "{:.1%} to {:.1%}".format(*wilson_interval(successes, episodes)) if rows else "",
            f"{np.median(steps):.0f}" if steps else "",
            missing,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _stage(run: Run) -> str:
    """How far a run that is not done has come."""
    if (run.folder / "bundle" / SPEC_FILE).is_file():
        return "not judged"
    if (run.folder / "run" / "final").exists():
        return "not exported"
    return "in training" if (run.folder / "run" / "last").exists() else "not begun"


def main() -> None:
    run_command(
        sweep,
        SweepOptions,
        kept=lambda options: f"what is done is in {options.out}, the same command goes on",
        then=lambda options: f"the table is {options.out / TABLE_FILE}",
    )


if __name__ == "__main__":
    main()
