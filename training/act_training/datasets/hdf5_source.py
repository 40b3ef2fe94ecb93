"""Episodes out of the HDF5 layouts that ACT projects use.

The original one (tonyzhaozh/act), one file per episode:

    episode_0.hdf5    /action (T, A)   /observations/qpos (T, J)   /observations/images/NAME

and collections, one group per episode, in either of two forms:

    demos.hdf5        /demo_0/action   /demo_0/observations/qpos   /demo_0/observations/images/NAME
    demos.hdf5        /demo_0/actions  /demo_0/joints              /demo_0/images/NAME

Row t of the actions belongs to observation t and is imported so. (The loader of tonyzhaozh/act
takes actions from t - 1 on for real robots, which its authors call a hack for delays.)
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from act_training.datasets.episode_file import FORMAT, Episode
from act_training.datasets.errors import DatasetError, damage_of
from act_training.datasets.source import UNKNOWN_UNIT, Declared
from act_training.features import Camera, Features

IMAGES = ("observations/images", "images")
JOINTS = ("observations/qpos", "observations/joints", "observations/state",
          "qpos", "joints", "joint_positions", "states", "state")  # fmt: skip
VELOCITIES = ("observations/qvel", "qvel")
ACTIONS = ("action", "actions")
RATES = ("rate_hz", "fps")  # attributes
TASKS = ("task", "task_name")  # attributes
SINGLE_CAMERA = "camera"  # where images are not named


@dataclass(frozen=True)
class Place:
    """One episode: a file and the group in it."""

    file: Path
    group: str

    @property
    def name(self) -> str:
        return self.file.name if self.group == "/" else f"{self.file.name}:{self.group}"


def act_places(folder: Path) -> list[Place]:
    """The episodes of the original layout in `folder`; DatasetError when there are none."""
    files = [*folder.glob("episode_*.hdf5"), *folder.glob("episode_*.h5")]
    if not files:
        raise DatasetError(f"'{folder}' holds no episode_*.hdf5")
    with _open(files[0]) as file:
        if file.attrs.get("format") == FORMAT:
            raise DatasetError(f"'{folder}' is a dataset of this project: nothing to import")
    return [Place(path, "/") for path in sorted(files, key=lambda path: _number(path.stem))]


def demo_places(source: Path) -> list[Place]:
    """The demo_* groups of one file or of all files in a folder; DatasetError for none."""
    files = sorted([*source.glob("*.hdf5"), *source.glob("*.h5")]) if source.is_dir() else [source]
    places = []
    for path in files:
        with _open(path) as file:
            root = "/data" if isinstance(file.get("data"), h5py.Group) else "/"
            groups = [n for n in file[root] if re.fullmatch(r"demo_?\d+", n)]
            places += [Place(path, f"{root.rstrip('/')}/{n}") for n in sorted(groups, key=_number)]
    if not places:
        raise DatasetError(f"'{source}' holds no group demo_0, demo_1, ...")
    return places


def _number(name: str) -> int:
    found = re.findall(r"\d+", name)
    return int(found[-1]) if found else 0


def _open(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read ({error}): it is missing, truncated or no HDF5"
        ) from error


class Hdf5Source:
    """Some places as a source of episodes. Values stay as they are, in the units that were said.

    Attributes:
        notes: what was assumed or left out, for a person.
    """

    def __init__(self, places: Sequence[Place], declared: Declared) -> None:
        self._places = places
        self._declared = declared
        self.notes: list[str] = []

    @property
    def names(self) -> list[str]:
        return [place.name for place in self._places]

    def read(self, position: int) -> Episode:
        """The episode at `position` of `names`; DatasetError says what is wrong with it."""
        place = self._places[position]
        with damage_of(place.name), _open(place.file) as file:
            return self._read(file[place.group], place, position)

    def _read(self, group: h5py.Group, place: Place, position: int) -> Episode:
        joints, actions = _vectors(group, JOINTS), _vectors(group, ACTIONS)
        if len(joints) != len(actions):
            raise DatasetError(f"it has {len(joints)} joint rows but {len(actions)} action rows")
        declared, attributes = self._declared, {**group.file.attrs, **group.attrs}
        images = self._images(group, len(actions))
        features = Features(
            **self._value_features(joints.shape[1], actions.shape[1]),
            cameras=tuple(Camera(n, *map(int, i.shape[1:3])) for n, i in images.items()),
            rate_hz=self._rate(attributes),
        )
        velocities = _vectors(group, VELOCITIES) if _first(group, VELOCITIES) else None
        if velocities is not None and velocities.shape != joints.shape:
            self._note("velocities left out: another shape than the joints")
            velocities = None
        if "base_action" in group:
            self._note("base_action left out: the arms' actions are imported only")
        task = declared.task or next((attributes[n] for n in TASKS if n in attributes), None)
        success = attributes.get("success")
        return Episode(
            features=features,
            task=_text(task) if task is not None else place.file.parent.name or "unnamed",
            seed=int(attributes.get("seed", position)),
            success=None if success is None else bool(success),
            joints=joints,
            actions=actions,
            stamps_ns=np.rint(np.arange(len(actions)) * 1e9 / features.rate_hz).astype(np.int64),
            images=images,
            joint_velocities=velocities,
            simulated=bool(attributes.get("sim", False)),
        )

    def _value_features(self, joints: int, actions: int) -> dict[str, tuple[str, ...]]:
        declared = self._declared
        if declared.units is None:
            self._note("nothing says in which units the values are: name them with --units")
        unit = declared.units or UNKNOWN_UNIT
        joint_names = declared.rename_joints(tuple(f"joint_{i}" for i in range(joints)))
        action_names = declared.rename_actions(tuple(f"action_{i}" for i in range(actions)))
        return {
            "joints": joint_names,
            "joint_units": (unit,) * joints,
            "actions": action_names,
            "action_units": (unit,) * actions,
        }

    def _rate(self, attributes: dict) -> float:
        for name in RATES:
            if name in attributes:
                self._declared.check_rate(float(attributes[name]))
                return float(attributes[name])
        return self._declared.needed_rate("the original ACT recorded at 50")

    def _images(self, group: h5py.Group, steps: int) -> dict[str, NDArray[np.uint8]]:
        path = _first(group, IMAGES)
        if path is None:
            raise DatasetError(f"it has no images: expected {' or '.join(IMAGES)}")
        node = group[path]
        cameras = {SINGLE_CAMERA: node} if isinstance(node, h5py.Dataset) else dict(node.items())
        for name in [name for name in cameras if name.endswith("_depth")]:
            self._note(f"camera '{name}' left out: a depth map")
            del cameras[name]
        chosen = self._declared.choose_cameras({name: name for name in cameras})
        if not chosen:
            raise DatasetError(f"it has no camera below {path}")
        compressed = bool(group.file.attrs.get("compress", False))
        images = {n: _jpegs(cameras[n]) if compressed else _pixels(cameras[n]) for n in chosen}
        for name, frames in images.items():
            if len(frames) != steps:
                raise DatasetError(f"camera '{name}' has {len(frames)} images for {steps} steps")
        return images

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _first(group: h5py.Group, paths: Sequence[str]) -> str | None:
    return next((path for path in paths if path in group), None)


def _vectors(group: h5py.Group, paths: Sequence[str]) -> NDArray[np.float32]:
    """(T, n) the first of `paths` that is there."""
    path = _first(group, paths)
    if path is None:
        there = ", ".join(sorted(group)) or "nothing"
        raise DatasetError(f"it has none of {', '.join(paths)}; there is: {there}")
    node = group[path]
    if not isinstance(node, h5py.Dataset) or node.ndim != 2 or node.dtype.kind != "f":
        what = (
            f"{node.dtype} of shape {node.shape}" if isinstance(node, h5py.Dataset) else "a group"
        )
        raise DatasetError(f"'{path}' is {what}, expected floating-point rows (T, n)")
    return node[:].astype(np.float32)


def _pixels(node: h5py.Dataset) -> NDArray[np.uint8]:
    if node.dtype != np.uint8 or node.ndim != 4 or 3 not in (node.shape[1], node.shape[3]):
        raise DatasetError(
            f"images '{node.name}' are {node.dtype} of shape {node.shape}, expected uint8 "
            "(T, H, W, 3)"
        )
    frames = node[:]
    if frames.shape[3] != 3:  # (T, 3, H, W)
        frames = np.ascontiguousarray(frames.transpose(0, 2, 3, 1))
    return frames


def _jpegs(node: h5py.Dataset) -> NDArray[np.uint8]:
    """Images of act-plus-plus: rows of JPEG bytes, zero-padded; OpenCV wrote them, red last."""
    frames = []
    for i, row in enumerate(node):
        try:
            frames.append(np.asarray(Image.open(io.BytesIO(row.tobytes())).convert("RGB")))
        except OSError as error:
            raise DatasetError(f"image {i} of '{node.name}' is no JPEG: {error}") from error
    return np.ascontiguousarray(np.stack(frames)[..., ::-1])


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
