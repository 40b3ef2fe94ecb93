"""A dataset's frames, decoded once into memory-mapped arrays.

Training draws frames at random, which compressed files are slow at. The cache is a folder beside
the episodes: one .npy per camera with all frames of all episodes one after the other (uint8, at the
network's size), opened as memory maps, so it may be larger than memory. It is rebuilt when an
episode file or the downscaling changes, or when its content is not what was written: `cache.json`
has a CRC-32 of every episode in every array, which are compared whenever it is opened.

    episode lengths 3, 2   starts [0, 3, 5]
    frame                  0 1 2 | 3 4
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import logging
import math
import os
import shutil
import zlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from act_core.files import lock, read_json, replacing, settle, write_json
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from act_training.datasets.downscale import downscale_images, downscaled_size
from act_training.datasets.episode_file import (
    Episode,
    episode_files,
    read_episode,
    takeovers,
)
from act_training.datasets.errors import DatasetError
from act_training.datasets.starts import placements_of
from act_training.features import Features

META_FILE = "cache.json"
VERSION = 2  # of the layout; another one is rebuilt
UPLOADED_FRAMES = 4096  # at once: what is copied on the way to a GPU stays small

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FrameCache:
    """All N frames of E episodes.

    Attributes:
        features: of the dataset; camera sizes before downscaling.
        task: of the episodes, several joined by ", ".
        files: each episode's file, relative to the dataset's folder.
        starts: (E + 1,) first frame of each episode, and N.
        joints: (N, J) float32.
        actions: (N, A) float32.
        images: per camera (N, h, w, 3) uint8, downscaled: a memory map, or a tensor on a GPU.
        placements: (E, P) float64; P is 0 when nothing was recorded.
        takeovers: the frames at which a person took the arm over from the policy.
        sha256: of the episodes' content, independent of file names and compression.
    """

    features: Features
    task: str
    files: tuple[str, ...]
    starts: NDArray[np.int64]
    joints: NDArray[np.float32]
    actions: NDArray[np.float32]
    images: Mapping[str, NDArray[np.uint8] | Tensor]
    placements: NDArray[np.float64]
    sha256: str
    takeovers: tuple[int, ...] = ()

    def episodes(self, files: tuple[str, ...]) -> NDArray[np.int64]:
        """Indices of the episodes in these files; DatasetError for one that is not there."""
        for name in files:
            if name not in self.files:
                raise DatasetError(
                    f"episode {name} is not in the dataset any more: was it renamed?"
                )
        return np.array([self.files.index(name) for name in files])

    def frames(self, episodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The frames of the episodes with these indices."""
        return np.concatenate([np.arange(self.starts[e], self.starts[e + 1]) for e in episodes])

    @property
    def image_bytes(self) -> int:
        """What all its frames take."""
        return sum(images.nbytes for images in self.images.values())

    def on(self, device: torch.device) -> FrameCache:
        """The same with its frames in the memory of `device`."""
        images = {}
        for name, rows in self.images.items():
            images[name] = torch.empty(rows.shape, dtype=torch.uint8, device=device)
            for part in range(0, len(rows), UPLOADED_FRAMES):
                there = slice(part, part + UPLOADED_FRAMES)
                images[name][there] = torch.from_numpy(np.array(rows[there]))
        return dataclasses.replace(self, images=images)


def open_frame_cache(folder: Path, downscale: int = 1) -> FrameCache:
    """Return the cache of the dataset in `folder`, building it if it is missing, stale or damaged.

    One process builds it, others wait for it. Everything in it is compared with its checksums.

    Raises DatasetError when an episode cannot be read or differs from the first in names, units,
    image sizes or rate.
    """
    files = episode_files(folder)
    cache = folder / f".frame_cache_{downscale}"
    settle(cache)
    with suppress(_UnusableError):
        return _read(cache, folder, files, downscale)
    with lock(folder / f"{cache.name}.build", f"the frame cache of '{folder}'", wait=True):
        try:
            return _read(cache, folder, files, downscale)  # that somebody else has built meanwhile
        except _UnusableError as error:
            if error.is_damage:
                log.warning(f"the frame cache {cache} is damaged and is built anew: {error}")
        with replacing(cache) as new:
            new.mkdir()
            _build(new, folder, files, downscale)
        try:
            return _read(cache, folder, files, downscale)
        except _UnusableError as error:
            raise DatasetError(
                f"the frame cache {cache} is not what was just written ({error}): does somebody "
                "write to this dataset? Else its disk is failing"
            ) from error


class _UnusableError(Exception):
    """There is no cache, or it is of other files (`is_damage` False), or it is damaged."""

    def __init__(self, text: str, *, is_damage: bool) -> None:
        super().__init__(text)
        self.is_damage = is_damage


def _fingerprint(folder: Path, files: list[Path]) -> list:
    """What tells that the dataset is still the one that a cache was made of."""
    stats = [(path.relative_to(folder).as_posix(), path.stat()) for path in files]
    return [VERSION, *([name, s.st_size, s.st_mtime_ns] for name, s in stats)]


def _read(cache: Path, folder: Path, files: list[Path], downscale: int) -> FrameCache:
    """The cache if it is of these files and whole, else _UnusableError."""
    if not cache.is_dir():
        raise _UnusableError("there is none", is_damage=False)
    try:
        meta = read_json(cache / META_FILE)
        if meta["fingerprint"] != _fingerprint(folder, files):
            raise _UnusableError("it is of other episodes", is_damage=False)
        return _read_arrays(cache, meta, downscale)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError) as error:
        raise _UnusableError(str(error), is_damage=True) from error


def _read_arrays(cache: Path, meta: dict[str, Any], downscale: int) -> FrameCache:
    """The cache; ValueError where an array is not the one that was written."""
    features = Features.from_json(meta["features"])
    starts = np.array(meta["starts"], dtype=np.int64)
    names = tuple(entry[0] for entry in meta["fingerprint"][1:])
    count = int(starts[-1])
    shapes = _shapes(features, count, downscale)
    expected: dict[str, tuple[tuple[int, ...], Any]] = {
        "joints": ((count, len(features.joints)), np.float32),
        "actions": ((count, len(features.actions)), np.float32),
        **{f"images_{name}": (shape, np.uint8) for name, shape in shapes.items()},
    }
    arrays = {}
    for name, (shape, dtype) in expected.items():
        array = np.load(cache / f"{name}.npy", mmap_mode="r" if np.prod(shape) else None)
        if array.shape != shape or array.dtype != dtype:
            raise ValueError(f"{name}.npy is {array.dtype} {array.shape}, expected {shape}")
        arrays[name] = array
    _check_sums(arrays, starts, meta["checksums"])
    return FrameCache(
        features=features,
        task=str(meta["task"]),
        files=names,
        starts=starts,
        joints=np.array(arrays["joints"]),
        actions=np.array(arrays["actions"]),
        images={name: arrays[f"images_{name}"] for name in features.camera_names},
        placements=np.array(meta["placements"], dtype=np.float64).reshape(len(names), -1),
        sha256=str(meta["sha256"]),
        takeovers=_takeovers_of(meta, count),
    )


def _takeovers_of(meta: dict[str, Any], count: int) -> tuple[int, ...]:
    """Those of the cache; a cache from before there were any has none."""
    found = tuple(int(frame) for frame in meta.get("takeovers", ()))
    if not all(0 <= frame < count for frame in found):
        raise ValueError(f"take-overs at {found}, expected frames of {count}")
    return found


def _shapes(features: Features, count: int, downscale: int) -> dict[str, tuple[int, ...]]:
    """Per camera the shape of its N frames."""
    return {
        camera.name: (count, *downscaled_size(camera.height, camera.width, downscale), 3)
        for camera in features.cameras
    }


def _check_sums(
    arrays: Mapping[str, NDArray], starts: NDArray[np.int64], sums: dict[str, list[int]]
) -> None:
    """ValueError for an array whose content is not what was written: an episode lost to a crash, a
    bad disk. Reads everything once, with all cores, at the speed of the disk."""
    parts = [(name, episode) for name in arrays for episode in range(len(starts) - 1)]

    def is_whole(part: tuple[str, int]) -> bool:
        name, episode = part
        rows = arrays[name][starts[episode] : starts[episode + 1]]
        return zlib.crc32(rows.data) == sums[name][episode]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = tqdm(pool.map(is_whole, parts), "checking", len(parts), delay=2.0, leave=False)
        for (name, episode), whole in zip(parts, results, strict=True):
            if not whole:
                raise ValueError(f"{name}.npy does not hold what was written of episode {episode}")


def check_same_features(expected: Features, found: Features, path: Path) -> None:
    """DatasetError with every difference, if `path` does not fit the rest of its dataset."""
    differences = expected.differences(found)
    if differences:
        raise DatasetError(
            f"{path} does not fit the other episodes ({'; '.join(differences)}): move it to a "
            "dataset of its own"
        )


def _build(new: Path, folder: Path, files: list[Path], downscale: int) -> None:
    """Write the cache of these episodes into the folder `new`."""
    fingerprint = _fingerprint(folder, files)
    episodes = [read_episode(path, with_images=False) for path in files]
    features = episodes[0].features
    for path, episode in zip(files, episodes, strict=True):
        check_same_features(features, episode.features, path)
    lengths = [len(episode) for episode in episodes]
    starts = np.cumsum([0, *lengths])
    shapes = _shapes(features, int(starts[-1]), downscale)
    _check_space(folder, sum(math.prod(shape) for shape in shapes.values()))
    digest = hashlib.sha256(json.dumps(features.to_json()).encode())
    sums: dict[str, list[int]] = {}
    # Written, not memory-mapped: a disk that fills up is an error then, and no end of the process.
    with ExitStack() as stack:
        outputs = {}
        for name, shape in shapes.items():
            outputs[name] = stack.enter_context(open(new / f"images_{name}.npy", "wb"))
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(outputs[name], header)
        # Side by side: the next one is read, this one is written, and digested.
        reading, digesting = (stack.enter_context(ThreadPoolExecutor(1)) for _ in range(2))
        following = reading.submit(read_episode, files[0])
        digested: Future[None] | None = None
        bar = tqdm(files, desc="decoding", unit="episode")
        for number, (path, length) in enumerate(zip(bar, lengths, strict=True)):
            episode = following.result()
            if number + 1 < len(files):
                following = reading.submit(read_episode, files[number + 1])
            if len(episode) != length:
                raise DatasetError(f"{path} changes while it is read: who writes there?")
            if digested is not None:
                digested.result()  # of the one before: three at most are in memory
            digested = digesting.submit(_digest, digest, episode)
            for name, output in outputs.items():
                frames = np.ascontiguousarray(downscale_images(episode.images[name], downscale))
                output.write(frames.data)
                sums.setdefault(f"images_{name}", []).append(zlib.crc32(frames.data))
        if digested is not None:
            digested.result()
    for name in ("joints", "actions"):
        rows = [np.ascontiguousarray(getattr(episode, name)) for episode in episodes]
        np.save(new / f"{name}.npy", np.concatenate(rows))
        sums[name] = [zlib.crc32(part.data) for part in rows]
    meta = {
        "fingerprint": fingerprint,
        "features": features.to_json(),
        "task": ", ".join(sorted({episode.task for episode in episodes})),
        "sha256": digest.hexdigest(),
        "starts": starts.tolist(),
        "placements": placements_of(episodes).tolist(),
        "checksums": sums,
        "takeovers": [
            int(frame + start)
            for episode, start in zip(episodes, starts, strict=False)
            for frame in takeovers(episode)
        ],
    }
    write_json(new / META_FILE, meta)


def _check_space(folder: Path, needed: int) -> None:
    """Say before the work that there is too little room for its result."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            errno.ENOSPC,
            f"the decoded frames need {needed / 1e9:.1f} GB, but {folder} has {free / 1e9:.1f} GB "
            "free: make room, or average pixels with --model.image-downscale",
        )


def _digest(digest: hashlib._Hash, episode: Episode) -> None:
    digest.update(f"{episode.task} {episode.seed} {episode.success}".encode())
    for array in (episode.joints, episode.actions, episode.stamps_ns, *episode.images.values()):
        digest.update(np.ascontiguousarray(array).data)
    if episode.intervention.any():
        digest.update(episode.intervention.tobytes())
