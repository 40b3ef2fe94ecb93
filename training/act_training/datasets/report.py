"""What is in a dataset: `act-report DIR` prints it and draws `report.png`.

The figures are those that decide whether a policy can be learnt from the data: do the starts vary,
how much of the time does nothing happen, how smooth is the motion, are frames missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from act_core.files import write_json
from numpy.typing import NDArray

from act_training.datasets.episode_file import Episode, episode_files, read_episode
from act_training.datasets.frame_cache import check_same_features
from act_training.datasets.interventions import (
    Interventions,
    count_interventions,
    format_interventions,
)
from act_training.datasets.report_figure import draw_report
from act_training.datasets.starts import distinct_starts, placements_of
from act_training.features import Features

IDLE_SHARE_OF_SPEED = 0.01  # slower than this share of the 99th percentile in every value is idle


class Spread(NamedTuple):
    """Of one value over rows."""

    name: str
    minimum: float
    maximum: float
    mean: float
    std: float


@dataclass(frozen=True)
class DatasetReport:
    """Figures of a dataset of E episodes.

    Attributes:
        lengths: (E,) steps.
        successes: episodes judged a success; None when nobody judged.
        failures: episodes judged a failure; those that nobody judged are neither.
        idle_share: share of steps in which no commanded value moves.
        jerk: per joint, RMS of the third derivative [unit/s^3].
        missing_frames: frames that the stamps say are not there.
        distinct_starts: how many different placements (or, without any, starting poses).
        starts: spread of what varies at the start: placements, then joints.
        joints, actions: spread of each joint's and each action value.
        interventions: how much help a policy needed, where one drove.
    """

    features: Features
    tasks: tuple[str, ...]
    lengths: NDArray[np.int64]
    successes: int | None
    failures: int
    idle_share: float
    jerk: NDArray[np.float64]
    missing_frames: int
    distinct_starts: int
    starts: tuple[Spread, ...]
    joints: tuple[Spread, ...]
    actions: tuple[Spread, ...]
    interventions: Interventions

    @property
    def warnings(self) -> list[str]:
        """What a person should look at before training."""
        found = []
        count = len(self.lengths)
        if self.distinct_starts == 1:
            found.append("every episode starts alike: a policy will repeat one motion")
        elif self.distinct_starts < count:
            found.append(f"{count} episodes share {self.distinct_starts} different starts")
        if self.idle_share > 0.3:
            found.append(f"nothing moves in {self.idle_share:.0%} of the steps: policies stall")
        if self.missing_frames:
            found.append(f"{self.missing_frames} frames are missing by their stamps")
        if self.failures:
            found.append(f"{self.failures} episodes are failures")
        return found


def describe_dataset(episodes: list[Episode]) -> DatasetReport:
    """Compute the report of `episodes` (images are not looked at)."""
    features = episodes[0].features
    joints = [episode.joints for episode in episodes]
    actions = [episode.actions for episode in episodes]
    placements = placements_of(episodes)
    placement_names = tuple(episodes[0].placement) if placements.shape[1] else ()
    first_joints = np.array([rows[0] for rows in joints])
    judged = [episode.success for episode in episodes if episode.success is not None]
    return DatasetReport(
        features=features,
        tasks=tuple(sorted({episode.task for episode in episodes})),
        lengths=np.array([len(episode) for episode in episodes]),
        successes=sum(judged) if judged else None,
        failures=len(judged) - sum(judged),
        idle_share=_idle_share(actions),
        jerk=_jerk(joints, features.rate_hz),
        missing_frames=sum(_missing(e.stamps_ns, features.rate_hz) for e in episodes),
        distinct_starts=distinct_starts(placements if placements.shape[1] else first_joints),
        starts=(
            *_spreads(placement_names, placements),
            *_spreads(features.joints, first_joints),
        ),
        joints=_spreads(features.joints, np.concatenate(joints)),
        actions=_spreads(features.actions, np.concatenate(actions)),
        interventions=count_interventions(episodes),
    )


def format_report(report: DatasetReport) -> str:
    """The report as text."""
    features, lengths = report.features, report.lengths
    cameras = ", ".join(f"{c.name} {c.width}x{c.height}" for c in features.cameras)
    seconds = lengths.sum() / features.rate_hz
    judged = "not judged" if report.successes is None else f"{report.successes} successes"
    jerk = ", ".join(f"{value:.3g}" for value in report.jerk)
    lines = [
        f"task        {', '.join(report.tasks)}",
        f"episodes    {len(lengths)} ({judged}), {lengths.sum()} frames, {seconds:.0f} s "
        f"at {features.rate_hz:g} Hz",
        f"length      {lengths.min()} to {lengths.max()} steps, median {np.median(lengths):.0f}",
        f"cameras     {cameras}",
        f"idle        {report.idle_share:.1%} of the steps",
        f"jerk        {jerk} (RMS per joint, unit/s^3)",
        f"missing     {report.missing_frames} frames",
        f"starts      {report.distinct_starts} different in {len(lengths)} episodes",
    ]
    lines += format_interventions(report.interventions)
    for title, spreads in (("start", report.starts), ("action", report.actions)):
        lines.append(f"{title:<24}{'min':>10}{'max':>10}{'mean':>10}{'std':>10}")
        lines += [
            f"  {s.name:<22}{s.minimum:>10.4f}{s.maximum:>10.4f}{s.mean:>10.4f}{s.std:>10.4f}"
            for s in spreads
        ]
    lines += [f"WARNING: {text}" for text in report.warnings]
    return "\n".join(lines)


def _idle_share(actions: list[NDArray]) -> float:
    speeds = np.concatenate([np.abs(np.diff(rows, axis=0)) for rows in actions])
    if not len(speeds):
        return 0.0
    slow = np.percentile(speeds, 99, axis=0) * IDLE_SHARE_OF_SPEED
    return float((speeds <= slow).all(axis=1).mean())


def _jerk(joints: list[NDArray], rate_hz: float) -> NDArray[np.float64]:
    thirds = np.concatenate([np.diff(rows.astype(np.float64), n=3, axis=0) for rows in joints])
    if not len(thirds):
        return np.zeros(joints[0].shape[1])
    return np.sqrt(np.mean(np.square(thirds), axis=0)) * rate_hz**3


def _missing(stamps_ns: NDArray[np.int64], rate_hz: float) -> int:
    """Whole periods that lie between stamps beyond the one that should."""
    periods = np.rint(np.diff(stamps_ns) * rate_hz / 1e9)
    return int(np.maximum(periods - 1, 0).sum())


def _spreads(names: tuple[str, ...], rows: NDArray) -> tuple[Spread, ...]:
    return tuple(
        Spread(name, *(float(f(column)) for f in (np.min, np.max, np.mean, np.std)))
        for name, column in zip(names, np.asarray(rows, dtype=np.float64).T, strict=True)
    )


def facts(report: DatasetReport) -> dict[str, Any]:
    """What others compare a policy with, as JSON: features, spreads by name, warnings."""
    return {
        "features": report.features.to_json(),
        "tasks": list(report.tasks),
        "episodes": len(report.lengths),
        "starts": [spread._asdict() for spread in report.starts[-len(report.joints) :]],
        "joints": [spread._asdict() for spread in report.joints],
        "actions": [spread._asdict() for spread in report.actions],
        "warnings": report.warnings,
    }


def report_dataset(folder: Path, json_file: Path | None = None) -> None:
    """Print what is in a dataset and draw report.png into its folder, or write its `facts`."""
    files = episode_files(folder)
    episodes = [read_episode(path, with_images=False) for path in files]
    for path, episode in zip(files, episodes, strict=True):
        check_same_features(episodes[0].features, episode.features, path)
    described = describe_dataset(episodes)
    if json_file is not None:
        write_json(json_file, facts(described))
        return
    print(format_report(described))
    picture = folder / "report.png"
    draw_report(described, episodes, files, picture)
    print(f"picture     {picture}")
