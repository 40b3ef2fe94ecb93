"""A dataset against the policy: was it made of the like, and does it start where it says."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from act_core.errors import ConfigurationError
from act_core.files import read_json
from act_core.policy_fit import Meeting, misfits
from act_core.policy_spec import PolicySpec
from act_core.policy_units import RAD, Reach

from act_console.check.findings import Finding, fine, note, wrong

START_TOLERANCE_RAD = 0.05
SMALLEST_STD = 1e-3  # of a joint that moves at all


@dataclass(frozen=True)
class Spread:
    """Of one value over a dataset."""

    name: str
    minimum: float
    maximum: float
    mean: float
    std: float


@dataclass(frozen=True)
class Data:
    """What ``act-report --json`` tells of a dataset. starts: joints at the first frames."""

    meeting: Meeting
    episodes: int
    starts: tuple[Spread, ...]
    joints: tuple[Spread, ...]
    actions: tuple[Spread, ...]
    warnings: tuple[str, ...]


def read_data(folder: Path) -> Data:
    """Asks ``act-report``: what is trained with is read by the training package alone.

    Raises ConfigurationError with what that says, or where it is not installed.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"'{folder}' is not a dataset: there is no such folder")
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary, "facts.json")
        command = ["act-report", str(folder), "--json", str(file)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise ConfigurationError(
                "there is no command act-report here, which reads datasets: run `make training`"
            ) from None
        if done.returncode or not file.exists():
            last = (done.stderr.strip() or "act-report failed").splitlines()[-1]
            raise ConfigurationError(last.removeprefix("error: "))
        return data_of(folder, read_json(file))


def data_of(folder: Path, facts: dict[str, Any]) -> Data:
    """From the facts of a dataset."""
    features = facts["features"]

    def unit(units: list[str]) -> str:
        return units[0] if len(set(units)) == 1 else ",".join(units)

    def spreads(key: str) -> tuple[Spread, ...]:
        return tuple(Spread(**each) for each in facts[key])

    return Data(
        Meeting(
            f"the dataset {folder.name}",
            tuple(features["joints"]),
            tuple(features["actions"]),
            unit(features["joint_units"]),
            unit(features["action_units"]),
            features["rate_hz"],
            {c["name"]: (c["height"], c["width"]) for c in features["cameras"]},
        ),
        facts["episodes"],
        spreads("starts"),
        spreads("joints"),
        spreads("actions"),
        tuple(facts["warnings"]),
    )


def check_data(spec: PolicySpec, data: Data) -> Iterator[Finding]:
    """Names, order, units, rate, cameras, ranges and starts of a dataset."""
    differences = misfits(spec, data.meeting)
    for text in differences:
        yield wrong("data", text, "name the dataset that it was trained on, or train on this one")
    if not differences:
        yield fine(
            "data", f"{data.episodes} episodes with its joints, units, rate and cameras, in order"
        )
    for warning in data.warnings:
        yield note("data", warning, "look at it: act-report DATASET")
    yield from _ranges(data)
    if not differences:
        yield from _starts(spec, data)


def _ranges(data: Data) -> Iterator[Finding]:
    for what, spreads, unit in (
        ("joints", data.joints, data.meeting.joint_unit),
        ("actions", data.actions, data.meeting.action_unit),
    ):
        reach = Reach([spread.name for spread in spreads]) if unit == RAD else None
        rows = [[s.minimum for s in spreads], [s.maximum for s in spreads]]
        beyond = reach.beyond(rows) if reach is not None else None
        if beyond is not None:
            yield wrong(
                "data", f"its {what} are said to be rad, but {beyond}",
                "import it again from its source with --units degrees",
            )  # fmt: skip
        still = [spread.name for spread in spreads if spread.std < SMALLEST_STD]
        if still:
            yield note(
                "normalisation", f"{', '.join(still)} of its {what} never moves: nothing is "
                "learnt of it",
            )  # fmt: skip


def _starts(spec: PolicySpec, data: Data) -> Iterator[Finding]:
    if spec.start is None:
        return
    outside = [
        f"{spread.name} {low:.2f} to {high:.2f} (data: {spread.minimum:.2f} to "
        f"{spread.maximum:.2f})"
        for spread, low, high in zip(data.starts, spec.start.lower, spec.start.upper, strict=True)
        if low < spread.minimum - START_TOLERANCE_RAD or high > spread.maximum + START_TOLERANCE_RAD
    ]
    if outside:
        yield wrong(
            "start", f"the bundle starts where the data does not: {'; '.join(outside)}",
            "export it again with --data and this dataset",
        )  # fmt: skip
    else:
        yield fine("start", "its episodes start where the bundle says")
