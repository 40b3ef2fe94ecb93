"""The record of a training run: a line on the terminal, JSON lines, TensorBoard, curves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from act_core.files import write_file
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from tqdm import tqdm

from act_training.figure import write_figure

LOG_FILE = "log.jsonl"
CURVES_FILE = "curves.png"
TENSORBOARD_FOLDER = "tensorboard"
LABELS = {"loss": "Loss", "l1": "L1", "kl": "KLD"}  # on the terminal, as in ACT's own code
NOT_DRAWN = {"step", "loss", "l1", "validation_l1", "lr", "success"}  # beside the L1


class TrainingLog:
    """Writes into a run's folder; does nothing in processes other than the main one.

    Args:
        run: folder, made if needed.
        start: steps done before; later entries, of a run killed after its checkpoint, are dropped.
        steps: of the whole run.
        enabled: False makes every call do nothing.
    """

    def __init__(self, run: Path, start: int, steps: int, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._steps = steps
        if not enabled:
            return
        run.mkdir(parents=True, exist_ok=True)
        self._run = run
        self._entries = [entry for entry in read_log(run) if entry["step"] <= start]
        write_file(run / LOG_FILE, "".join(json.dumps(entry) + "\n" for entry in self._entries))
        self._file = open(run / LOG_FILE, "a")  # noqa: SIM115 (closed by `close`)
        self._tensorboard = TensorBoardFile(run / TENSORBOARD_FOLDER)
        for entry in self._entries:
            self._tensorboard.add(entry)

    def losses(self, step: int, losses: Mapping[str, float], lr: float, norm: float) -> None:
        """Mean losses by name since the last call, and the learning rate and gradient norm of this
        step."""
        if not self._enabled:
            return
        parts = [f"{LABELS.get(name, name)} {value:.4f}" for name, value in losses.items()]
        tqdm.write(f"Step {step}/{self._steps} | {' | '.join(parts)} | LR {lr:.2e}")
        self._write(step, {**losses, "lr": lr, "grad_norm": norm})

    def validation(self, step: int, l1: float, success: float | None = None) -> None:
        """L1 (normalised) of what is deployed on held-out episodes; share of successful rollouts,
        if any."""
        if not self._enabled:
            return
        text = f"Step {step}/{self._steps} | validation L1 {l1:.4f}"
        values = {"validation_l1": l1}
        if success is not None:
            text += f" | success {success:.0%}"
            values["success"] = success
        tqdm.write(text)
        self._write(step, values)
        self._draw()

    def close(self) -> None:
        if self._enabled:
            self._draw()
            self._tensorboard.close()
            self._file.close()

    def _write(self, step: int, values: dict[str, float]) -> None:
        entry = {"step": step, **values}
        self._entries.append(entry)
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        self._tensorboard.add(entry)

    def _draw(self) -> None:
        mpl.use("Agg")
        from matplotlib import pyplot as plt  # after the choice of the backend

        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
        others = {name for entry in self._entries for name in entry} - NOT_DRAWN
        for axes, names in ((left, ("l1", "validation_l1")), (right, sorted(others))):
            for name in names:
                found = [(e["step"], e[name]) for e in self._entries if name in e]
                if found:
                    axes.semilogy(*zip(*found, strict=True), label=name)
            axes.set(xlabel="step")
            if axes.lines:
                axes.legend()
        write_figure(figure, self._run / CURVES_FILE)
        plt.close(figure)


class TensorBoardFile:
    """The one file of a run that TensorBoard shows, written anew by every process that goes on.

    torch's SummaryWriter would put the name of this computer into the name of the file.
    """

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        file = open(folder / "events.out.tfevents.0", "wb")  # noqa: SIM115 (closed by `close`)
        self._writer = RecordWriter(file)
        self._write(Event(file_version="brain.Event:2"))

    def add(self, entry: dict[str, Any]) -> None:
        """Add the values of a line of the log."""
        values = [
            Summary.Value(tag=name, simple_value=value)
            for name, value in entry.items()
            if name != "step"
        ]
        self._write(Event(step=entry["step"], summary=Summary(value=values)))

    def close(self) -> None:
        self._writer.close()

    def _write(self, event: Event) -> None:
        event.wall_time = datetime.now().timestamp()
        self._writer.write(event.SerializeToString())
        self._writer.flush()


def read_log(run: Path) -> list[dict[str, Any]]:
    """The entries of a run's log; [] when there is none. A line cut off by a kill is left out."""
    path = run / LOG_FILE
    entries = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(entry, dict) or not isinstance(entry.get("step"), int):
            break
        entries.append(entry)
    return entries
