"""The picture of an episode: chunks, the target made of them, and the joint that follows."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

from act_record.plan_log import PlanLog, Series

_PANELS = 3


def draw_plans(log: PlanLog, title: str, path: Path) -> None:
    """Draws the three joints that move most, and below them one second of the first, enlarged.

    Raises ValueError when there is nothing to draw.
    """
    if not log:
        raise ValueError("there were no chunks or no commands to draw")
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # after the choice of the backend

    start_ns = log.commanded[0][0]
    # The last plan of the episode before may arrive after this one has begun.
    chunks = [chunk for chunk in log.chunks if chunk[0][0] >= log.measured[0][0]]
    times, targets = _arrays(log.commanded, start_ns)
    joints = np.argsort(-np.nan_to_num(np.ptp(targets, axis=0)))[:_PANELS]
    figure, axes = plt.subplots(len(joints) + 1, 1, figsize=(10, 11), layout="constrained")
    for panel, joint in zip(axes, [*joints, joints[0]], strict=True):
        for row_times, rows in chunks:
            seconds = (row_times - start_ns) / 1e9
            panel.plot(seconds, rows[:, joint], color="tab:orange", alpha=0.25, linewidth=0.7)
        panel.plot([], [], color="tab:orange", linewidth=0.7, label="predicted chunks")
        panel.plot(times, targets[:, joint], color="black", linewidth=1.6, label="ensembled target")
        measured_times, measured = _arrays(log.measured, start_ns)
        panel.plot(measured_times, measured[:, joint], color="tab:blue", linewidth=1.2,
                   linestyle="--", label="measured joint")  # fmt: skip
        panel.set(xlim=(times[0], times[-1]), ylabel=f"{log.joints[joint]} [rad]")
    fastest = times[np.argmax(np.abs(np.gradient(targets[:, joints[0]])))]
    begin = float(np.clip(fastest - 0.5, times[0], max(times[0], times[-1] - 1.0)))
    inside = (times >= begin) & (times <= begin + 1.0)
    shown = targets[inside, joints[0]]
    shown = shown[np.isfinite(shown)] if np.isfinite(shown).any() else np.zeros(1)
    low, high = np.ptp(shown) * np.array([-0.15, 0.15]) + (shown.min(), shown.max())
    axes[-1].set(xlim=(begin, begin + 1.0), ylim=(low - 0.01, high + 0.01),
                 xlabel="s after the first command")  # fmt: skip
    axes[0].legend(loc="best", fontsize="small")
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _arrays(series: Series, start_ns: int) -> tuple[np.ndarray, np.ndarray]:
    times = np.array([(stamp_ns - start_ns) / 1e9 for stamp_ns, _ in series])
    return times, np.array([values for _, values in series]).reshape(len(series), -1)
