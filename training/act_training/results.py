"""The results page: every evaluation record and training run below some folders, as Markdown.

docs/results/
    notes.md                     text for the top of the page, written by hand
    <evaluation>/evaluation.json
    <run>/config.json, log.jsonl
policies/<policy>/training/config.json, log.jsonl
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError
from act_core.files import read_json, write_file

from act_training.checkpoint import CONFIG_FILE
from act_training.compare import draw_rows
from act_training.config import config_from_json
from act_training.evaluation_record import RECORD_FILE, Row, compare_rows, read_rows
from act_training.run_config import DatasetRecord, datasets_of
from act_training.sharing import shared_path
from act_training.trainable_policy import find_policy
from act_training.training_log import CURVES_FILE, LOG_FILE, read_log

NOTES_FILE = "notes.md"


def write_results(folders: Iterable[Path], page: Path) -> None:
    """Writes `page` and, beside the first folder's records, one picture per environment.

    Raises ConfigurationError when there is no evaluation record.
    """
    folders = list(folders)
    records = [path.parent for folder in folders for path in sorted(folder.rglob(RECORD_FILE))]
    rows = [row for record in records for row in read_rows(record)]
    if not rows:
        names = ", ".join(map(str, folders))
        raise ConfigurationError(f"no {RECORD_FILE} below {names}: make one with act-evaluate")
    logs = [path.parent for folder in folders for path in sorted(folder.rglob(LOG_FILE))]
    runs = {run: config for run in logs if (config := _config_file(run)) is not None}
    notes = folders[0] / NOTES_FILE
    shown = " ".join(shared_path(folder, Path.cwd()) for folder in folders)
    command = f"act-report {shown} --out {shared_path(page, Path.cwd())}"
    parts = ["# Results", f"Made by `{command}` from the records in the repository. Success rates "
             "come with their count and 95 % Wilson interval; no seed of an evaluation was used in "
             "training or tuning."]  # fmt: skip
    if notes.is_file():
        parts.append(notes.read_text().strip())
    for env, group in groupby(sorted(rows, key=lambda row: row.env), key=lambda row: row.env):
        picture = folders[0] / f"{env.replace('/', '_')}.png"
        members = list(group)
        draw_rows(members, picture)
        parts += [f"## {env}", *_sections(members), f"![success rates]({_link(picture, page)})"]
    if runs:
        parts += ["## Training", _training_table(runs)]
        curves = [run / CURVES_FILE for run in runs if (run / CURVES_FILE).is_file()]
        parts += [f"{_run_name(p.parent)}: ![curves]({_link(p, page)})" for p in curves]
    write_file(page, "\n\n".join(parts) + "\n")


def _sections(rows: list[Row]) -> list[str]:
    """Tables of one environment: one for each evaluation of several latencies, one for the rest."""
    parts, rest = [], []
    for folder, group in groupby(rows, key=lambda row: row.folder):
        members = list(group)
        if len({_latency(row) for row in members}) > 1:
            parts += [f"**{folder.name}**: {_success_of(members)}. `{members[0].command}`",
                      _latency_table(members)]  # fmt: skip
        else:
            rest += members
    return ([_table(rest)] if rest else []) + parts


def _success_of(rows: list[Row]) -> str:
    first = rows[0]
    return (
        f"success of {first.policy} by execution and injected inference latency, "
        f"{first.episodes} starts each (seeds {first.seeds[0]} to {first.seeds[1]})"
    )


def _randomization(row: Row) -> str:
    if not row.env.startswith("so101/"):
        return ""
    return f"level {row.level}" + (f", {row.look}" if row.look == "room" else "")


def _table(rows: list[Row]) -> str:
    lines = ["| policy | randomization | execution | success | interval | steps | distance | seeds "
             "| command |", "|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in rows:
        cells = (
            row.policy + (f" ({row.variant})" if row.variant != "fp32" else ""),
            _randomization(row),
            row.condition,
            f"**{row.rate:.1%}** ({row.successes}/{row.episodes})",
            f"{row.interval.low:.1%} to {row.interval.high:.1%}",
            "" if row.median_steps is None else f"{row.median_steps:.0f}",
            "" if row.median_distance_m is None else f"{row.median_distance_m * 1e3:.0f} mm",
            f"{row.seeds[0]} to {row.seeds[1]}",
            f"`{row.command}`",
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    lines.append(
        "Steps: median of the successes. Distance: of the object to its goal at the end, median of "
        "all episodes."
    )
    first = rows[0]
    for row in rows[1:]:
        if row.policy != first.policy:
            p, test = compare_rows(row, first)
            lines.append(f"{row.policy} against {first.policy}: p = {p:.2g} ({test}).")
    return "\n".join(lines)


def _latency_table(rows: list[Row]) -> str:
    """Modes down, latencies across."""
    latencies = list(dict.fromkeys(_latency(row) for row in rows))
    modes = list(dict.fromkeys(_mode(row) for row in rows))
    found = {(_mode(row), _latency(row)): row for row in rows}
    lines = [f"| execution | {' | '.join(latencies)} |", "|---" * (len(latencies) + 1) + "|"]
    for mode in modes:
        cells = []
        for latency in latencies:
            row = found.get((mode, latency))
            cells.append("" if row is None else f"{row.rate:.0%} [{row.interval.low:.0%}, "
                                                f"{row.interval.high:.0%}]")  # fmt: skip
        lines.append(f"| {mode} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mode(row: Row) -> str:
    return row.condition.partition(", latency ")[0]


def _latency(row: Row) -> str:
    return row.condition.partition(", latency ")[2]


def _config_file(run: Path) -> Path | None:
    """Of the record of a run, or of a run with its checkpoints; None before there is one."""
    places = (run, *(run / name for name in ("final", "best", "last")))
    return next((p / CONFIG_FILE for p in places if (p / CONFIG_FILE).is_file()), None)


def _training_table(runs: Mapping[Path, Path]) -> str:
    lines = ["| run | preset | model | demonstrations | steps x batch | validation L1 | dataset "
             "| commit |", "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for run, config_file in runs.items():
        config = read_json(config_file)
        settings = config["training"]
        validation = [e["validation_l1"] for e in read_log(run) if "validation_l1" in e]
        datasets = datasets_of(config)
        cells = (
            _run_name(run),
            config["preset"],
            _model_text(config) + _begun_with(config),
            " and ".join(map(_demonstrations, datasets)),
            f"{config['step']} x {settings['batch_size']}",
            f"{validation[-1]:.4f}" if validation else "",
            ", ".join(dataset.sha256[:12] for dataset in datasets),
            (config["commit"] or "")[:12],
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    lines.append("Validation L1: of the last validation, in standard deviations of the actions, "
                 "as deployed.")  # fmt: skip
    return "\n".join(lines)


def _demonstrations(dataset: DatasetRecord) -> str:
    weight = "" if dataset.weight == 1 else f" x {dataset.weight:g}"
    count, others = len(dataset.training_episodes), len(dataset.validation_episodes)
    return f"{count} (+{others} held out){weight}"


def _model_text(config: dict[str, Any]) -> str:
    """What the policy says of itself; of one that is not on this machine its name."""
    name, model = str(config.get("policy", "act")), config["model"]
    try:
        policy = find_policy(name)
        return policy.text(config_from_json(policy.Config, model))
    except ConfigurationError:
        return f"{name}, chunk {model['chunk_size']}"


def _begun_with(config: dict[str, Any]) -> str:
    return f", from the weights of {config['weights']}" if config.get("weights") else ""


def _run_name(run: Path) -> str:
    return run.parent.name if run.name == "training" else run.name


def _link(path: Path, page: Path) -> str:
    return Path(os.path.relpath(path, page.parent)).as_posix()
