"""meta/info.json of a LeRobotDataset: what it records, at which rate, and where its files are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from act_training.datasets.errors import DatasetError, damage_of
from act_training.datasets.foreign import (
    LARGEST_SIDE,
    LARGEST_VECTOR,
    finite_number,
    inside,
    read_json,
    topic_name,
    whole_number,
)
from act_training.datasets.source import usable_rate
from act_training.datasets.value_plan import Stored

INFO_FILE = "meta/info.json"
VERSIONS = ("v2.0", "v2.1", "v3.0")
REQUIRED = ("codebase_version", "fps", "total_episodes", "chunks_size", "data_path", "features")
STATE = "observation.state"
ACTION = "action"
INTERVENTION = "intervention"  # whether a person had taken the robot over; bool
NUMBERS = ("float16", "float32", "float64", "int16", "int32", "int64")  # of vectors
CAMERA_PREFIXES = ("observation.images.", "observation.image.", "observation.")


@dataclass(frozen=True)
class CameraFeature:
    """One camera: its key in the dataset, its name as a topic's part, its image size."""

    key: str
    name: str
    height: int
    width: int
    is_video: bool  # else images inside the parquet files


@dataclass(frozen=True)
class LerobotInfo:
    """What meta/info.json says.

    Attributes:
        frames: as counted there; None or nonsense where it is not.
        lost: cameras that are in the dataset and not read, with the reason, for a person.
    """

    folder: Path
    version: str
    rate_hz: float
    robot: str | None
    state: Stored
    action: Stored
    cameras: tuple[CameraFeature, ...]
    has_success: bool
    episodes: int
    frames: object
    chunks_size: int
    data_path: str
    video_path: str | None
    lost: tuple[str, ...]


def read_info(folder: Path) -> LerobotInfo:
    """Read meta/info.json; DatasetError names what is missing or unknown."""
    path = inside(folder, INFO_FILE, "the description")
    content = read_json(path)
    with damage_of(path):
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
        cameras, lost = _cameras(features)
        robot = content.get("robot_type")
        return LerobotInfo(
            folder=folder,
            version=version,
            rate_hz=usable_rate(f"{path}: fps", finite_number(f"{path}: fps", content["fps"])),
            robot=robot if isinstance(robot, str) else None,
            state=_vector(features, STATE),
            action=_vector(features, ACTION),
            cameras=cameras,
            has_success="next.success" in features,
            episodes=whole_number(f"{path}: total_episodes", content["total_episodes"]),
            frames=content.get("total_frames"),
            chunks_size=whole_number(f"{path}: chunks_size", content["chunks_size"], least=1),
            data_path=content["data_path"],
            video_path=content.get("video_path"),
            lost=lost,
        )


def _vector(features: Mapping[str, Any], key: str) -> Stored:
    """A vector's size and the names of its values, in their order."""
    if key not in features:
        raise DatasetError(f"there is no feature '{key}', there are: {', '.join(sorted(features))}")
    feature = features[key]
    shape, dtype = list(feature["shape"]), feature["dtype"]
    if len(shape) != 1 or dtype not in NUMBERS:
        raise DatasetError(f"'{key}' is {dtype} of shape {shape}, expected a vector of float32")
    size = whole_number(f"the shape of '{key}'", shape[0], LARGEST_VECTOR, least=1)
    return Stored(key, size, _names(key, feature.get("names"), size))


def _names(key: str, stored: object, size: int) -> tuple[str, ...] | None:
    """Names of a vector's values; None where the dataset has none.

    They are written as a list, as a list in a list, as {"motors": [...]} (v2.0; several groups one
    after the other), or as {"shoulder_pan": 0, ...} or {"0": "shoulder_pan", ...}, whose order in
    the file means nothing.
    """
    if not stored:
        return None
    names = _flat_names(key, stored)
    if len(names) != size:
        raise DatasetError(f"'{key}' has {size} values but {len(names)} names: {names}")
    if len(set(names)) != size:
        raise DatasetError(f"'{key}' has a name twice: {names}: give each value its own")
    return tuple(names)


def _flat_names(key: str, stored: object) -> list[str]:
    if isinstance(stored, dict) and stored and all(type(i) is int for i in stored.values()):
        if sorted(stored.values()) != list(range(len(stored))):
            raise DatasetError(
                f"the names of '{key}' have the places {sorted(stored.values())[:20]}, expected "
                f"each of 0 to {len(stored) - 1} once"
            )
        return sorted(map(str, stored), key=stored.__getitem__)
    if isinstance(stored, dict) and set(stored) == set(map(str, range(len(stored)))):
        return _flat_names(key, [stored[str(place)] for place in range(len(stored))])
    if isinstance(stored, dict):
        return [name for group in stored.values() for name in _flat_names(key, group)]
    if isinstance(stored, list) and all(isinstance(name, str) for name in stored):
        return stored
    if isinstance(stored, list) and len(stored) == 1 and isinstance(stored[0], (list, dict)):
        return _flat_names(key, stored[0])
    raise DatasetError(f"the names of '{key}' are {stored!r:.80}, expected a list of names")


def _cameras(features: Mapping[str, Any]) -> tuple[tuple[CameraFeature, ...], tuple[str, ...]]:
    """Cameras with three colours, and a line for each one without."""
    cameras: dict[str, CameraFeature] = {}
    lost: list[str] = []
    for key, feature in features.items():
        if feature["dtype"] not in ("video", "image"):
            continue
        details = {**(feature.get("info") or {}), **(feature.get("video_info") or {})}
        size = None if details.get("video.is_depth_map") else _image_size(key, feature)
        if size is None:
            why = "a depth map" if details.get("video.is_depth_map") else "no three colours"
            lost.append(f"camera '{key}' is left out: {why} (shape {feature['shape']})")
            continue
        name = topic_name(camera_name(key))
        if name in cameras:
            raise DatasetError(
                f"cameras '{cameras[name].key}' and '{key}' would both be '{name}' as a topic: "
                "rename one of them in the dataset"
            )
        cameras[name] = CameraFeature(key, name, *size, feature["dtype"] == "video")
    if not cameras:
        there = "; ".join(lost) or f"the features are {sorted(features)}"
        raise DatasetError(f"there is no colour camera: {there}")
    return tuple(cameras.values()), tuple(lost)


def _image_size(key: str, feature: Mapping[str, Any]) -> tuple[int, int] | None:
    """(height, width); None where there are not three colours.

    Decided by the shape: recorders call the axis of the colours "channels", "channel" or "rgb", or
    do not name it. Where both ends of the shape are 3, names decide.
    """
    shape = [
        whole_number(f"the shape of '{key}'", side, LARGEST_SIDE, least=1)
        for side in feature["shape"]
    ]
    if len(shape) != 3 or 3 not in (shape[0], shape[2]):
        return None
    names = feature.get("names")
    first = str(names[0]).lower() if isinstance(names, list) and names else ""
    is_first = shape[0] == 3 and (shape[2] != 3 or first.startswith(("c", "rgb", "bgr")))
    return (shape[1], shape[2]) if is_first else (shape[0], shape[1])


def camera_name(key: str) -> str:
    """The name of a camera by its feature: "front" for "observation.images.front"."""
    for prefix in CAMERA_PREFIXES:
        if key.startswith(prefix):
            return key[len(prefix) :]
    return key
