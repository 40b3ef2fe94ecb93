"""meta/info.json of a LeRobotDataset: what it records, at which rate, and where its files are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from act_training.datasets.errors import DatasetError, damage_of

INFO_FILE = "meta/info.json"
VERSIONS = ("v2.0", "v2.1", "v3.0")
REQUIRED = ("codebase_version", "fps", "total_episodes", "chunks_size", "data_path", "features")
STATE = "observation.state"
ACTION = "action"
CAMERA_PREFIXES = ("observation.images.", "observation.image.", "observation.")


@dataclass(frozen=True)
class CameraFeature:
    """One camera: its key in the dataset, its name without the prefix, its image size."""

    key: str
    name: str
    height: int
    width: int
    is_video: bool  # else images inside the parquet files


@dataclass(frozen=True)
class LerobotInfo:
    """What meta/info.json says.

    Attributes:
        state_names, action_names: as stored, e.g. "shoulder_pan.pos".
        skipped: what is in the dataset and not read, with the reason, for a person.
    """

    folder: Path
    version: str
    rate_hz: float
    robot: str | None
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    cameras: tuple[CameraFeature, ...]
    has_success: bool
    episodes: int
    chunks_size: int
    data_path: str
    video_path: str | None
    skipped: tuple[str, ...]


def read_info(folder: Path) -> LerobotInfo:
    """Read meta/info.json; DatasetError names what is missing or unknown."""
    path = folder / INFO_FILE
    with damage_of(path):
        content = json.loads(path.read_text(encoding="utf-8"))
        for key in REQUIRED:
            if key not in content:
                raise DatasetError(f"{path} has no '{key}', which every LeRobotDataset has")
        version = content["codebase_version"]
        if version not in VERSIONS:
            raise DatasetError(
                f"{path}: codebase_version is {version!r}, known: {', '.join(VERSIONS)}. "
                "LeRobot's own converters bring older datasets up to v3.0"
            )
        features = content["features"]
        cameras, skipped = _cameras(features)
        return LerobotInfo(
            folder=folder,
            version=version,
            rate_hz=float(content["fps"]),
            robot=content.get("robot_type"),
            state_names=_names(features, STATE),
            action_names=_names(features, ACTION),
            cameras=cameras,
            has_success="next.success" in features,
            episodes=int(content["total_episodes"]),
            chunks_size=int(content["chunks_size"]),
            data_path=content["data_path"],
            video_path=content.get("video_path"),
            skipped=skipped,
        )


def _names(features: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Names of a vector's values; numbered ones where the dataset has none."""
    if key not in features:
        raise DatasetError(f"there is no feature '{key}', there are: {', '.join(sorted(features))}")
    feature = features[key]
    shape, dtype = tuple(feature["shape"]), feature["dtype"]
    if len(shape) != 1 or dtype not in ("float32", "float64"):
        raise DatasetError(
            f"'{key}' is {dtype} of shape {list(shape)}, expected a vector of float32"
        )
    names = feature.get("names")
    while isinstance(names, dict) and len(names) == 1:  # {"motors": [...]}, as v2.0 wrote it
        (names,) = names.values()
    if not names:
        return tuple(f"{key.removeprefix('observation.')}_{i}" for i in range(shape[0]))
    if len(names) != shape[0]:
        raise DatasetError(f"'{key}' has {shape[0]} values but {len(names)} names: {list(names)}")
    return tuple(map(str, names))


def _cameras(features: Mapping[str, Any]) -> tuple[tuple[CameraFeature, ...], tuple[str, ...]]:
    cameras: list[CameraFeature] = []
    skipped: list[str] = []
    for key, feature in features.items():
        if feature["dtype"] not in ("video", "image"):
            continue
        shape, names = list(feature["shape"]), list(feature.get("names") or ())
        if len(shape) == 3 and (names[:1] == ["channels"] or (not names and shape[0] in (1, 3))):
            shape = [shape[1], shape[2], shape[0]]
        details = {**(feature.get("info") or {}), **(feature.get("video_info") or {})}
        if details.get("video.is_depth_map") or len(shape) != 3 or shape[2] != 3:
            skipped.append(f"camera '{key}' left out: no three colours (shape {feature['shape']})")
            continue
        height, width = map(int, shape[:2])
        is_video = feature["dtype"] == "video"
        cameras.append(CameraFeature(key, camera_name(key), height, width, is_video))
    if not cameras:
        raise DatasetError(f"there is no colour camera among the features {sorted(features)}")
    return tuple(cameras), tuple(skipped)


def camera_name(key: str) -> str:
    """The name of a camera by its feature: "front" for "observation.images.front"."""
    for prefix in CAMERA_PREFIXES:
        if key.startswith(prefix):
            return key[len(prefix) :]
    return key
