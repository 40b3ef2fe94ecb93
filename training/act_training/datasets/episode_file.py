"""One episode, one HDF5 file.

    episode_000042.hdf5         42 is the seed (or a running number)
      attributes                format, version, task, seed, success, sim, rate_hz,
                                joint_names, joint_units, action_names, action_units, camera_names,
                                placement_names, begun_by, source
      /action                   (T, A) float32, absolute targets; row t belongs to observation t
      /observations/qpos        (T, J) float32
      /observations/qvel        (T, J) float32, only if velocities were recorded
      /observations/images/NAME (T, H, W, 3) uint8, red first; one chunk per frame, gzip
      /stamps_ns                (T,) int64, capture times
      /intervention             (T,) uint8, 1 where a person had taken the arm over; only if any
      /placement                (P,) float64, where the task put things at the start (may be empty)

It extends the layout of tonyzhaozh/act, so tools for that read it. A file appears under its name
only when it is complete: an interrupted collection leaves whole episodes and nothing else.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from act_core.files import write_file
from numpy.typing import NDArray

from act_training.datasets.errors import DatasetError
from act_training.datasets.foreign_values import seed, storable, truth
from act_training.datasets.hdf5_file import attribute, find_node, open_file, read_rows
from act_training.features import Camera, Features

FORMAT = "act-episode"
VERSION = 1
MEMORY_BLOCK = 2**23  # bytes by which a file in memory grows
GZIP_LEVEL = 1  # the fastest: higher ones gain a few per cent of size


@dataclass(frozen=True)
class Episode:
    """A recorded episode of T steps; see the file layout for shapes.

    Attributes:
        seed: of the environment, or the number of a recording.
        success: None when nobody judged.
        images: per camera; empty when read without images.
        placement: start of what the task moves around, by name; for reports, never for training.
        simulated: whether it is known to have been recorded in simulation.
        begun_by: the policy that drove before the recording began, "" for one from the start.
        intervention: (T,) where a person had taken the arm over from the policy; all False where
            that is not known.
        source: of an imported one, the SHA-256 of what it was made of; "" where it was recorded.
    """

    features: Features
    task: str
    seed: int
    success: bool | None
    joints: NDArray[np.float32]
    actions: NDArray[np.float32]
    stamps_ns: NDArray[np.int64]
    images: Mapping[str, NDArray[np.uint8]]
    joint_velocities: NDArray[np.float32] | None = None
    placement: Mapping[str, float] = field(default_factory=dict)
    simulated: bool = False
    begun_by: str = ""
    source: str = ""
    intervention: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def __post_init__(self) -> None:
        if not len(self.intervention):
            object.__setattr__(self, "intervention", np.zeros(len(self), dtype=bool))
        expected: dict[str, tuple[NDArray, tuple[int, ...]]] = {
            "joints": (self.joints, (len(self), len(self.features.joints))),
            "actions": (self.actions, (len(self), len(self.features.actions))),
            "stamps_ns": (self.stamps_ns, (len(self),)),
            "intervention": (self.intervention, (len(self),)),
        }
        if self.joint_velocities is not None:
            expected["joint velocities"] = (self.joint_velocities, self.joints.shape)
        for camera in self.features.cameras if self.images else ():
            if camera.name not in self.images:
                there = ", ".join(self.images)
                raise DatasetError(f"no images of camera '{camera.name}', there are: {there}")
            size = (len(self), camera.height, camera.width, 3)
            expected[f"images of '{camera.name}'"] = (self.images[camera.name], size)
        for name, (array, shape) in expected.items():
            if name.startswith("images") and array.dtype != np.uint8:
                raise DatasetError(f"{name} are {array.dtype}, expected uint8")
            if array.shape != shape:
                raise DatasetError(f"{name} have shape {array.shape}, expected {shape}")
        if len(self) == 0:
            raise DatasetError("the episode has no steps")
        for name in ("joints", "actions", "joint_velocities"):
            values = getattr(self, name)
            if values is not None and not np.isfinite(values).all():
                raise DatasetError(f"{name.replace('_', ' ')} hold values that are not finite")
        features = self.features
        names = (*features.joints, *features.actions, *features.joint_units, *features.action_units)
        for text in (self.task, *names, *features.camera_names):
            if storable(text) != text:
                raise DatasetError(f"{text!a} holds signs that no file can hold")
        if not all(map(math.isfinite, self.placement.values())):
            raise DatasetError("placement holds values that are not finite")

    def __len__(self) -> int:
        return len(self.actions)


def takeovers(episode: Episode) -> NDArray[np.int64]:
    """The steps at which a person took over: the first of each time, but for one that begins with
    the episode."""
    taken = episode.intervention.astype(np.int8)
    return np.flatnonzero(np.diff(taken) > 0) + 1


def episode_path(folder: Path, seed: int) -> Path:
    return folder / f"episode_{seed:06d}.hdf5"


def episode_files(folder: Path) -> list[Path]:
    """The episodes in `folder` and its sub-folders by name; DatasetError if there are none."""
    files = sorted(folder.rglob("episode_*.hdf5"))
    if not files:
        why = "it holds no episode_*.hdf5" if folder.is_dir() else "there is no such folder"
        raise DatasetError(f"'{folder}' is not a dataset: {why}; make one with act-collect")
    return files


def write_episode(path: Path, episode: Episode) -> None:
    """Write `episode` to `path`, all or nothing; OSError (a full disk) leaves no file behind."""
    write_content(path, episode_content(episode))


def episode_content(episode: Episode) -> bytes:
    """What the file of an episode holds.

    It is made in memory: HDF5 that meets a full disk while it closes a file says so in many lines,
    and keeps the file open.
    """
    with h5py.File(
        "episode", "w", driver="core", backing_store=False, block_size=MEMORY_BLOCK
    ) as file:
        _write(file, episode)
        file.flush()
        return file.id.get_file_image()


def write_content(path: Path, content: bytes) -> None:
    """`write_episode` for what `episode_content` gave, perhaps on another machine."""
    try:
        write_file(path, content)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{path} could not be written ({error.strerror}); earlier episodes are whole",
        ) from error


def _write(file: h5py.File, episode: Episode) -> None:
    features = episode.features
    file.attrs.update(
        format=FORMAT,
        version=VERSION,
        task=episode.task,
        seed=episode.seed,
        rate_hz=features.rate_hz,
        joint_names=list(features.joints),
        joint_units=list(features.joint_units),
        action_names=list(features.actions),
        action_units=list(features.action_units),
        camera_names=list(features.camera_names),
        placement_names=list(episode.placement),
        sim=episode.simulated,
        begun_by=episode.begun_by,
        source=episode.source,
    )
    if episode.success is not None:
        file.attrs["success"] = episode.success
    file["action"] = episode.actions
    file["observations/qpos"] = episode.joints
    if episode.joint_velocities is not None:
        file["observations/qvel"] = episode.joint_velocities
    file["stamps_ns"] = episode.stamps_ns
    if episode.intervention.any():
        file["intervention"] = episode.intervention.astype(np.uint8)
    file["placement"] = np.array(list(episode.placement.values()), dtype=np.float64)
    for camera in features.camera_names:
        _write_images(file, f"observations/images/{camera}", episode.images[camera])


def _write_images(file: h5py.File, name: str, images: NDArray[np.uint8]) -> None:
    """Images (T, H, W, 3), each compressed on its own, by as many threads as there are cores:
    HDF5 itself would take one after the other."""
    dataset = file.create_dataset(
        name, images.shape, images.dtype, chunks=(1, *images.shape[1:]),
        compression="gzip", compression_opts=GZIP_LEVEL,
    )  # fmt: skip
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        packed = pool.map(lambda image: zlib.compress(image.tobytes(), GZIP_LEVEL), images)
        for row, data in enumerate(packed):
            dataset.id.write_direct_chunk((row, 0, 0, 0), data)


def read_episode(path: Path, *, with_images: bool = True) -> Episode:
    """Read an episode; DatasetError names the file when it is truncated, foreign or incomplete."""
    try:
        with open_file(path) as file:
            return _read(file, with_images)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        why = error.args[0] if isinstance(error, KeyError) and error.args else error
        raise DatasetError(
            f"{path} is not an episode of this project: {why}; delete it or leave it out"
        ) from error
    except (OSError, RuntimeError) as error:
        raise DatasetError(
            f"{path} cannot be read ({error}): it is probably truncated; delete it, or collect "
            "its seed again"
        ) from error


def read_source(path: Path) -> str | None:
    """`Episode.source` of a file; None for one that cannot be read to the end."""
    try:
        return read_episode(path, with_images=False).source
    except DatasetError:
        return None


def read_first_image(path: Path, camera: str) -> NDArray[np.uint8]:
    """(H, W, 3) the first image of `camera` in a readable episode."""
    with open_file(path) as file:
        return file[f"observations/images/{camera}"][0]


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    node = find_node(file, name)
    if not isinstance(node, h5py.Dataset):
        raise KeyError(f"there is no '{name}' in it")
    return node


def _rows(file: h5py.File, name: str) -> NDArray:
    """All of a dataset, once it is known that so much is stored in the file."""
    return read_rows(_dataset(file, name))


def _read(file: h5py.File, with_images: bool) -> Episode:
    attributes = file.attrs
    if attributes.get("format") != FORMAT or attributes["version"] != VERSION:
        got = f"{attributes.get('format')!r} version {attributes.get('version')}"
        raise DatasetError(f"format is {got}, expected {FORMAT!r} version {VERSION}")
    for name in attributes:
        attribute(file, name)  # is short
    names = tuple(map(str, attributes["camera_names"]))
    images = {name: _dataset(file, f"observations/images/{name}") for name in names}
    features = Features(
        joints=tuple(attributes["joint_names"]),
        joint_units=tuple(attributes["joint_units"]),
        actions=tuple(attributes["action_names"]),
        action_units=tuple(attributes["action_units"]),
        cameras=tuple(Camera(name, *map(int, images[name].shape[1:3])) for name in names),
        rate_hz=float(attributes["rate_hz"]),
    )
    has_velocities = find_node(file, "observations/qvel") is not None
    has_interventions = find_node(file, "intervention") is not None
    taken_over = _rows(file, "intervention").astype(bool) if has_interventions else None
    return Episode(
        features=features,
        task=str(attributes["task"]),
        seed=seed("the seed", attributes["seed"]),
        success=truth("success", attributes["success"]) if "success" in attributes else None,
        joints=_rows(file, "observations/qpos").astype(np.float32),
        actions=_rows(file, "action").astype(np.float32),
        stamps_ns=_rows(file, "stamps_ns"),
        images={name: read_rows(images[name]) for name in names} if with_images else {},
        joint_velocities=_rows(file, "observations/qvel") if has_velocities else None,
        placement=dict(zip(attributes["placement_names"], _rows(file, "placement"), strict=True)),
        simulated=truth("sim", attributes["sim"]),
        begun_by=str(attributes.get("begun_by", "")),
        source=str(attributes.get("source", "")),
        intervention=np.zeros(0, dtype=bool) if taken_over is None else taken_over,
    )
