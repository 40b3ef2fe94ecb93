"""Which execution mode for which network: modes x latency x jitter x loss, in virtual time.

    python -m bench.execution_table --out FOLDER [--rounds 3] [--seconds 600] [--status]
    python -m bench.execution_table --out FOLDER --latency-ms 0 100 --jitter 0 --loss 0

One line of JSON an episode is added to FOLDER/episodes.jsonl, so that whatever stops it, it goes on
where it was. Episodes are run in rounds, one of every cell a round: the table is balanced whenever
it is looked at. Every cell of one network has the same starts in all modes, other networks have
others. --status and the end of a run write table.md and table.png.

The modes of others run as published, without our limit on jumps (`--max-jump 0` of act-evaluate).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from act_core.files import write_file
from act_core.intervals import wilson_interval
from act_core.policy_spec import PolicySpec
from act_policy.load_policy import load_policy
from act_training.execution import execution_of
from act_training.figure import write_figure
from act_training.network import Network
from act_training.rollout import Condition, open_environment_for, run_episode

OURS = ("ensemble,m=-0.1", "newest", "open_loop,open_loop_rows=15")
OTHERS = (
    ("aligned", "newest"),
    ("blended", "blended,blend_rows=5"),
    ("weighted", "weighted"),
    ("append", "append"),
    ("replan 15", "replan,replan_rows=15"),
)
LATENCY_MS = (0, 33, 66, 100, 200)
JITTER = (0.0, 0.5)
LOSS = (0.0, 0.02)
FIRST_SEED = 400_000
EPISODES_FILE = "episodes.jsonl"


class Way(NamedTuple):
    """A network."""

    latency_ms: float
    jitter: float
    loss: float


# Nothing jitters where there is no latency.
WAYS = tuple(
    Way(ms, jitter, loss)
    for ms in LATENCY_MS
    for jitter in JITTER[: 2 if ms else 1]
    for loss in LOSS
)


def modes() -> dict[str, tuple[str, float | None]]:
    """Name -> as act-evaluate takes it, with its max_jump (None: the policy's own)."""
    ours = {mode.split(",")[0]: (mode, None) for mode in OURS}
    return {**ours, **{name: (mode, 0.0) for name, mode in OTHERS}}


class Job(NamedTuple):
    """One episode."""

    mode: str
    way: Way
    seed: int


def jobs(ways: Collection[Way], rounds: int) -> Iterator[Job]:
    """Round by round; the starts of a network are its own, whichever others are asked for."""
    for round_ in range(rounds):
        for index, way in enumerate(WAYS):
            for mode in modes() if way in ways else ():
                yield Job(mode, way, FIRST_SEED + 1000 * index + round_)


def read_episodes(folder: Path) -> list[dict[str, Any]]:
    """What is there; a last line that was cut off is left out."""
    path = folder / EPISODES_FILE
    lines = path.read_text().splitlines(keepends=True) if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def job_of(episode: dict[str, Any]) -> Job:
    way = Way(episode["latency_ms"], episode["jitter"], episode["loss"])
    return Job(episode["mode"], way, episode["seed"])


def condition_of(job: Job, spec: PolicySpec) -> Condition:
    mode, max_jump = modes()[job.mode]
    execution = execution_of(mode, spec, jump=max_jump)
    network = Network(jitter=job.way.jitter, loss=job.way.loss)
    return Condition(execution, job.way.latency_ms / 1e3, network=network)


def run(folder: Path, bundle: Path, wanted: Iterable[Job], seconds: float) -> None:
    """Runs episodes that are not there yet."""
    policy = load_policy(bundle, engine="cpu", variant="fp32", threads=1)
    env = open_environment_for(policy.spec, str(policy.spec.provenance["task"]))
    folder.mkdir(parents=True, exist_ok=True)
    done = {job_of(episode) for episode in read_episodes(folder)}
    path = folder / EPISODES_FILE
    if path.is_file() and not path.read_text().endswith("\n"):  # killed while it wrote
        write_file(path, "".join(json.dumps(e) + "\n" for e in read_episodes(folder)))
    end = time.monotonic() + seconds
    with path.open("a") as file:
        for job in wanted:
            if time.monotonic() >= end:
                break
            if job in done:
                continue
            result = run_episode(env, policy, condition_of(job, policy.spec), job.seed)
            episode = {"mode": job.mode, **job.way._asdict(), **result._asdict()}
            file.write(json.dumps(episode) + "\n")
            file.flush()
    env.close()


Choice = Callable[[dict[str, Any]], bool]


def cell(episodes: Iterable[dict[str, Any]]) -> str:
    """Success with its interval, of all of them."""
    found = list(episodes)
    if not found:
        return "-"
    count = sum(e["success"] for e in found)
    low, high = wilson_interval(count, len(found))
    return f"{count}/{len(found)} [{low:.0%}, {high:.0%}]"


def _having(least_ms: float = 0.0, **values: float) -> Choice:
    """Whether an episode has these values; nothing jitters where there is no latency."""

    def has(episode: dict[str, Any]) -> bool:
        return episode["latency_ms"] >= least_ms and all(
            episode[name] == value for name, value in values.items()
        )

    return has


def format_table(episodes: list[dict[str, Any]]) -> str:
    """Markdown: every mode over latency, jitter and loss, and how it moves."""
    columns = [("all", _having())]
    columns += [(f"{ms} ms", _having(latency_ms=ms)) for ms in LATENCY_MS]
    columns += [(f"jitter {jitter:.0%}", _having(1, jitter=jitter)) for jitter in JITTER]
    columns += [(f"loss {loss:.0%}", _having(loss=loss)) for loss in LOSS]
    names = list(modes())
    lines = [f"| mode | {' | '.join(name for name, _ in columns)} |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    for mode in names:
        own = [e for e in episodes if e["mode"] == mode]
        cells = [cell(filter(choice, own)) for _, choice in columns]
        lines.append(f"| {mode} | {' | '.join(cells)} |")
    lines += [
        "",
        "| mode | first step [mrad] | largest step after it [mrad] | jerk [rad/s³] | held "
        "| steps to success |",
        "|---|---|---|---|---|---|",
    ]
    for mode in names:
        own = [e for e in episodes if e["mode"] == mode]
        if own:
            lines.append(f"| {mode} | {' | '.join(_motion(own))} |")
    return "\n".join(lines) + "\n"


def _motion(episodes: list[dict[str, Any]]) -> list[str]:
    """Medians over episodes; of the time held the mean, a share."""
    steps = [e["steps"] for e in episodes if e["success"]]
    held = np.mean([e["holds"] / e["steps"] for e in episodes])
    return [
        f"{1e3 * np.median([e['start_step'] for e in episodes]):.0f}",
        f"{1e3 * np.median([e['largest_step'] for e in episodes]):.0f}",
        f"{np.median([e['jerk'] for e in episodes]):.0f}",
        f"{held:.1%}",
        f"{np.median(steps):.0f}" if steps else "-",
    ]


def draw(episodes: list[dict[str, Any]], path: Path) -> None:
    """Success and jerk of every mode over latency."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # after the choice of the backend

    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 8), sharex=True, layout="constrained")
    for index, mode in enumerate(modes()):
        own = [
            [e for e in episodes if e["mode"] == mode and e["latency_ms"] == ms]
            for ms in LATENCY_MS
        ]
        there = [(ms, found) for ms, found in zip(LATENCY_MS, own, strict=True) if found]
        if not there:
            continue
        at = np.array([ms for ms, _ in there]) + 1.2 * (index - 3.5)
        counts = [(sum(e["success"] for e in found), len(found)) for _, found in there]
        rates = np.array([k / n for k, n in counts])
        low, high = np.array([wilson_interval(k, n) for k, n in counts]).T
        style = "-" if mode in [m.split(",")[0] for m in OURS] else "--"
        above.errorbar(
            at, rates, [rates - low, high - rates], fmt="o" + style, capsize=3, label=mode
        )
        jerks = [np.median([e["jerk"] for e in found]) for _, found in there]
        below.plot(at, jerks, "o" + style, label=mode)
    above.set(ylim=(0, 1.02), ylabel="success, 95 % interval")
    above.legend(ncols=4, fontsize="small", title="solid: with our limit on jumps")
    below.set(yscale="log", xlabel="inference latency [ms]", ylabel="jerk of commands [rad/s³]")
    below.set_xticks(LATENCY_MS)
    write_figure(figure, path)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/execution_table"))
    parser.add_argument("--bundle", type=Path, default=Path("policies/so101_pick_place"))
    parser.add_argument("--rounds", type=int, default=3, help="episodes of each cell")
    parser.add_argument("--latency-ms", type=float, nargs="+", default=LATENCY_MS)
    parser.add_argument("--jitter", type=float, nargs="+", default=JITTER)
    parser.add_argument("--loss", type=float, nargs="+", default=LOSS)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--status", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    if not arguments.status:
        chosen = product(arguments.latency_ms, arguments.jitter, arguments.loss)
        wanted = jobs({Way(*way) for way in chosen}, arguments.rounds)
        run(arguments.out, arguments.bundle, wanted, arguments.seconds)
    episodes = read_episodes(arguments.out)
    cells = len(WAYS) * len(modes())
    per_cell = {job_of(e)._replace(seed=0): 0 for e in episodes}
    for episode in episodes:
        per_cell[job_of(episode)._replace(seed=0)] += 1
    least = min(per_cell.values()) if len(per_cell) == cells else 0
    if episodes:
        write_file(arguments.out / "table.md", format_table(episodes))
        draw(episodes, arguments.out / "table.png")
    figures = {"episodes": len(episodes), "cells": cells, "least_per_cell": least}
    print(json.dumps({"bench": "execution_table", **figures}))


if __name__ == "__main__":
    main()
