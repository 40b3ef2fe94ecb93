"""What our episodes know and LeRobot's format has no place for, in a file beside its own.

    meta/act_episodes.json
      {"units": "degrees", "scale": [...], "offset": [...],     rad = offset + scale * value
       "joint_units": [...], "action_units": [...],             before the conversion
       "episodes": [{"sha256": "3f...", "seed": 7, "success": true, "placement": {"cube_x": 0.1}},
                    ...]}

LeRobot ignores the file; without it a dataset reads all the same, and says less. An episode is
found in it by its values, `row_digest`: LeRobot's tools renumber, merge and append episodes without
touching it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from act_training.datasets.errors import DatasetError, damage_of
from act_training.datasets.foreign import finite_number, inside, read_json, whole_number

SIDECAR_FILE = "meta/act_episodes.json"
UNCHANGED = "unchanged"  # values that were not converted
LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class EpisodeFacts:
    """Of one episode; see `datasets.episode_file.Episode`.

    Attributes:
        sha256: of its values as they are stored, `row_digest`.
    """

    sha256: str
    seed: int
    success: bool | None
    placement: Mapping[str, float]


@dataclass(frozen=True)
class Sidecar:
    """Of a dataset.

    Attributes:
        units: scheme that the SO-101's values were written in (see so101_units), or `UNCHANGED`.
        scale, offset: of that scheme, and of the calibration used; empty when `UNCHANGED`.
        joint_units, action_units: of our episodes.
    """

    units: str
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    joint_units: tuple[str, ...]
    action_units: tuple[str, ...]
    episodes: tuple[EpisodeFacts, ...]

    def facts(self, sha256: str) -> EpisodeFacts | None:
        """Of the episode with these values; None when it is none of ours (any more)."""
        return next((facts for facts in self.episodes if facts.sha256 == sha256), None)


def row_digest(state: NDArray[np.float32], action: NDArray[np.float32]) -> str:
    """SHA-256 of an episode's values (T, S) and (T, A), as the dataset stores them."""
    digest = hashlib.sha256(f"{state.shape} {action.shape}".encode())
    for rows in (state, action):
        digest.update(np.ascontiguousarray(rows, dtype="<f4").tobytes())
    return digest.hexdigest()


def write_sidecar(folder: Path, sidecar: Sidecar) -> None:
    text = json.dumps(asdict(sidecar), indent=1, allow_nan=False)
    (folder / SIDECAR_FILE).write_text(text + "\n")


def read_sidecar(folder: Path) -> Sidecar | None:
    """None where there is none; DatasetError for one that is damaged or of an older release."""
    path = inside(folder, SIDECAR_FILE, "the file of act-export-lerobot")
    if not path.is_file():
        return None
    content = read_json(path)
    with damage_of(path):
        if any("sha256" not in episode for episode in content["episodes"]):
            raise DatasetError(
                f"{path} is of an older release, which did not say which episode is which: export "
                "the dataset again, or delete that file and say --units"
            )
        sidecar = Sidecar(
            str(content["units"]),
            tuple(finite_number(f"{path}: scale", value) for value in content["scale"]),
            tuple(finite_number(f"{path}: offset", value) for value in content["offset"]),
            tuple(map(str, content["joint_units"])),
            tuple(map(str, content["action_units"])),
            tuple(_read_facts(path, episode) for episode in content["episodes"]),
        )
    if any(value == 0 for value in sidecar.scale):
        raise DatasetError(f"{path}: a scale is 0, which turns every value into one")
    return sidecar


def _read_facts(path: Path, stored: Mapping[str, Any]) -> EpisodeFacts:
    success = stored["success"]
    if success is not None and not isinstance(success, bool):
        raise DatasetError(f"{path}: success is {success!r}, expected true, false or null")
    return EpisodeFacts(
        sha256=str(stored["sha256"]),
        seed=whole_number(f"{path}: seed", stored["seed"], LARGEST_SEED),
        success=success,
        placement={
            str(name): finite_number(f"{path}: placement {name}", value)
            for name, value in stored["placement"].items()
        },
    )
