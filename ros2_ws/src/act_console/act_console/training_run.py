"""A training as the page starts, watches and stops it: the command ``act train`` and its log."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError
from act_core.setup_file import Setup

from act_console.journey import RUNS
from act_console.work import Work, named

PRESETS = ("", "debug", "compact", "baseline", "large", "paper")  # "": as act-train has it
MOST_CURVE = 20_000_000  # bytes that are read
POINTS = 400  # of a curve
FIGURES = ("loss", "validation_l1")


class Training(Work):
    """The training of one set-up: `act train`, or the dataset that it begins with."""

    def __init__(self, begin: Iterable[str] = ("act",)) -> None:
        super().__init__("training", begin)

    def start(self, name: str, preset: str = "") -> str:
        """Begins, or goes on where the last one was stopped. ConfigurationError where it cannot.

        name: of a set-up; preset: one of `PRESETS`. Nothing else reaches the command line.
        """
        setup = named(name)
        if preset not in PRESETS:
            raise ConfigurationError(f"preset {preset!r:.40}, expected {', '.join(PRESETS[1:])}")
        return self.begin(setup, "train", *(["--preset", preset] if preset else []))

    def convert(self, name: str) -> str:
        """Makes the dataset of the demonstrations alone."""
        return self.begin(named(name), "convert")


def curves(setup: Setup) -> dict[str, list[tuple[int, float]]]:
    """Step and value of each of `FIGURES` in the newest run; empty where there is none yet."""
    runs = sorted((setup.folder / RUNS).glob("[0-9]*"))
    found: dict[str, list[tuple[int, float]]] = {figure: [] for figure in FIGURES}
    for row in _rows(runs[-1] / "log.jsonl") if runs else ():
        step = row.get("step")
        for figure in FIGURES:
            value = row.get(figure)
            if (
                isinstance(step, int)
                and isinstance(value, int | float)
                and abs(value) < sys.maxsize
            ):
                found[figure].append((step, float(value)))
    return {figure: _thinned(points) for figure, points in found.items()}


def _rows(file: Path) -> list[dict[str, Any]]:
    try:
        if file.stat().st_size > MOST_CURVE:
            return []
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return []
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue  # the last one may be half written
        if isinstance(row, dict):
            rows.append(row)
    return rows


def _thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    every = max(1, -(-len(points) // POINTS))
    return points[::every]
