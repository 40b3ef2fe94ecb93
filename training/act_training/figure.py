"""Pictures as PNG files."""

from __future__ import annotations

from pathlib import Path

from act_core.files import replacing
from matplotlib.figure import Figure


def write_figure(figure: Figure, path: Path) -> None:
    """Write `figure` in place of `path`, whole or not at all."""
    with replacing(path) as new:
        figure.savefig(new, format="png", dpi=90)
