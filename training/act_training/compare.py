"""Evaluations side by side: `act-compare out/a out/b` writes comparison.md and comparison.png.

The first condition of the first evaluation is the one that all others are compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import tyro
from act_core.errors import ConfigurationError
from act_core.files import write_file

from act_training.cli import run_command
from act_training.evaluation_record import Row, compare_rows, read_rows
from act_training.figure import write_figure


@dataclass(frozen=True)
class CompareOptions:
    """What to compare."""

    evaluations: tyro.conf.Positional[tuple[Path, ...]]
    """Folders that act-evaluate wrote."""
    out: Path = Path("out/comparison")


def compare(options: CompareOptions) -> Path:
    """Put evaluations side by side."""
    rows = [row for folder in options.evaluations for row in read_rows(folder)]
    if not rows:
        raise ConfigurationError("nothing to compare: name folders that act-evaluate wrote")
    text = format_rows(rows)
    write_file(options.out / "comparison.md", text)
    draw_rows(rows, options.out / "comparison.png")
    print(text)
    return options.out


def name(row: Row) -> str:
    """What tells two policies apart: name, graph and the folder of the evaluation."""
    return f"{row.policy} ({row.variant}, {row.folder.name})"


def format_rows(rows: list[Row]) -> str:
    """A markdown table; p is two-sided, against the first row."""
    lines = [
        "| policy | environment | execution | success | 95 % interval | p | steps | distance "
        "| grasped | seeds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    first = rows[0]
    for index, row in enumerate(rows):
        p, test = compare_rows(row, first)
        cells = (
            name(row),
            row.env,
            row.condition,
            f"{row.successes}/{row.episodes} = {row.rate:.1%}",
            f"{row.interval.low:.1%} to {row.interval.high:.1%}",
            f"{p:.3g} ({'paired' if 'paired' in test else 'z'})" if index else "",
            "" if row.median_steps is None else f"{row.median_steps:.0f}",
            "" if row.median_distance_m is None else f"{row.median_distance_m * 1e3:.0f} mm",
            "" if row.grasped is None else f"{row.grasped}/{row.episodes}",
            f"{row.seeds[0]} to {row.seeds[1]}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    lines.append("Intervals: Wilson. p: against the first row, of the exact paired test where both "
                 "began from the same starts, else of the two-proportion z-test. Steps: median of "
                 "the successes. Distance: median at the end of all episodes.")  # fmt: skip
    return "\n".join(lines) + "\n"


def draw_rows(rows: list[Row], path: Path) -> None:
    """Success rates with their intervals as bars."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # after the choice of the backend

    figure, axes = plt.subplots(figsize=(10, 1.2 + 0.5 * len(rows)), layout="constrained")
    places = np.arange(len(rows))[::-1]
    rates = np.array([row.rate for row in rows])
    below = rates - [row.interval.low for row in rows]
    above = [row.interval.high for row in rows] - rates
    axes.barh(places, rates, xerr=[below, above], capsize=4)
    axes.set_yticks(places, [f"{name(row)}\n{row.condition}" for row in rows], fontsize="small")
    axes.set(xlim=(0, 1), xlabel="success rate, 95 % interval")
    write_figure(figure, path)
    plt.close(figure)


def main() -> None:
    run_command(
        compare,
        CompareOptions,
        then=lambda options: (
            f"open {options.out / 'comparison.png'}; more starts (act-evaluate "
            "--episodes) make intervals narrower"
        ),
    )


if __name__ == "__main__":
    main()
