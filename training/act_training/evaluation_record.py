"""Evaluation records: `evaluation.json` in a folder, written by whoever runs episodes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from act_core.errors import ConfigurationError
from act_core.files import read_json, write_file
from act_core.intervals import Interval, paired_p, two_proportion_p, wilson_interval

RECORD_FILE = "evaluation.json"


@dataclass(frozen=True)
class Row:
    """One condition of one evaluation."""

    folder: Path
    policy: str
    variant: str
    env: str
    level: int  # of domain randomization
    condition: str
    successes: int
    episodes: int
    interval: Interval
    seeds: tuple[int, int]
    median_steps: float | None  # of the successes
    median_distance_m: float | None  # at the end, of all episodes
    grasped: int | None  # episodes with a grasp
    command: str  # that repeats it
    success_of: Mapping[int, bool]  # by seed
    look: str = ""  # how the simulation was drawn, where it has several ways

    @property
    def rate(self) -> float:
        return self.successes / self.episodes


class Comparison(NamedTuple):
    """How likely two rows differ by chance alone."""

    p: float
    test: str


def compare_rows(row: Row, other: Row) -> Comparison:
    """From the same starts, start by start; else from the two rates."""
    same = (row.env, row.level, set(row.success_of)) == (
        other.env,
        other.level,
        set(other.success_of),
    )
    if same and len(row.success_of) == row.episodes and len(other.success_of) == other.episodes:
        pairs = [(success, other.success_of[seed]) for seed, success in row.success_of.items()]
        p = paired_p(pairs.count((True, False)), pairs.count((False, True)))
        return Comparison(p, "exact paired test")
    p = two_proportion_p(row.successes, row.episodes, other.successes, other.episodes)
    return Comparison(p, "two-proportion z-test")


def condition_record(condition: str, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One condition of a record, from its episodes: at least `seed`, `success`, `steps`,
    `distance_m` and `grasped` each."""
    successes = sum(result["success"] for result in results)
    return {
        "condition": condition,
        "successes": successes,
        "episodes": len(results),
        "interval_95": list(wilson_interval(successes, len(results))),
        "results": list(results),
    }


def write_record(folder: Path, record: dict[str, Any]) -> Path:
    """Write a record into `folder`, one episode a line."""
    episodes: dict[str, str] = {}  # placeholder -> the lines that it stands for
    conditions = []
    for index, condition in enumerate(record["conditions"]):
        results = condition["results"]
        lines = ",\n".join(f"    {json.dumps(result, allow_nan=False)}" for result in results)
        episodes[f'"<{index}>"'] = f"[\n{lines}\n   ]"
        conditions.append({**condition, "results": f"<{index}>"})
    text = json.dumps({**record, "conditions": conditions}, indent=1, allow_nan=False)
    for placeholder, lines in episodes.items():
        text = text.replace(placeholder, lines)
    path = folder / RECORD_FILE
    write_file(path, text + "\n")
    return path


def read_rows(folder: Path) -> list[Row]:
    """The conditions of the evaluation in `folder`.

    Raises ConfigurationError if there is none, or for a record that is damaged.
    """
    path = folder / RECORD_FILE
    if not path.is_file():
        raise ConfigurationError(f"'{folder}' holds no {RECORD_FILE}: make one with act-evaluate")
    record = read_json(path)
    try:
        return [_row(folder, record, condition) for condition in record["conditions"]]
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ConfigurationError(
            f"'{path}' is damaged or of another version ({error!r}): run the act-evaluate that "
            "made it again"
        ) from error


def _row(folder: Path, record: dict[str, Any], condition: dict[str, Any]) -> Row:
    results = condition["results"]
    steps = [int(r["steps"]) for r in results if r["success"]]
    distances = [float(r["distance_m"]) for r in results if r["distance_m"] is not None]
    grasps = [bool(r["grasped"]) for r in results if r["grasped"] is not None]
    successes, episodes = sum(bool(r["success"]) for r in results), len(results)
    if (successes, episodes) != (condition["successes"], condition["episodes"]):
        raise ValueError(
            f"it says {condition['successes']} of {condition['episodes']}, but lists {successes} "
            f"of {episodes}"
        )
    return Row(
        folder=folder,
        policy=str(record["name"]),
        variant=str(record["variant"]),
        env=str(record["env"]),
        level=int(record.get("level") or 0),
        condition=str(condition["condition"]),
        successes=successes,
        episodes=episodes,
        interval=wilson_interval(successes, episodes),
        seeds=(int(record["seeds"][0]), int(record["seeds"][1])),
        median_steps=float(np.median(steps)) if steps else None,
        median_distance_m=float(np.median(distances)) if distances else None,
        grasped=sum(grasps) if grasps else None,
        command=str(record.get("command", "")),
        success_of={int(r["seed"]): bool(r["success"]) for r in results},
        look=str(record.get("look") or ""),
    )
