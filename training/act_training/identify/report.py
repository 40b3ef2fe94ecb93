"""The report of an identification: one page that needs nothing else, and its pictures."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
from act_core.files import write_file
from act_sim.identified_arm import JOINT_NAMES, NOMINAL_ARM, PARAMETERS
from matplotlib.figure import Figure

from act_training.figure import write_figure
from act_training.identify.arm_rollout import ArmRollout
from act_training.identify.fit import SAME, Fit, names
from act_training.identify.motion_log import Array, MotionLog

# Heading and factor from the file's unit to the table's.
SHOWN = {
    "gain_nm_per_rad": ("gain [N m/rad]", 1.0),
    "damping_nm_s_per_rad": ("damping [N m s/rad]", 1.0),
    "friction_nm": ("friction [N m]", 1.0),
    "armature_kg_m2": ("armature [g m²]", 1000.0),
    "backlash_rad": ("backlash [°]", 180.0 / np.pi),
    "delay_s": ("delay [ms]", 1000.0),
    "zero_offset_rad": ("zero offset [°]", 180.0 / np.pi),
}
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1080px; margin: 2em auto; padding: 0 1em;
       color: #222; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { border: 1px solid #ccc; padding: .25em .6em; text-align: right; }
th:first-child, td:first-child { text-align: left; }
small { color: #666; } .guess { color: #aaa; } .warn { background: #fff3cd; padding: .5em 1em; }
img { width: 100%; }
"""


def write_report(
    found: Fit,
    log: MotionLog,
    before_rad: Array,
    after_rad: Array,
    held_out_s: tuple[float, float],
    folder: Path,
) -> Path:
    """Writes report.html, motion.png, residuals.png, tracking.png and correlation.png.

    before_rad, after_rad: (6,) tracking errors of the nominal and of the identified arm during
    ``held_out_s``. Returns the page.
    """
    mpl.use("Agg")
    predicted = ArmRollout(log).positions([NOMINAL_ARM, found.arm])
    figures = {
        "tracking": draw_tracking(before_rad, after_rad),
        "motion": draw_motion(log, predicted, held_out_s),
        "residuals": draw_residuals(log, predicted, held_out_s),
        "correlation": draw_correlation(found),
    }
    for name, figure in figures.items():
        write_figure(figure, folder / f"{name}.png")
    page = folder / "report.html"
    write_file(page, _page(found, log, before_rad, after_rad, held_out_s, figures))
    return page


def draw_tracking(before_rad: Array, after_rad: Array) -> Figure:
    """Bars: how far the predicted motion is off, joint by joint."""
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    axes = figure.subplots()
    place = np.arange(len(JOINT_NAMES))
    for shift, values, label, colour in (
        (-0.2, before_rad, "nominal servos", "#b0b0b0"),
        (0.2, after_rad, "identified servos", "#1f77b4"),
    ):
        bars = axes.bar(place + shift, 1000.0 * values, 0.38, label=label, color=colour)
        axes.bar_label(bars, fmt="%.1f", fontsize=8)
    axes.set_xticks(place, JOINT_NAMES)
    axes.set(ylabel="tracking error, RMS [mrad]", title="Where nothing was fitted")
    axes.legend()
    return figure


def draw_motion(log: MotionLog, predicted: Array, held_out_s: tuple[float, float]) -> Figure:
    """Four seconds of the part that was not fitted, where it moves most."""
    begin_s = _liveliest(log, held_out_s)
    inside = (log.state_s >= begin_s) & (log.state_s < begin_s + 4.0)
    sent = (log.command_s >= begin_s) & (log.command_s < begin_s + 4.0)
    figure = Figure(figsize=(10, 7.5), layout="constrained")
    for joint, axes in enumerate(figure.subplots(3, 2, sharex=True).ravel()):
        axes.plot(log.command_s[sent], log.command_rad[sent, joint], color="#dddddd", lw=1,
                  drawstyle="steps-post", label="sent")  # fmt: skip
        for path, label, style in (
            (predicted[0], "nominal servos", {"color": "#ff7f0e", "lw": 1}),
            (log.position_rad, "measured", {"color": "black", "lw": 1.6}),
            (predicted[1], "identified servos", {"color": "#1f77b4", "lw": 1, "ls": "--"}),
        ):
            axes.plot(log.state_s[inside], path[inside, joint], label=label, **style)
        axes.set_title(JOINT_NAMES[joint], fontsize=9)
        axes.set_ylabel("rad")
    figure.axes[0].legend(fontsize=7)
    for axes in figure.axes[-2:]:
        axes.set_xlabel("s")
    figure.suptitle("Measured and predicted, in the part that was not fitted")
    return figure


def draw_residuals(log: MotionLog, predicted: Array, held_out_s: tuple[float, float]) -> Figure:
    """What each arm leaves unexplained, over the whole recording."""
    figure = Figure(figsize=(10, 9), layout="constrained")
    for joint, axes in enumerate(figure.subplots(6, 1, sharex=True)):
        for which, label, colour in ((0, "nominal", "#ff7f0e"), (1, "identified", "#1f77b4")):
            error = 1000.0 * (log.position_rad - predicted[which])[:, joint]
            axes.plot(log.state_s, error, lw=0.7, label=label, color=colour)
        axes.axvspan(*held_out_s, color="#eeeeee", zorder=0)
        axes.set_ylabel(f"{JOINT_NAMES[joint]}\n[mrad]", fontsize=8)
    figure.axes[0].legend(fontsize=7, loc="upper left")
    figure.axes[-1].set_xlabel("s; grey: not fitted")
    figure.suptitle("Residuals: measured minus predicted")
    return figure


def draw_correlation(found: Fit) -> Figure:
    """What the data tell only together: dark off the diagonal."""
    figure = Figure(figsize=(8.5, 7.5), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(found.correlation, cmap="RdBu", vmin=-1, vmax=1)
    labels = [label.rsplit("_", 1)[0] if label.endswith(("_s", "_nm")) else label
              for label in names()]  # fmt: skip
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=5)
    axes.set_yticks(range(len(labels)), labels, fontsize=5)
    axes.set_title(f"Correlation of the estimates (beyond ±{SAME:g}: cannot be told apart)")
    figure.colorbar(image, ax=axes, shrink=0.7)
    return figure


def _liveliest(log: MotionLog, held_out_s: tuple[float, float]) -> float:
    begins = np.arange(held_out_s[0], max(held_out_s[1] - 4.0, held_out_s[0] + 0.1), 0.5)
    spread = [
        log.position_rad[(log.state_s >= begin) & (log.state_s < begin + 4.0)].std(axis=0).sum()
        for begin in begins
    ]
    return float(begins[int(np.argmax(spread))])


def _page(
    found: Fit,
    log: MotionLog,
    before_rad: Array,
    after_rad: Array,
    held_out_s: tuple[float, float],
    figures: dict[str, Figure],
) -> str:
    gain = float(np.linalg.norm(before_rad) / np.linalg.norm(after_rad))
    before, after = (1000.0 * float(np.sqrt((rms**2).mean())) for rms in (before_rad, after_rad))
    parts = [
        f"<h1>Servos identified from {html.escape(log.name)}</h1>",
        f"<p>{log.duration_s:.0f} s, {len(log.state_s)} joint states, {len(log.command_s)} "
        f"commands. The last {held_out_s[1] - held_out_s[0]:.0f} s were not fitted: there, the "
        f"simulated arm is <b>{before:.1f} mrad</b> off with nominal servos and "
        f"<b>{after:.1f} mrad</b> with the identified ones, {gain:.1f} times less.</p>",
        _warnings(found, gain),
        "<h2>Servos</h2>",
        _table(found),
        "<p><small>Below each value: its 95 % interval. Grey: this motion says nothing of it, "
        "and a guess stays. The zero offsets trust the masses of the arm's model: gravity shows "
        "them, and a gripper that is 5 g heavier looks like one. The pan's, the roll's and the "
        "gripper's are not seen by gravity.</small></p>",
        *(
            f"<h2>{title}</h2><img alt='{title}' src='{_as_data(figures[name])}'>"
            for name, title in (
                ("tracking", "Tracking error"),
                ("motion", "Motion"),
                ("residuals", "Residuals"),
                ("correlation", "What can be told apart"),
            )
        ),
    ]
    title = html.escape(f"Identification of {log.name}")
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
        f"<style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _warnings(found: Fit, gain: float) -> str:
    lines = []
    if gain < 1.0:
        lines.append("The identified arm is worse than the nominal one: do not use this file.")
    lines += [
        f"{pair.first} and {pair.second} cannot be told apart "
        f"(correlation {pair.correlation:.2f}): only their "
        f"{'ratio' if pair.correlation > 0 else 'sum'} is known from this motion."
        for pair in found.ambiguities
    ]
    if not lines:
        return ""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<div class='warn'><ul>{items}</ul></div>"


def _table(found: Fit) -> str:
    head = "".join(f"<th>{SHOWN[parameter][0]}</th>" for parameter in PARAMETERS)
    rows = [f"<tr><th>joint</th>{head}</tr>"]
    for joint in JOINT_NAMES:
        cells = [f"<td>{joint}</td>"]
        for parameter in PARAMETERS:
            label, factor = f"{joint}.{parameter}", SHOWN[parameter][1]
            value = factor * getattr(found.arm.joints[joint], parameter)
            low, high = factor * found.low[label], factor * found.high[label]
            guess = " class='guess'" if label in found.unknown else ""
            cells.append(f"<td{guess}>{value:.3g}<br><small>{low:.3g} to {high:.3g}</small></td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _as_data(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
