"""A dataset's frames, decoded once into memory-mapped arrays.

Training draws frames at random, which compressed files are slow at. The cache is a folder beside
the episodes: one .npy per camera with all frames of all episodes one after the other (uint8, at the
network's size), opened as memory maps, so it may be larger than memory. It is rebuilt when an
episode file or the downscaling changes.

    episode lengths 3, 2   starts [0, 3, 5]
    frame                  0 1 2 | 3 4
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from act_training.datasets.downscale import downscale_images, downscaled_size
from act_training.datasets.episode_file import Episode, episode_files, read_episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.starts import placements_of
from act_training.features import Features

META_FILE = "cache.json"
VERSION = 1  # of the layout; another one is rebuilt


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
        images: per camera a memory map (N, h, w, 3) uint8, downscaled.
        placements: (E, P) float64; P is 0 when nothing was recorded.
        sha256: of the episodes' content, independent of file names and compression.
    """

    features: Features
    task: str
    files: tuple[str, ...]
    starts: NDArray[np.int64]
    joints: NDArray[np.float32]
    actions: NDArray[np.float32]
    images: Mapping[str, NDArray[np.uint8]]
    placements: NDArray[np.float64]
    sha256: str

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


def open_frame_cache(folder: Path, downscale: int = 1) -> FrameCache:
    """Return the cache of the dataset in `folder`, building it if it is missing or stale.

    Raises DatasetError when an episode cannot be read or differs from the first in names, units,
    image sizes or rate.
    """
    files = episode_files(folder)
    cache = folder / f".frame_cache_{downscale}"
    names = tuple(f.relative_to(folder).as_posix() for f in files)
    stats = [(name, f.stat()) for name, f in zip(names, files, strict=True)]
    fingerprint = [VERSION, *([name, s.st_size, s.st_mtime_ns] for name, s in stats)]
    try:
        meta = json.loads((cache / META_FILE).read_text())
    except (OSError, ValueError):
        meta = {}
    if meta.get("fingerprint") != fingerprint:
        _build(cache, files, fingerprint, downscale)
        meta = json.loads((cache / META_FILE).read_text())
    features = Features.from_json(meta["features"])
    return FrameCache(
        features=features,
        task=meta["task"],
        files=names,
        starts=np.load(cache / "starts.npy"),
        joints=np.load(cache / "joints.npy"),
        actions=np.load(cache / "actions.npy"),
        images={
            name: np.load(cache / f"images_{name}.npy", mmap_mode="r")
            for name in features.camera_names
        },
        placements=np.load(cache / "placements.npy"),
        sha256=meta["sha256"],
    )


def check_same_features(expected: Features, found: Features, path: Path) -> None:
    """DatasetError with every difference, if `path` does not fit the rest of its dataset."""
    differences = expected.differences(found)
    if differences:
        raise DatasetError(
            f"{path} does not fit the other episodes ({'; '.join(differences)}): move it to a "
            "dataset of its own"
        )


def _build(cache: Path, files: list[Path], fingerprint: list, downscale: int) -> None:
    partial = cache.with_name(f"{cache.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    episodes = [read_episode(path, with_images=False) for path in files]
    features = episodes[0].features
    for path, episode in zip(files, episodes, strict=True):
        check_same_features(features, episode.features, path)
    starts = np.cumsum([0, *(len(episode) for episode in episodes)])
    shapes = {
        camera.name: (
            int(starts[-1]), *downscaled_size(camera.height, camera.width, downscale), 3
        )
        for camera in features.cameras
    }  # fmt: skip
    _check_space(cache.parent, sum(math.prod(shape) for shape in shapes.values()))
    maps = {
        name: np.lib.format.open_memmap(
            partial / f"images_{name}.npy", mode="w+", dtype=np.uint8, shape=shape
        )
        for name, shape in shapes.items()
    }
    digest = hashlib.sha256(json.dumps(features.to_json()).encode())
    for path, start in zip(tqdm(files, desc="decoding", unit="episode"), starts, strict=False):
        episode = read_episode(path)
        _digest(digest, episode)
        for name, frames in maps.items():
            frames[start : start + len(episode)] = downscale_images(episode.images[name], downscale)
    for frames in maps.values():
        frames.flush()
    np.save(partial / "starts.npy", starts)
    np.save(partial / "joints.npy", np.concatenate([episode.joints for episode in episodes]))
    np.save(partial / "actions.npy", np.concatenate([episode.actions for episode in episodes]))
    np.save(partial / "placements.npy", placements_of(episodes))
    meta = {
        "fingerprint": fingerprint,
        "features": features.to_json(),
        "task": ", ".join(sorted({episode.task for episode in episodes})),
        "sha256": digest.hexdigest(),
    }
    (partial / META_FILE).write_text(json.dumps(meta))
    shutil.rmtree(cache, ignore_errors=True)
    os.replace(partial, cache)


def _check_space(folder: Path, needed: int) -> None:
    """Writing to a memory map on a full disk kills the process, so ask before."""
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
