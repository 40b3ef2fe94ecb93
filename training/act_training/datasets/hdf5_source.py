"""Episodes out of the HDF5 layouts that ACT projects use.

The original one (tonyzhaozh/act), one file per episode:

    episode_0.hdf5    /action (T, A)   /observations/qpos (T, J)   /observations/images/NAME

and collections, one group per episode, in these forms:

    demos.hdf5        /demo_0/action   /demo_0/observations/qpos   /demo_0/observations/images/NAME
    demos.hdf5        /demo_0/actions  /demo_0/observations/qpos   /demo_0/observations/image
    demos.hdf5        /demo_0/actions  /demo_0/joints              /demo_0/images/NAME

Row t of the actions belongs to observation t and is imported so. (The loader of tonyzhaozh/act
takes actions from t - 1 on for real robots, which its authors call a hack for delays.)

Not read is the layout of robomimic (/data/demo_0/obs/...): its actions are what a controller was
told, differences of the hand's pose as a rule, and not targets of joints.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from so101_driver.calibration import Calibration

from act_training.datasets.episode_file import FORMAT, Episode
from act_training.datasets.errors import DatasetError, damage_of
from act_training.datasets.foreign import (
    LARGEST_VECTOR,
    check_content,
    check_memory,
    topic_name,
    visible,
)
from act_training.datasets.foreign_values import number, seed, text, truth
from act_training.datasets.hdf5_file import attribute, find_node, member_names, open_file, read_rows
from act_training.datasets.source import Declared, usable_rate
from act_training.datasets.still_images import decode_image
from act_training.datasets.value_plan import Sample, Stored, ValuePlan, plan_values
from act_training.features import Camera, Features

IMAGES = ("observations/images", "observations/image", "images", "image")
JOINTS = ("observations/qpos", "observations/joints", "observations/joint_positions",
          "observations/state", "qpos", "joints", "joint_positions", "state")  # fmt: skip
VELOCITIES = ("observations/qvel", "qvel")
ACTIONS = ("action", "actions")
RATES = ("rate_hz", "fps")  # attributes
RATE = "the rate in the file"
TASKS = ("task", "task_name")  # attributes
NAMES = ("joint_names", "action_names")  # attributes
COUNTS = ("num_demos", "num_episodes")  # attributes of a collection
ROBOMIMIC = "obs"  # the group of its observations
LOOKS_LIKE_ONE = re.compile(r"^episode_?\d|\.(hdf5|h5)\b", re.IGNORECASE)  # a file's name
SHOWN = 5  # of such names
SINGLE_CAMERA = "camera"  # where images are not named
DEPTH = "_depth"  # ends the names of depth maps


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
    for path in files[:1]:
        with _open(path) as file, damage_of(path):
            if attribute(file, "format") == FORMAT:
                raise DatasetError(f"'{folder}' is a dataset of this project: nothing to import")
    return [Place(path, "/") for path in sorted(files, key=lambda path: _number(path.stem))]


def demo_places(source: Path) -> list[Place]:
    """The demo_* groups of one file or of all files in a folder; DatasetError for none."""
    files = visible([*source.glob("*.hdf5"), *source.glob("*.h5")]) if source.is_dir() else [source]
    places = []
    for path in files:
        with _open(path) as file, damage_of(path):
            root = "/data" if isinstance(find_node(file, "data"), h5py.Group) else "/"
            groups = [n for n in member_names(file[root]) if re.fullmatch(r"demo_?\d+", n)]
            places += [Place(path, f"{root.rstrip('/')}/{n}") for n in sorted(groups, key=_number)]
    if not places:
        raise DatasetError(f"'{source}' holds no group demo_0, demo_1, ...")
    return places


def _number(name: str) -> int:
    found = re.findall(r"\d+", name)
    return int(found[-1]) if found else 0


def _open(path: Path) -> h5py.File:
    check_content(path)
    try:
        return open_file(path)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    except OSError as error:
        raise DatasetError(
            f"{path} cannot be read ({error}): it is missing, truncated or no HDF5"
        ) from error


class Hdf5Source:
    """Some places as a source of episodes.

    SO-101 values become radians where their names, or `--units` of six values without names, say
    that they are one's; other values stay as they are, in the units that were said.

    Attributes:
        notes, warnings: see `EpisodeSource`.
    """

    def __init__(
        self, places: Sequence[Place], declared: Declared, calibration: Calibration | None = None
    ) -> None:
        self._places = places
        self._declared = declared
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self._plan: ValuePlan | None = None
        samples: list[Sample] = []
        vectors: tuple[Stored, Stored] | None = None
        for place in places:
            try:
                with damage_of(place.name), _open(place.file) as file:
                    group = file[place.group]
                    joints, actions = _vectors(group, JOINTS), _vectors(group, ACTIONS)
                    found = _stored(group, joints, actions)
            except DatasetError:
                continue  # said when it is read
            vectors = vectors or found
            if found == vectors and len(joints) == len(actions):
                samples.append(Sample(place.name, joints, actions))
        self._check_counts()
        self._check_folders()
        if vectors is not None:
            self._vectors = vectors
            self._plan = plan_values(declared, *vectors, samples, calibration)
            self.notes += self._plan.notes
            self.warnings += self._plan.warnings

    @property
    def names(self) -> list[str]:
        return [place.name for place in self._places]

    def fingerprint(self, position: int) -> str:
        """See `EpisodeSource`; of all that is in the group."""
        place = self._places[position]
        with damage_of(place.name), _open(place.file) as file:
            digest = hashlib.sha256(repr([attribute(file, name) for name in RATES]).encode())
            _digest(file[place.group], digest)
            return digest.hexdigest()

    def read(self, position: int) -> Episode:
        """The episode at `position` of `names`; DatasetError says what is wrong with it."""
        place = self._places[position]
        with damage_of(place.name), _open(place.file) as file:
            return self._read(file[place.group], place, position)

    def _read(self, group: h5py.Group, place: Place, position: int) -> Episode:
        joints, actions = _vectors(group, JOINTS), _vectors(group, ACTIONS)
        for paths in (JOINTS, ACTIONS):
            there = [path for path in paths if find_node(group, path) is not None]
            if there[1:]:
                self._note(f"'{there[0]}' is read; not read: {', '.join(there[1:])}")
        if len(joints) != len(actions):
            raise DatasetError(f"it has {len(joints)} joint rows but {len(actions)} action rows")
        found, plan = _stored(group, joints, actions), self._plan
        if plan is None or found != self._vectors:
            raise DatasetError(
                f"it has {found[0].size} joint and {found[1].size} action values, or other names "
                "for them, than the first episode: import it on its own"
            )
        images = self._images(group, len(actions))
        features = Features(
            joints=plan.joints.names,
            joint_units=plan.joints.units,
            actions=plan.actions.names,
            action_units=plan.actions.units,
            cameras=tuple(Camera(n, *map(int, i.shape[1:3])) for n, i in images.items()),
            rate_hz=self._rate(group),
        )
        task = text(_first_attribute(group, TASKS))
        success, number_of_start, sim = (
            _first_attribute(group, (name,)) for name in ("success", "seed", "sim")
        )
        if "base_action" in member_names(group):
            self._warn("base_action is left out: the arms' actions are imported only")
        return Episode(
            features=features,
            task=text(self._declared.task) or task or text(place.file.parent.name) or "unnamed",
            seed=position if number_of_start is None else seed("the seed", number_of_start),
            success=None if success is None else truth("success", success),
            joints=plan.joints.convert(joints),
            actions=plan.actions.convert(actions),
            stamps_ns=np.rint(np.arange(len(actions)) * 1e9 / features.rate_hz).astype(np.int64),
            images=images,
            joint_velocities=self._velocities(group, joints, plan),
            simulated=False if sim is None else truth("sim", sim),
        )

    def _velocities(
        self, group: h5py.Group, joints: NDArray, plan: ValuePlan
    ) -> NDArray[np.float32] | None:
        if _first(group, VELOCITIES) is None:
            return None
        if plan.joints.conversion is not None:
            self._warn("velocities are left out: no file says their unit")
            return None
        velocities = _vectors(group, VELOCITIES)
        if velocities.shape != joints.shape:
            self._warn("velocities are left out: another shape than the joints")
            return None
        return velocities

    def _rate(self, group: h5py.Group) -> float:
        stored = _first_attribute(group, RATES)
        if stored is None:
            return self._declared.needed_rate("the original ACT recorded at 50")
        rate_hz = usable_rate(RATE, number(RATE, stored))
        self._declared.check_rate(rate_hz)
        return rate_hz

    def _images(self, group: h5py.Group, steps: int) -> dict[str, NDArray[np.uint8]]:
        paths = [path for path in IMAGES if find_node(group, path) is not None]
        filled = [path for path in paths if len(find_node(group, path) or ())]
        path = next(iter(filled or paths), None)
        if path is None:
            raise DatasetError(
                f"it has no images: expected {' or '.join(IMAGES)}; there is: {_there(group)}"
            )
        node = find_node(group, path)
        nodes = {SINGLE_CAMERA: node}
        if isinstance(node, h5py.Group):
            nodes = {name: find_node(node, name) for name in member_names(node)}
        cameras: dict[str, Any] = {}
        for stored, camera in nodes.items():
            if stored.endswith(DEPTH):
                self._warn(f"camera '{stored}' is left out: a depth map")
                continue
            name = topic_name(stored)
            if name in cameras:
                raise DatasetError(f"two cameras would be '{name}' as a topic: rename one of them")
            if name != stored:
                self._note(f"camera '{stored}' is called {name} here")
            cameras[name] = camera
        chosen = self._declared.choose_cameras({name: name for name in cameras})
        if not chosen:
            raise DatasetError(f"it has no camera below {path}")
        compress = attribute(group.file, "compress")
        compressed = compress is not None and truth("compress", compress)
        read = _jpegs if compressed else _pixels
        images = {name: read(cameras[name], steps) for name in chosen}
        for name, frames in images.items():
            if len(frames) != steps:
                raise DatasetError(f"camera '{name}' has {len(frames)} images for {steps} steps")
        return images

    def _check_counts(self) -> None:
        """Collections say how many episodes they have; a recorder that was killed has fewer."""
        for path in dict.fromkeys(place.file for place in self._places if place.group != "/"):
            there = sum(place.file == path for place in self._places)
            try:
                with damage_of(path), _open(path) as file:
                    nodes = [node for node in (file, find_node(file, "data")) if node is not None]
                    for count in (attribute(node, name) for node in nodes for name in COUNTS):
                        if count is not None and int(count) != there:
                            self._warn(
                                f"{path.name} says that it has {int(count)} demonstrations, there "
                                f"are {there}"
                            )
            except DatasetError:
                continue  # said when it is read

    def _check_folders(self) -> None:
        """What lies beside the episodes and looks like one."""
        read = {place.file for place in self._places}
        for folder in sorted({path.parent for path in read}):
            beside = [
                path.name
                for path in visible(folder.iterdir())
                if path not in read and LOOKS_LIKE_ONE.search(path.name)
            ]
            if beside and any(place.group == "/" for place in self._places):
                more = f" and {len(beside) - SHOWN} more" if len(beside) > SHOWN else ""
                self._warn(f"not read: {', '.join(beside[:SHOWN])}{more}")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


def _stored(group: h5py.Group, joints: NDArray, actions: NDArray) -> tuple[Stored, Stored]:
    """Of the joints and the actions, with names where an attribute has them."""
    found = []
    for rows, paths, attribute_name in zip(
        (joints, actions), (JOINTS, ACTIONS), NAMES, strict=True
    ):
        value = _first_attribute(group, (attribute_name,))
        names = None
        if isinstance(value, np.ndarray) and value.ndim == 1:
            names = tuple(text(name) or "" for name in value.tolist())
            if len(names) != rows.shape[1]:
                raise DatasetError(
                    f"{attribute_name} has {len(names)} names for {rows.shape[1]} values"
                )
        found.append(Stored(_first(group, paths) or "", rows.shape[1], names))
    return found[0], found[1]


def _first(group: h5py.Group, paths: Sequence[str]) -> str | None:
    return next((path for path in paths if find_node(group, path) is not None), None)


def _first_attribute(group: h5py.Group, names: Sequence[str]) -> Any:
    """Of the group, else of the file."""
    for node in (group, group.file):
        for name in names:
            value = attribute(node, name)
            if value is not None:
                return value
    return None


def _there(group: h5py.Group) -> str:
    return ", ".join(sorted(member_names(group))) or "nothing"


def _vectors(group: h5py.Group, paths: Sequence[str]) -> NDArray[np.float32]:
    """(T, n) the first of `paths` that is there."""
    path = _first(group, paths)
    if path is None:
        there = _there(group)
        if ROBOMIMIC in member_names(group):
            raise DatasetError(
                f"it has the layout of robomimic ({there}), whose actions are no targets of "
                f"joints: write joint positions as {JOINTS[0]} and targets in the same units as "
                f"{ACTIONS[0]}"
            )
        raise DatasetError(f"it has none of {', '.join(paths)}; there is: {there}")
    node = find_node(group, path)
    if isinstance(node, h5py.Dataset) and node.dtype.kind in "iu":
        raise DatasetError(
            f"'{path}' is {node.dtype} of shape {node.shape}, expected floating-point rows (T, n): "
            "whole numbers are counts of servos as a rule; turn them into radians or degrees"
        )
    if not isinstance(node, h5py.Dataset) or node.ndim != 2 or node.dtype.kind != "f":
        what = (
            f"{node.dtype} of shape {node.shape}" if isinstance(node, h5py.Dataset) else "a group"
        )
        raise DatasetError(f"'{path}' is {what}, expected floating-point rows (T, n)")
    if not 0 < node.shape[1] <= LARGEST_VECTOR:
        raise DatasetError(f"'{path}' has {node.shape[1]} values, expected 1 to {LARGEST_VECTOR}")
    return read_rows(node).astype(np.float32)


def _pixels(node: Any, steps: int) -> NDArray[np.uint8]:
    if isinstance(node, h5py.Dataset) and node.dtype == np.uint8 and node.ndim == 2:
        raise DatasetError(
            f"images '{node.name}' are rows of {node.shape[1]} bytes, JPEG probably, but the file "
            "has no attribute 'compress', so the order of the colours is unknown: set it for those "
            "that OpenCV encoded, or store pixels (T, H, W, 3)"
        )
    if (
        not isinstance(node, h5py.Dataset)
        or node.dtype != np.uint8
        or node.ndim != 4
        or 3 not in (node.shape[1], node.shape[3])
    ):
        what = (
            f"{node.dtype} of shape {node.shape}" if isinstance(node, h5py.Dataset) else "a group"
        )
        raise DatasetError(f"images '{node.name}' are {what}, expected uint8 (T, H, W, 3)")
    frames = read_rows(node)
    if frames.shape[3] != 3:  # (T, 3, H, W)
        frames = np.ascontiguousarray(frames.transpose(0, 2, 3, 1))
    return frames


def _jpegs(node: Any, steps: int) -> NDArray[np.uint8]:
    """Images of act-plus-plus: rows of JPEG bytes, zero-padded; OpenCV wrote them, red last."""
    if not isinstance(node, h5py.Dataset) or node.dtype != np.uint8 or node.ndim != 2:
        raise DatasetError(f"images '{node.name}' are no rows of JPEG bytes, uint8 (T, n)")
    rows = read_rows(node)
    if len(rows) != steps:
        raise DatasetError(f"camera '{node.name}' has {len(rows)} images for {steps} steps")
    frames: NDArray[np.uint8] | None = None
    for i, row in enumerate(rows):
        what = f"image {i} of '{node.name}'"
        size = None if frames is None else (frames.shape[1], frames.shape[2])
        image = decode_image(what, io.BytesIO(row.tobytes()), size)
        if frames is None:
            check_memory(node.name, [[len(rows), *image.shape]])
            frames = np.empty((len(rows), *image.shape), np.uint8)
        frames[i] = image[..., ::-1]
    assert frames is not None  # an episode of no steps is refused before
    return frames


def _digest(group: h5py.Group, digest: Any) -> None:
    """Names, types and content of all that is below a group."""
    for name in sorted(member_names(group)):
        node = find_node(group, name)
        digest.update(f"{name} {type(node).__name__}".encode())
        if isinstance(node, h5py.Group):
            _digest(node, digest)
        elif isinstance(node, h5py.Dataset) and node.dtype.kind in "fiub":
            digest.update(f"{node.shape} {node.dtype}".encode())
            digest.update(np.ascontiguousarray(read_rows(node)).data)
    attributes = {name: attribute(group, name) for name in (*RATES, *TASKS, *NAMES, "success")}
    digest.update(repr({k: v for k, v in attributes.items() if v is not None}).encode())
