"""`act-report DATASET` and `act-report RESULTS...`: what is in a dataset, or what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro
from act_core.errors import ConfigurationError

from act_training.cli import run_command
from act_training.datasets.report import report_dataset
from act_training.evaluation_record import RECORD_FILE
from act_training.hub import on_disk
from act_training.results import write_results


@dataclass(frozen=True)
class ReportOptions:
    """What to report on."""

    folders: tyro.conf.Positional[tuple[Path, ...]]
    """A dataset (or hf://owner/name); or folders with evaluation records and training runs below
    them."""
    out: Path | None = None
    """The Markdown page of results; None: results.md beside the first folder."""
    json: Path | None = None
    """Of a dataset: write names, units, rates and ranges to this file and nothing else."""


def report(options: ReportOptions) -> None:
    """Print what is in a dataset and draw it, or write a page of results from their records."""
    if not options.folders:
        raise ConfigurationError("name the folder of a dataset, or folders with evaluation records")
    first = on_disk(options.folders[0], "dataset")
    if len(options.folders) == 1 and not any(first.rglob(RECORD_FILE)):
        report_dataset(first, options.json)
        return
    if options.json is not None:
        raise ConfigurationError("--json is for one dataset")
    page = options.out or first.parent / "results.md"
    write_results(options.folders, page)
    print(page)


def main() -> None:
    run_command(report, ReportOptions, then=_next)


def _next(options: ReportOptions) -> str:
    if options.out is None and not any(options.folders[0].rglob(RECORD_FILE)):
        return f"act-train --data {options.folders[0]}"
    return "look at the page; act-compare puts evaluations side by side"


if __name__ == "__main__":
    main()
