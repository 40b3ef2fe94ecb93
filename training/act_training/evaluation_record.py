"""Evaluation records: `evaluation.json` in a folder, written by whoever runs episodes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from act_core.errors import ConfigurationError

from act_training.intervals import Interval, wilson_interval

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

    @property
    def rate(self) -> float:
        return self.successes / self.episodes


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
    folder.mkdir(parents=True, exist_ok=True)
    episodes: dict[str, str] = {}  # placeholder -> the lines that it stands for
    conditions = []
    for index, condition in enumerate(record["conditions"]):
        lines = ",\n".join(f"    {json.dumps(result)}" for result in condition["results"])
        episodes[f'"<{index}>"'] = f"[\n{lines}\n   ]"
        conditions.append({**condition, "results": f"<{index}>"})
    text = json.dumps({**record, "conditions": conditions}, indent=1)
    for placeholder, lines in episodes.items():
        text = text.replace(placeholder, lines)
    path = folder / RECORD_FILE
    path.write_text(text + "\n")
    return path


def read_rows(folder: Path) -> list[Row]:
    """The conditions of the evaluation in `folder`; ConfigurationError if there is none."""
    path = folder / RECORD_FILE
    if not path.is_file():
        raise ConfigurationError(f"'{folder}' holds no {RECORD_FILE}: make one with act-evaluate")
    record = json.loads(path.read_text())
    rows = []
    for condition in record["conditions"]:
        results = condition["results"]
        steps = [r["steps"] for r in results if r["success"]]
        distances = [r["distance_m"] for r in results if r["distance_m"] is not None]
        grasps = [r["grasped"] for r in results if r["grasped"] is not None]
        rows.append(
            Row(
                folder=folder,
                policy=record["name"],
                variant=record["variant"],
                env=record["env"],
                level=record.get("level") or 0,
                condition=condition["condition"],
                successes=condition["successes"],
                episodes=condition["episodes"],
                interval=Interval(*condition["interval_95"]),
                seeds=(record["seeds"][0], record["seeds"][1]),
                median_steps=float(np.median(steps)) if steps else None,
                median_distance_m=float(np.median(distances)) if distances else None,
                grasped=sum(grasps) if grasps else None,
                command=record.get("command", ""),
            )
        )
    return rows
