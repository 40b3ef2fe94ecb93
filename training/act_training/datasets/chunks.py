"""Training samples: an observation and the chunk of actions that followed it.

Episode of 5 steps, chunk size 4, sample at step 3:

    step      3   4   -   -
    action   a3  a4  a4  a4      the last action is repeated beyond the end
    is_pad    0   0   1   1      and masked
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from act_training.datasets.frame_cache import FrameCache


class Batch(NamedTuple):
    """B samples in raw units; see `TrainablePolicy`."""

    joints: Tensor  # (B, J) float32, or (B, T, J) of several observation steps
    images: list[Tensor]  # per camera (B, h, w, 3) uint8, or (B, T, h, w, 3)
    actions: Tensor  # (B, K, A) float32
    is_pad: Tensor  # (B, K) bool

    def to(self, device: torch.device) -> Batch:
        def move(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=True)

        return Batch(
            move(self.joints), [move(i) for i in self.images], move(self.actions), move(self.is_pad)
        )


class Split(NamedTuple):
    """Indices of the episodes to train on and of those held out."""

    training: NDArray[np.int64]
    validation: NDArray[np.int64]


def split_episodes(count: int, fraction: float, seed: int) -> Split:
    """Hold out `fraction` of `count` episodes at random; above 0 one at least, if there are two."""
    order = np.random.default_rng((seed, 0)).permutation(count)
    held_out = min(max(1, round(fraction * count)) if fraction > 0 else 0, count - 1)
    return Split(np.sort(order[held_out:]), np.sort(order[:held_out]))


class ChunkSampler:
    """Draws batches from some episodes of a cache.

    Args:
        cache: the frames.
        episodes: indices of the episodes to draw from.
        chunk_size: K.
        skip: so many frames before each take-over are left out: what the policy did wrong. They
            begin no sample, and a chunk ends before them as it does at the end of an episode.
        obs_steps: T, the frame itself and those before it, the oldest first; before an episode's
            first frame there is that one again.
    """

    def __init__(
        self,
        cache: FrameCache,
        episodes: NDArray[np.int64],
        chunk_size: int,
        skip: int = 0,
        obs_steps: int = 1,
    ) -> None:
        self._cache = cache
        self._chunk_size = chunk_size
        self._obs_steps = obs_steps
        whole = cache.frames(episodes)
        left_out, self._ends = _left_out(cache, skip)
        self.frames = whole[~left_out[whole]]  # (n,)
        self.skipped = len(whole) - len(self.frames)

    def draw(self, count: int, key: tuple[int, ...]) -> Batch:
        """`count` random samples; the same `key` (seed, step, ...) gives the same ones."""
        return self.batch(self.choose(count, key))

    def choose(self, count: int, key: tuple[int, ...]) -> NDArray[np.int64]:
        """The frames (count,) that `draw` draws."""
        return self.frames[np.random.default_rng(key).integers(len(self.frames), size=count)]

    def batch(self, frames: NDArray[np.int64]) -> Batch:
        """The samples that start at `frames` (B,)."""
        cache = self._cache
        ends = self._ends[np.searchsorted(self._ends, frames, side="right")]  # (B,)
        rows = frames[:, None] + np.arange(self._chunk_size)  # (B, K)
        is_pad = rows >= ends[:, None]
        rows = np.minimum(rows, ends[:, None] - 1)
        seen = frames  # (B,), or (B, T)
        if self._obs_steps > 1:
            first = cache.starts[np.searchsorted(cache.starts, frames, side="right") - 1]
            seen = frames[:, None] - np.arange(self._obs_steps)[::-1]
            seen = np.maximum(seen, first[:, None])
        return Batch(
            torch.from_numpy(cache.joints[seen]),
            [_rows(cache.images[name], seen) for name in cache.features.camera_names],
            torch.from_numpy(cache.actions[rows]),
            torch.from_numpy(is_pad),
        )


def _rows(images: NDArray[np.uint8] | Tensor, rows: NDArray[np.int64]) -> Tensor:
    """`images[rows]`, where the images are: in memory, on disk, or on a device."""
    if isinstance(images, Tensor):
        return images[torch.from_numpy(rows).to(images.device)]
    return torch.from_numpy(images[rows])


def _left_out(cache: FrameCache, skip: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which frames are left out (N,), and where chunks end, in order: episodes, and those."""
    left_out = np.zeros(int(cache.starts[-1]), dtype=bool)
    ends = [cache.starts]
    for frame in cache.takeovers if skip else ():
        begin = cache.starts[np.searchsorted(cache.starts, frame, side="right") - 1]
        first = max(int(begin), frame - skip)
        left_out[first:frame] = True
        ends.append(np.array([first, frame]))
    return left_out, np.unique(np.concatenate(ends))
