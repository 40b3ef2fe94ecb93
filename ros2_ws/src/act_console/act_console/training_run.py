"""A training as the page starts, watches and stops it: the command ``act train`` and its log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError
from act_core.setup_file import Setup, read_setup

from act_console.journey import RUNS

PRESETS = ("", "debug", "compact", "baseline", "large", "paper")  # "": as act-train has it
LOG = "train.log"
MOST_TAIL, MOST_CURVE = 4000, 20_000_000  # bytes that are read of the log, and of the curves
POINTS = 400  # of a curve
FIGURES = ("loss", "validation_l1")


class Training:
    """The training of one set-up, as a process of its own that outlives the page, not the node.

    Args:
        begin: the command's first words, before ``act``'s own.
    """

    def __init__(self, begin: Iterable[str] = ("act",)) -> None:
        self._begin = tuple(begin)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._setup = ""

    @property
    def running(self) -> str:
        """Name of the set-up that is trained; "" while none is."""
        with self._lock:
            is_running = self._process is not None and self._process.poll() is None
            return self._setup if is_running else ""

    def start(self, name: str, preset: str = "") -> str:
        """Begins, or goes on where the last one was stopped. ConfigurationError where it cannot.

        name: of a set-up; preset: one of `PRESETS`. Nothing else reaches the command line.
        """
        setup = read_setup(_plain(name))
        if preset not in PRESETS:
            raise ConfigurationError(f"preset {preset!r:.40}, expected {', '.join(PRESETS[1:])}")
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                raise ConfigurationError(f"the training of {self._setup} is still running")
            command = [*self._begin, "train", setup.name, *(["--preset", preset] if preset else [])]
            try:
                with (setup.folder / LOG).open("wb") as log:
                    self._process = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                        start_new_session=True,
                    )  # fmt: skip
            except OSError as error:
                raise ConfigurationError(
                    f"{' '.join(command)} cannot be started: {error.strerror or error}"
                ) from error
            self._setup = setup.name
        return f"$ {' '.join(command)}"

    def stop(self) -> str:
        """Ends it with Ctrl-C: its state is kept, and the next start goes on."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                raise ConfigurationError("no training runs")
            os.killpg(self._process.pid, signal.SIGINT)
        return "stopping; what is trained is kept, and a start goes on from there"

    def ended(self) -> str:
        """How the last one ended; "" while it runs or where there was none."""
        with self._lock:
            code = None if self._process is None else self._process.poll()
        return "" if code is None else "done" if code == 0 else f"ended with code {code}"

    def close(self) -> None:
        """Stops it with the node."""
        try:
            self.stop()
        except (ConfigurationError, ProcessLookupError):
            return


def _plain(name: str) -> str:
    """The name of a set-up, and no path."""
    if not isinstance(name, str) or "/" in name or name.endswith((".yaml", ".yml")):
        raise ConfigurationError(f"{name!r:.60} is no name of a set-up")
    return name


def log_tail(setup: Setup) -> str:
    """The end of what the command has said."""
    try:
        with (setup.folder / LOG).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - MOST_TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    # A progress bar is one line that is written again and again.
    lines = [line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").split("\n")]
    return "\n".join(lines[-12:]).strip()


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
