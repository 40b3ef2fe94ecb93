"""`act-import LAYOUT SOURCE --out DIR`: what was made elsewhere becomes ours.

Recordings become a dataset to train on, a checkpoint of LeRobot's ACT becomes a policy bundle.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import h5py
import tyro
from so101_driver.calibration import find, load

from act_training.command import run_command
from act_training.datasets.errors import DatasetError
from act_training.datasets.hdf5_source import Hdf5Source, act_places, demo_places
from act_training.datasets.importing import ImportRecord, import_episodes
from act_training.datasets.lerobot.info import INFO_FILE
from act_training.datasets.lerobot.reader import LerobotSource
from act_training.datasets.source import Declared, EpisodeSource
from act_training.hub import local_copy
from act_training.import_checkpoint import import_checkpoint
from act_training.lerobot_checkpoint import find_checkpoint

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportOptions:
    """What to import. All but the first three are what the files themselves may not say."""

    layout: tyro.conf.Positional[Literal["auto", "lerobot", "act", "demos"]]
    """lerobot: a LeRobotDataset (v2.0, v2.1, v3.0) or the checkpoint of a LeRobot ACT policy; act:
    one HDF5 file per episode, as in the original ACT; demos: HDF5 files with groups demo_0, demo_1,
    ...; auto: whichever it is."""
    source: tyro.conf.Positional[str]
    """A folder, a file, or hf://owner/name[@revision] on the Hugging Face hub."""
    out: Path
    """Folder of the new dataset or bundle."""
    units: str | None = None
    """SO-101 in LeRobot's layout: degrees, percent, old_degrees or rad, and the result is in rad.
    Otherwise the name of the unit, e.g. rad; values stay as they are."""
    calibration: str | None = None
    """Calibration of the arm that recorded (a file, or an id in LeRobot's folder), for percent."""
    rate_hz: float | None = None
    """Steps per second, where the files do not say."""
    task: str | None = None
    """What is done in the episodes, or the bundle's name; None takes it from the files."""
    joint_names: tuple[str, ...] = ()
    """Names of the joint values, in order."""
    action_names: tuple[str, ...] = ()
    """Names of the action values; empty takes the joints' if there are as many."""
    cameras: tuple[str, ...] = ()
    """Cameras to import, in this order; empty takes all."""


def import_source(options: ImportOptions) -> Path:
    """Import recordings of another project as a dataset for act-train, or a LeRobot ACT policy as a
    bundle; returns its folder."""
    folder = local_copy(options.source, kind=None)
    checkpoint = find_checkpoint(folder) if options.layout in ("auto", "lerobot") else None
    if checkpoint is None:
        import_dataset(options, folder)
        return options.out
    calibration = load(find(options.calibration)) if options.calibration else None
    declared = _declared(options)
    return import_checkpoint(checkpoint, options.out, declared, calibration, options.source)


def import_dataset(options: ImportOptions, folder: Path | None = None) -> ImportRecord:
    """Import recordings of another project as a dataset for act-train.

    Args:
        folder: where `options.source` is, if it has been fetched already.
    """
    folder = folder or local_copy(options.source)
    layout = options.layout if options.layout != "auto" else detect_layout(folder)
    origin = {**asdict(options), "layout": layout, "out": None}
    record = import_episodes(open_source(folder, layout, options), options.out, origin)
    for note in record.notes:
        log.info(f"note: {note}")
    for refusal in record.refused:
        log.warning(f"refused {refusal}")
    total = record.imported + len(record.refused)
    log.info(f"{record.imported} of {total} episodes imported to {options.out}")
    return record


def detect_layout(source: Path) -> str:
    """The layout of a folder or file; DatasetError when it is none of those known."""
    if (source / INFO_FILE).is_file():
        return "lerobot"
    if source.is_dir() and any(source.glob("episode_*.h*5")):
        return "act"
    files = [*source.glob("*.hdf5"), *source.glob("*.h5")] if source.is_dir() else [source]
    if files and all(h5py.is_hdf5(path) for path in files):
        return "demos"
    raise DatasetError(
        f"'{source}' is none of the layouts known: no {INFO_FILE}, no episode_*.hdf5 and no HDF5 "
        "file with demo_* groups"
    )


def open_source(folder: Path, layout: str, options: ImportOptions) -> EpisodeSource:
    """The episodes of a dataset in one of the layouts."""
    declared = _declared(options)
    if layout == "lerobot":
        calibration = load(find(options.calibration)) if options.calibration else None
        return LerobotSource(folder, declared, calibration)
    if options.calibration:
        raise DatasetError("--calibration is for SO-101 arms in LeRobot's layout only")
    places = act_places(folder) if layout == "act" else demo_places(folder)
    return Hdf5Source(places, declared)


def _declared(options: ImportOptions) -> Declared:
    return Declared(
        units=options.units,
        rate_hz=options.rate_hz,
        task=options.task,
        joints=options.joint_names,
        actions=options.action_names,
        cameras=options.cameras,
    )


def main() -> None:
    run_command(import_source, ImportOptions)


if __name__ == "__main__":
    main()
