"""A foreign dataset into our own episodes, one file each; what cannot be imported is listed.

Every episode file says which content of the source it was made of (`Episode.source`). An import
that is run again keeps what is still so, replaces what was changed, and moves aside what is no
longer there, into a folder that no reader looks into:

    data/pick/episode_000000.hdf5
    data/pick/set_aside/episode_000007.hdf5.1
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

from act_core.files import settle_all, working_in, write_json
from tqdm import tqdm

from act_training.datasets.episode_file import (
    episode_path,
    read_episode,
    read_source,
    write_episode,
)
from act_training.datasets.errors import DatasetError
from act_training.datasets.frame_cache import check_same_features
from act_training.datasets.source import ORIGIN_DIGITS, EpisodeSource
from act_training.features import Features

RECORD_FILE = "import.json"
ASIDE = "set_aside"
FEW = 3  # warnings of one kind


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
        kept: those of them that were there already, made of the same content.
        notes: what was assumed.
        warnings: what was lost or looks wrong.
        refused: episodes that are not there, with the reason.
        aside: files that were moved to `set_aside`: changed, or no longer in the source.
    """

    source: dict
    imported: int = 0
    kept: int = 0
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    aside: tuple[str, ...] = ()


def import_episodes(source: EpisodeSource, out: Path, origin: dict) -> ImportRecord:
    """Write every readable episode of `source` to `out`, numbered as there.

    An import that was interrupted goes on where it stopped when it is started again alike.

    Args:
        origin: JSON values that say where `source` comes from and what was declared of it.

    Raises DatasetError when no episode can be imported, or when `out` holds other episodes;
    InUseError when another process imports to it.
    """
    origin = json.loads(json.dumps(origin))  # as it is read back: tuples are lists
    with working_in(out):
        settle_all(out)
        prints = [_fingerprint(source, position) for position in range(len(source.names))]
        _claim(out, origin, prints)
        return _import(source, out, origin, prints)


def _fingerprint(source: EpisodeSource, position: int) -> str | DatasetError:
    try:
        return source.fingerprint(position)
    except DatasetError as error:
        return error


def _import(
    source: EpisodeSource, out: Path, origin: dict, prints: Sequence[str | DatasetError]
) -> ImportRecord:
    refused: list[Refusal] = []
    aside: list[str] = []
    twins: list[str] = []
    first: dict[str, str] = {}  # content -> the first episode that is made of it
    features: Features | None = None
    imported = kept = 0
    for position, name in enumerate(tqdm(source.names, desc="import", unit="episode")):
        path, known = episode_path(out, position), prints[position]
        is_same = path.exists() and read_source(path) == known
        if path.exists() and not is_same:
            aside.append(_move_aside(path))
        try:
            if isinstance(known, DatasetError):
                raise known
            episode = read_episode(path, with_images=False) if is_same else source.read(position)
            if features is not None:
                check_same_features(features, episode.features, Path(name))
        except DatasetError as error:
            if is_same:
                aside.append(_move_aside(path))
            refused.append(Refusal(name, str(error)))
            continue
        if not is_same:
            write_episode(path, replace(episode, source=known))
        kept += is_same
        twin = first.setdefault(known, name)
        twins += [f"{name} is {twin} once more"] if twin != name else []
        features = features or episode.features
        imported += 1
    wanted = {episode_path(out, position) for position in range(len(prints))}
    aside += [_move_aside(path) for path in _episodes(out) if path not in wanted]
    record = ImportRecord(
        origin, imported, kept, tuple(source.notes), (*source.warnings, *_few(twins)),
        tuple(refused), tuple(aside),
    )  # fmt: skip
    _write_record(out, record)
    if not imported:
        reasons = "\n  ".join(str(refusal) for refusal in refused)
        raise DatasetError(f"none of {len(refused)} episodes could be imported:\n  {reasons}")
    return record


def _few(texts: Sequence[str]) -> list[str]:
    more = len(texts) - FEW
    return [*texts[:FEW], *([f"so are {more} more"] if more > 0 else [])]


def _episodes(out: Path) -> list[Path]:
    return sorted(out.glob("episode_*.hdf5"))


def _move_aside(path: Path) -> str:
    """Out of the dataset, under a name that no reader of datasets looks for."""
    folder = path.parent / ASIDE
    folder.mkdir(exist_ok=True)
    number = 1
    while (folder / f"{path.name}.{number}").exists():
        number += 1
    target = folder / f"{path.name}.{number}"
    os.rename(path, target)
    return f"{ASIDE}/{target.name}"


def _claim(out: Path, origin: dict, prints: Sequence[str | DatasetError]) -> None:
    """Make `out` the folder of this import; DatasetError when it is something else's."""
    path = out / RECORD_FILE
    try:
        before = json.loads(path.read_text())["source"]
    except (OSError, ValueError, LookupError, TypeError):
        before = None
    there = _episodes(out)
    known = {known[:ORIGIN_DIGITS] for known in prints if isinstance(known, str)}
    is_ours = before == origin and (
        not there or any((read_source(path) or "")[:ORIGIN_DIGITS] in known for path in there)
    )
    if there and not is_ours:
        whose = "another import" if before else "another origin"
        if before == origin:
            whose = "another dataset of this name, or of an older release"
        raise DatasetError(
            f"{out} holds episodes of {whose}: name a new folder with --out, or delete it first"
        )
    _write_record(out, ImportRecord(origin))


def _write_record(out: Path, record: ImportRecord) -> None:
    values = asdict(replace(record, refused=()))
    values["refused"] = [refusal._asdict() for refusal in record.refused]
    write_json(out / RECORD_FILE, values)
