"""What our episodes know and LeRobot's format has no place for, in a file beside its own.

    meta/act_episodes.json
      {"units": "degrees", "scale": [...], "offset": [...],     rad = offset + scale * value
       "joint_units": [...], "action_units": [...],             before the conversion
       "episodes": [{"length": 150, "seed": 7, "success": true, "placement": {"cube_x": 0.1}}, ...]}

LeRobot ignores the file; without it a dataset reads all the same, and says less.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from act_training.datasets.errors import damage_of

SIDECAR_FILE = "meta/act_episodes.json"
UNCHANGED = "unchanged"  # values that were not converted


@dataclass(frozen=True)
class EpisodeFacts:
    """Of one episode; see `datasets.episode_file.Episode`. A changed `length`: another episode."""

    length: int
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


def write_sidecar(folder: Path, sidecar: Sidecar) -> None:
    (folder / SIDECAR_FILE).write_text(json.dumps(asdict(sidecar), indent=1) + "\n")


def read_sidecar(folder: Path) -> Sidecar | None:
    """None where there is none; DatasetError for a damaged one."""
    path = folder / SIDECAR_FILE
    if not path.is_file():
        return None
    with damage_of(path):
        content = json.loads(path.read_text())
        return Sidecar(
            content["units"],
            tuple(content["scale"]),
            tuple(content["offset"]),
            tuple(content["joint_units"]),
            tuple(content["action_units"]),
            tuple(EpisodeFacts(**episode) for episode in content["episodes"]),
        )
