"""`act-export-lerobot DATA --out DIR`: a dataset as a LeRobotDataset v3.0."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from act_core.errors import suggest
from act_core.files import replacing
from act_core.robots.so101 import JOINT_NAMES
from so101_driver.calibration import find, load
from tqdm import tqdm

from act_training.cli import run_command
from act_training.datasets.episode_file import Episode, episode_files, read_episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.frame_cache import check_same_features
from act_training.datasets.lerobot.arm_names import find_arm
from act_training.datasets.lerobot.description import VERSION
from act_training.datasets.lerobot.so101_units import DEGREES, RAD, So101Units, so101_units
from act_training.datasets.lerobot.video_writer import OPTIONS
from act_training.datasets.lerobot.writer import LerobotWriter
from act_training.features import Features
from act_training.hub import on_disk, parse_address, publish

# The hub's description of the dataset: by the tag, LeRobot's pages and viewers find it.
CARD = """---
task_categories: [robotics]
tags: [LeRobot]
configs:
- config_name: default
  data_files: data/*/*.parquet
---
A LeRobotDataset v3.0, written by act-export-lerobot.
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportLerobotOptions:
    """What to write where."""

    data: tyro.conf.Positional[Path]
    """Folder of a dataset of this project, or hf://owner/name."""
    out: Path
    """Folder of the new LeRobotDataset; must not exist."""
    units: str | None = None
    """Units of an SO-101 arm: degrees (LeRobot's default since 0.4.4, and here), percent (before),
    rad. Values of other robots stay as they are."""
    calibration: str | None = None
    """Calibration of the arm (a file, or an id in LeRobot's folder); makes percent exact."""
    codec: str = "libsvtav1"
    """Of the videos: libsvtav1 (AV1, as LeRobot's own), h264 or hevc."""
    crf: int | None = None
    """Quality of the videos, lower is better; None takes LeRobot's."""
    push: str | None = None
    """Then upload it to hf://owner/name on the Hugging Face hub, where LeRobot finds it."""
    private: bool = False
    """A dataset that is new on the hub can be seen by its owner only."""


def export_lerobot(options: ExportLerobotOptions) -> Path:
    """Write a dataset as a LeRobotDataset v3.0, which LeRobot loads and trains on."""
    files = episode_files(on_disk(options.data, "dataset"))
    if options.out.exists():
        raise DatasetError(f"'{options.out}' exists: name a new folder with --out")
    if options.push is not None:
        parse_address(options.push)
    if options.codec not in OPTIONS:
        raise DatasetError(suggest("codec", options.codec, OPTIONS))
    first = read_episode(files[0], with_images=False)
    units = find_units(first.features, options)
    with replacing(options.out, wait=False) as partial:
        if options.out.exists():  # another process has just made it
            raise DatasetError(f"'{options.out}' exists: name a new folder with --out")
        partial.mkdir()
        with LerobotWriter(
            partial, first.features, units, interventions=_any_intervention(files),
            codec=options.codec, crf=options.crf,
        ) as writer:  # fmt: skip
            refused = _add_episodes(writer, files, first.features)
        (partial / "README.md").write_text(CARD)
    said = "values unchanged" if units is None else units.scheme
    log.info(f"{len(files) - refused} of {len(files)} episodes in {options.out} ({said})")
    if options.push is not None:
        log.info(publish(options.out, options.push, tag=VERSION, private=options.private))
    return options.out


def _any_intervention(files: list[Path]) -> bool:
    """Whether a person had taken the arm over anywhere: all frames of a dataset have one column."""
    for path in files:
        with suppress(DatasetError):  # it is refused, and told of, where it is added
            if read_episode(path, with_images=False).intervention.any():
                return True
    return False


def _add_episodes(writer: LerobotWriter, files: list[Path], features: Features) -> int:
    """How many of `files` were refused; DatasetError when all of them were."""
    refused = []
    for path in tqdm(files, desc="export", unit="episode"):
        try:
            episode = read_episode(path)
            check_same_features(features, episode.features, path)
            check_stamps(episode)
        except DatasetError as error:
            log.warning(f"refused {path.name}: {error}")
            refused.append(str(error))
            continue
        writer.add(episode)
    if len(refused) == len(files):
        raise DatasetError(f"none of {len(files)} episodes can be exported: {refused[0]}")
    return len(refused)


def find_units(features: Features, options: ExportLerobotOptions) -> So101Units | None:
    """The conversion for an SO-101 arm, or two, in rad; None for another robot.

    Raises DatasetError for an arm whose values are not in rad, and for options that would convert
    nothing.
    """
    arms = (find_arm(features.joints), find_arm(features.actions))
    if arms[0] is None and arms[1] is None:
        if options.calibration or options.units is not None:
            raise DatasetError(
                "--units and --calibration are for an SO-101 arm, and would convert nothing: this "
                f"dataset has {', '.join(features.joints)}, whose values stay as they are"
            )
        return None
    units = {*features.joint_units, *features.action_units}
    arm = arms[0]
    if arm is None or arm.left_out or features.joints != features.actions or units != {RAD}:
        raise DatasetError(
            f"the joints of this dataset are {', '.join(features.joints)} and its actions "
            f"{', '.join(features.actions)}, in {', '.join(sorted(units))}: expected the joints of "
            "an SO-101 for both, in rad. Import it again from its source with --units"
        )
    if options.calibration and len(arm.kinds) > len(JOINT_NAMES):
        raise DatasetError("a calibration is of one arm, and this dataset is of two")
    calibration = load(find(options.calibration)) if options.calibration else None
    kinds = [arm.kinds[arm.columns.index(column)] for column in range(len(features.joints))]
    return so101_units(options.units or DEGREES, calibration, kinds)


def check_stamps(episode: Episode) -> None:
    """DatasetError when frames are missing: the format has no place to say so.

    A step of 1.5 periods or more is a gap; less is jitter, which the format drops: its stamps are
    multiples of the period.
    """
    periods = np.diff(episode.stamps_ns) * episode.features.rate_hz / 1e9
    wrong = np.flatnonzero((periods >= 1.5) | (periods <= 0))
    if len(wrong):
        raise DatasetError(
            f"step {wrong[0] + 1} comes {periods[wrong[0]]:.1f} periods after the one before: "
            "frames are missing, which a LeRobotDataset cannot say"
        )


def main() -> None:
    run_command(
        export_lerobot,
        ExportLerobotOptions,
        kept=lambda options: f"there is no {options.out} yet: start it again",
        then=lambda options: f"lerobot-train --dataset.root {options.out}, or act-import it back",
    )


if __name__ == "__main__":
    main()
