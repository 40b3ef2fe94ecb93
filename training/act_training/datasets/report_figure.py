"""The picture of a dataset report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

from act_training.datasets.episode_file import Episode, read_first_image
from act_training.datasets.starts import placements_of
from act_training.figure import write_figure

if TYPE_CHECKING:
    from act_training.datasets.report import DatasetReport

SHOWN_EPISODES = 8


def draw_report(
    report: DatasetReport, episodes: list[Episode], files: list[Path], path: Path
) -> None:
    """Draw lengths, starts, actions over time and the first images of some episodes to `path`."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # after the choice of the backend

    shown = np.unique(np.linspace(0, len(files) - 1, SHOWN_EPISODES).astype(int))
    cameras = report.features.camera_names
    figure = plt.figure(figsize=(14, 8 + 1.6 * len(cameras)), layout="constrained")
    halves = figure.subfigures(2, 1, squeeze=False, height_ratios=[7, 2 * len(cameras)])
    plots, pictures = halves[:, 0]
    top = plots.subplots(2, 2)

    top[0, 0].hist(report.lengths, bins=min(30, len(report.lengths)))
    top[0, 0].set(title="Episode lengths", xlabel="steps", ylabel="episodes")

    placements = placements_of(episodes)
    if placements.shape[1]:
        names, starts = list(episodes[0].placement), placements
    else:
        names, starts = list(report.features.joints), np.array([e.joints[0] for e in episodes])
    top[0, 1].plot(starts - starts.mean(axis=0), np.arange(len(starts)), ".", label=names)
    top[0, 1].set(title=f"Starts: {report.distinct_starts} different", xlabel="from the mean",
                  ylabel="episode")  # fmt: skip
    top[0, 1].legend(fontsize="x-small")

    for episode in episodes[:: max(1, len(episodes) // 20)]:
        time_s = np.arange(len(episode)) / report.features.rate_hz
        top[1, 0].set_prop_cycle(None)  # one colour per action value
        top[1, 0].plot(time_s, episode.actions, linewidth=0.5)
    top[1, 0].legend(report.features.actions, fontsize="x-small")
    top[1, 0].set(title="Actions", xlabel="s")

    values = np.concatenate([episode.actions for episode in episodes])
    top[1, 1].boxplot(values, showfliers=False)
    top[1, 1].set_xticks(range(1, values.shape[1] + 1), report.features.actions, rotation=30)
    top[1, 1].set(title="Action values")

    grid = pictures.subplots(len(cameras), len(shown), squeeze=False)
    for row, camera in zip(grid, cameras, strict=True):
        for axes, index in zip(row, shown, strict=True):
            axes.imshow(read_first_image(files[index], camera))
            axes.set(xticks=[], yticks=[], title=f"{camera}, seed {episodes[index].seed}")
            axes.title.set_fontsize("x-small")
    write_figure(figure, path)
    plt.close(figure)
