"""`act-import LAYOUT SOURCE --out DIR`: what was made elsewhere becomes ours.

Recordings become a dataset to train on, a checkpoint of LeRobot's ACT becomes a policy bundle.
"""

from __future__ import annotations

import logging
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import tyro
from act_core.files import write_json
from act_core.topics import JOINT_COMMANDS
from act_record.bag_reader import SUFFIXES, find_bags
from so101_driver.calibration import Calibration, find, load

from act_training.cli import run_command
from act_training.datasets.bag.source import BagSource
from act_training.datasets.errors import DatasetError
from act_training.datasets.foreign import file_digest, visible
from act_training.datasets.hdf5_source import Hdf5Source, act_places, demo_places
from act_training.datasets.importing import ASIDE, RECORD_FILE, ImportRecord, import_episodes
from act_training.datasets.lerobot.info import INFO_FILE
from act_training.datasets.lerobot.reader import LerobotSource
from act_training.datasets.source import Declared, EpisodeSource
from act_training.export_lerobot import ExportLerobotOptions, export_lerobot
from act_training.hub import SCHEME, local_copy
from act_training.import_checkpoint import import_checkpoint
from act_training.lerobot_checkpoint import find_checkpoint

STATISTICS_FILE = "statistics.json"  # of bags: what became of every observation
SHOWN = 5  # files that a line names

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImportOptions:
    """What to import. All but the first three are what the files themselves may not say."""

    layout: tyro.conf.Positional[Literal["auto", "lerobot", "act", "demos", "bag"]]
    """lerobot: a LeRobotDataset (v2.0, v2.1, v3.0) or the checkpoint of a LeRobot ACT policy; act:
    one HDF5 file per episode, as in the original ACT; demos: HDF5 files with groups demo_0, demo_1,
    ...; bag: recordings of act-record or ros2 bag; auto: whichever it is."""
    source: tyro.conf.Positional[str]
    """A folder, a file, or hf://owner/name[@revision] on the Hugging Face hub."""
    out: Path
    """Folder of the new dataset or bundle."""
    units: str | None = None
    """SO-101: degrees, percent, old_degrees (before June 2025) or rad, and the result is in rad.
    Otherwise the name of the unit, e.g. rad; values stay as they are. Bags are in rad: what
    --format lerobot writes (degrees, percent or rad)."""
    trust_units: bool = False
    """SO-101: take --units at its word although joints go beyond their travel in it, as those of an
    arm of another build do."""
    gripper_open: float | None = None
    """SO-101 in LeRobot's units: value of the open gripper, 100 in LeRobot's own recordings."""
    calibration: str | None = None
    """Calibration of the arm that recorded (a file, or an id in LeRobot's folder), for percent."""
    rate_hz: float | None = None
    """Steps per second, where the files do not say."""
    task: str | None = None
    """What is done in the episodes, or the bundle's name; None takes it from the files."""
    joint_names: tuple[str, ...] = ()
    """Names of the joint values, in the order of the files."""
    action_names: tuple[str, ...] = ()
    """Names of the action values; empty takes the joints' if there are as many."""
    cameras: tuple[str, ...] = ()
    """Cameras to import, in this order; empty takes all."""
    height: int | None = None
    """Bags: images are shrunk to this height, and width, as the policy node shrinks them."""
    width: int | None = None
    action_topic: str = JOINT_COMMANDS.name
    """Bags: the topic whose values are the actions."""
    keep_failures: bool = False
    """Bags: also take the episodes that were judged a failure."""
    keep_redo: bool = False
    """Bags: also take the recordings whose verdict was to record them again (keep: false)."""
    format: Literal["episodes", "lerobot"] = "episodes"
    """Of the result: a dataset of this project, or a LeRobotDataset v3.0."""
    more: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Further folders of bags."""


def import_source(options: ImportOptions) -> Path:
    """Import recordings of another project as a dataset for act-train, or a LeRobot ACT policy as a
    bundle; returns its folder."""
    folder = local_copy(options.source, kind=None)
    checkpoint = find_checkpoint(folder) if options.layout in ("auto", "lerobot") else None
    if checkpoint is None and options.format == "lerobot":
        return import_as_lerobot(options, folder)
    if checkpoint is None:
        import_dataset(options, folder)
        return options.out
    declared, calibration = _declared(options), _calibration(options)
    return import_checkpoint(checkpoint, options.out, declared, calibration, options.source)


def import_dataset(options: ImportOptions, folder: Path | None = None) -> ImportRecord:
    """Import recordings of another project as a dataset for act-train.

    Args:
        folder: where `options.source` is, if it has been fetched already.
    """
    record, source = _import(options, folder or local_copy(options.source), options.out)
    _report(record, source, f"to {options.out}")
    log.info(f"next: act-report {options.out}, then act-train --data {options.out}")
    _warn(record)
    return record


def _import(options: ImportOptions, folder: Path, out: Path) -> tuple[ImportRecord, EpisodeSource]:
    """Episodes of this project in `out`, made of what is in `folder`."""
    if out.exists() and folder.exists() and out.samefile(folder):
        raise DatasetError(
            f"'{out}' is what is to be imported: name another folder with --out, so that both stay "
            "as they are"
        )
    layout = options.layout if options.layout != "auto" else detect_layout(folder)
    source = open_source(folder, layout, options)
    record = import_episodes(source, out, _origin(options, layout))
    if isinstance(source, BagSource):
        write_json(out / STATISTICS_FILE, source.statistics)
    return record, source


def _origin(options: ImportOptions, layout: str) -> dict[str, Any]:
    """What was imported, and what was said about it: names of files, and no paths of this machine.

    A calibration counts by its content: the same name may mean another one tomorrow.
    """
    origin = {**asdict(options), "layout": layout, "out": None}
    del origin["trust_units"]  # which changes no value
    origin["source"] = _name(options.source)
    origin["more"] = [_name(str(path)) for path in options.more]
    if options.calibration:
        file = find(options.calibration)
        origin["calibration"] = f"{file.name} {file_digest(file)[:16]}"
    return origin


def _name(source: str) -> str:
    """An address on the hub as it is, of a path its last part."""
    return source if source.startswith(SCHEME) else Path(source).absolute().name


def _report(record: ImportRecord, source: EpisodeSource, where: str) -> None:
    for note in record.notes:
        log.info(f"note: {note}")
    for refusal in record.refused:
        log.warning(f"refused {refusal}")
    if record.aside:
        more = ", ..." if len(record.aside) > SHOWN else ""
        log.warning(
            f"{len(record.aside)} files that were changed in the source, or are no longer in it, "
            f"were moved to {ASIDE}/: {', '.join(record.aside[:SHOWN])}{more}"
        )
    total = record.imported + len(record.refused)
    told = f"{record.imported} of {total} episodes imported {where}"
    if isinstance(source, BagSource):
        refused = {refusal.episode for refusal in record.refused}
        told += f": {source.summary(set(source.names) - refused)}"
    if record.kept:
        told += f", {record.kept} of them were there"
    log.info(told)


def _warn(record: ImportRecord) -> None:
    """Last, where it is seen."""
    for warning in record.warnings:
        log.warning(f"warning: {warning}")


def import_as_lerobot(options: ImportOptions, folder: Path) -> Path:
    """Import recordings and write them as a LeRobotDataset v3.0, with the record of the import.

    The episodes in between are in a hidden folder beside it until it is whole, so that the same
    command goes on after an interruption.
    """
    if options.out.exists():
        raise DatasetError(f"'{options.out}' exists: name a new folder with --out")
    episodes = options.out.with_name(f".{options.out.name}.episodes")
    record, source = _import(options, folder, episodes)
    _report(record, source, "on the way to a LeRobotDataset")
    is_bag = options.layout == "bag" or (episodes / STATISTICS_FILE).exists()
    units = options.units if is_bag else None
    export_lerobot(ExportLerobotOptions(episodes, options.out, units, options.calibration))
    for name in (RECORD_FILE, STATISTICS_FILE):
        if (episodes / name).exists():
            shutil.copy(episodes / name, options.out / name)
    shutil.rmtree(episodes)
    _warn(record)
    return options.out


def detect_layout(source: Path) -> str:
    """The layout of a folder or file; DatasetError when it is none of those known."""
    if (source / INFO_FILE).is_file():
        return "lerobot"
    if source.is_dir() and any(source.glob("episode_*.h*5")):
        return "act"
    if any(any(source.rglob(f"*{suffix}")) for suffix in SUFFIXES) or source.name.endswith(
        (*SUFFIXES, ".bag")  # of ROS 1: to be told so
    ):
        return "bag"
    files = visible([*source.glob("*.hdf5"), *source.glob("*.h5")]) if source.is_dir() else [source]
    if files and all(h5py.is_hdf5(path) for path in files):
        return "demos"
    raise DatasetError(
        f"'{source}' is none of the layouts known: no {INFO_FILE}, no episode_*.hdf5, no bag "
        "and no HDF5 file with demo_* groups"
    )


def open_source(folder: Path, layout: str, options: ImportOptions) -> EpisodeSource:
    """The episodes of a dataset in one of the layouts."""
    declared = _declared(options)
    if layout == "bag":
        bags = find_bags([folder, *options.more])
        return BagSource(
            bags, declared, options.action_topic, _size(options), options.keep_failures,
            options.keep_redo,
        )  # fmt: skip
    if options.more:
        raise DatasetError("only bags can be taken from several folders at once")
    if layout == "lerobot":
        return LerobotSource(folder, declared, _calibration(options))
    places = act_places(folder) if layout == "act" else demo_places(folder)
    return Hdf5Source(places, declared, _calibration(options))


def _size(options: ImportOptions) -> tuple[int, int] | None:
    """The (height, width) that was asked for; DatasetError for one without the other."""
    if options.height is None and options.width is None:
        return None
    if options.height is None or options.width is None:
        raise DatasetError("--height and --width go together")
    return options.height, options.width


def _calibration(options: ImportOptions) -> Calibration | None:
    return load(find(options.calibration)) if options.calibration else None


def _declared(options: ImportOptions) -> Declared:
    return Declared(
        units=options.units,
        rate_hz=options.rate_hz,
        task=options.task,
        joints=options.joint_names,
        actions=options.action_names,
        cameras=options.cameras,
        gripper_open=options.gripper_open,
        trust_units=options.trust_units,
    )


def main() -> None:
    run_command(
        import_source,
        ImportOptions,
        kept=lambda options: (
            f"the episodes in {options.out} are whole, and the same command goes on there"
        ),
    )


if __name__ == "__main__":
    main()
