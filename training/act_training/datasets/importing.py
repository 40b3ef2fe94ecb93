"""A foreign dataset into our own episodes, one file each; what cannot be imported is listed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from act_training.datasets.episode_file import (
    episode_path,
    read_episode,
    write_episode,
)
from act_training.datasets.errors import DatasetError
from act_training.datasets.frame_cache import check_same_features
from act_training.datasets.source import EpisodeSource
from act_training.features import Features

RECORD_FILE = "import.json"


class Refusal(NamedTuple):
    """An episode that was not imported."""

    episode: str
    reason: str

    def __str__(self) -> str:
        return f"{self.episode}: {self.reason}"


@dataclass(frozen=True)
class ImportRecord:
    """What an import did; `import.json` in the dataset's folder.

    Attributes:
        source: where the episodes come from, and all that was said about them.
        imported: episodes in the folder.
        notes: what was assumed or left out.
        refused: episodes that are not there, with the reason.
    """

    source: dict
    imported: int = 0
    notes: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()


def import_episodes(source: EpisodeSource, out: Path, origin: dict) -> ImportRecord:
    """Write every readable episode of `source` to `out`, numbered as there.

    An import that was interrupted goes on where it stopped when it is started again alike.

    Args:
        origin: JSON values that say where `source` comes from and what was declared of it.

    Raises DatasetError when no episode can be imported, or when `out` holds other episodes.
    """
    origin = json.loads(json.dumps(origin))  # as it is read back: tuples are lists
    _claim(out, origin)
    refused: list[Refusal] = []
    features: Features | None = None
    imported = 0
    for position, name in enumerate(tqdm(source.names, desc="import", unit="episode")):
        path = episode_path(out, position)
        try:
            if path.exists():
                episode = read_episode(path, with_images=False)
            else:
                episode = source.read(position)
            if features is not None:
                check_same_features(features, episode.features, Path(name))
        except DatasetError as error:
            refused.append(Refusal(name, str(error)))
            continue
        if not path.exists():
            write_episode(path, episode)
        features = features or episode.features
        imported += 1
    record = ImportRecord(origin, imported, tuple(source.notes), tuple(refused))
    _write_record(out, record)
    if not imported:
        reasons = "\n  ".join(str(refusal) for refusal in refused)
        raise DatasetError(f"none of {len(refused)} episodes could be imported:\n  {reasons}")
    return record


def _claim(out: Path, origin: dict) -> None:
    """Make `out` the folder of this import; DatasetError when it is something else's."""
    path = out / RECORD_FILE
    try:
        before = json.loads(path.read_text())["source"]
    except (OSError, ValueError, KeyError):
        before = None
    if before != origin and any(out.glob("episode_*.hdf5")):
        whose = "another import" if before else "another origin"
        raise DatasetError(
            f"{out} holds episodes of {whose}: name a new folder with --out, or delete it first"
        )
    out.mkdir(parents=True, exist_ok=True)
    _write_record(out, ImportRecord(origin))


def _write_record(out: Path, record: ImportRecord) -> None:
    values = asdict(replace(record, refused=()))
    values["refused"] = [refusal._asdict() for refusal in record.refused]
    partial = out / f".{RECORD_FILE}.partial"
    partial.write_text(json.dumps(values, indent=1) + "\n")
    os.replace(partial, out / RECORD_FILE)
