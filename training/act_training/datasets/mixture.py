"""Several datasets in one run, each with a weight: `act-train --data base:1 corrections:3`.

A dataset's share of the samples is its weight among all weights, however many episodes it has. The
share is kept in every batch to within one sample, and over a run to within a few (`allot`). What is
drawn at a step follows from the key of the step alone, so a resumed run draws what the unbroken one
would have.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from act_core.errors import ConfigurationError
from numpy.typing import NDArray

from act_training.datasets.chunks import Batch, ChunkSampler
from act_training.datasets.errors import DatasetError
from act_training.datasets.frame_cache import FrameCache
from act_training.datasets.starts import check_starts_vary

WEIGHT = re.compile(r"(?P<path>.+):(?P<weight>[^/:]+)")
# Multiples of it, modulo 1, are spread as evenly as can be (Niederreiter 1992, section 3.1).
STEP_TURN = (math.sqrt(5) - 1) / 2


class Source(NamedTuple):
    """A dataset as an option names it; the weight is None where none was given, which means 1."""

    path: Path
    weight: float | None


class Part(NamedTuple):
    """One of several processes that share a batch."""

    number: int
    of: int


def parse_source(option: Path) -> Source:
    """`folder`, `folder:weight` or the same with hf://owner/name for the folder.

    Raises ConfigurationError for a weight that is no positive number.
    """
    found = WEIGHT.fullmatch(str(option))
    if found is None or option.exists():
        return Source(option, None)
    try:
        weight = float(found["weight"])
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise ConfigurationError(
            f"--data {option}: the weight is '{found['weight']}', expected a number above 0, as in "
            f"{found['path']}:1"
        )
    return Source(Path(found["path"]), weight)


def check_apart(folders: Sequence[Path], caches: Sequence[FrameCache]) -> None:
    """ConfigurationError where two datasets share episodes: those held out of one would be trained
    on in the other."""
    places = [folder.resolve() for folder in folders]
    for i, j in ((i, j) for i in range(len(places)) for j in range(len(places)) if i != j):
        if places[i] == places[j] or caches[i].sha256 == caches[j].sha256:
            raise ConfigurationError(
                f"--data: {folders[i]} and {folders[j]} are the same dataset: name it once, with "
                "one weight"
            )
        if places[j].is_relative_to(places[i]):
            raise ConfigurationError(
                f"--data: {folders[j]} is a part of {folders[i]}: move it out, so that its "
                "episodes are in one dataset only"
            )


def check_alike(folders: Sequence[Path], caches: Sequence[FrameCache]) -> None:
    """DatasetError with every difference in names, units, image sizes and rate."""
    for folder, cache in zip(folders[1:], caches[1:], strict=True):
        differences = caches[0].features.differences(cache.features)
        if differences:
            raise DatasetError(
                f"{folder} does not fit {folders[0]}: {'; '.join(differences)}; one policy cannot "
                "be trained on both"
            )


def check_mixture_varies(caches: Sequence[FrameCache]) -> None:
    """`check_starts_vary` over the episodes of all datasets; where only some recorded placements,
    the joints are looked at."""
    placements = [cache.placements for cache in caches]
    joints = np.concatenate([cache.joints[cache.starts[:-1]] for cache in caches])
    if len({rows.shape[1] for rows in placements}) > 1:
        placements = [np.zeros((len(joints), 0))]
    check_starts_vary(np.concatenate(placements), joints)


def task_of(caches: Sequence[FrameCache]) -> str:
    """The tasks of all datasets, each once."""
    return ", ".join(sorted({task for cache in caches for task in cache.task.split(", ")}))


def allot(weights: NDArray[np.float64], count: int, turn: float) -> NDArray[np.int64]:
    """How many of `count` samples each dataset gives: its share of them, rounded up or down.

    Systematic sampling: evenly spaced points on a line of the shares. For weights 1 and 3 and six
    samples, whose share is 1.5 and 4.5:

        shares    |..........|..............................|
        turn 0.2   x      x       x      x      x      x         2 and 4
        turn 0.8        x      x      x      x      x      x     1 and 5

    Args:
        weights: (D,) above 0.
        turn: 0 <= turn < 1, where the points lie in their intervals.
    """
    ends = np.cumsum(weights) / np.sum(weights)  # (D,)
    points = (turn + np.arange(count)) / count
    chosen = np.minimum(np.searchsorted(ends, points, side="right"), len(weights) - 1)
    return np.bincount(chosen, minlength=len(weights))


class Mixture:
    """Draws batches from several datasets by their weights.

    Args:
        samplers: one for each dataset.
        weights: as many, above 0.
    """

    def __init__(self, samplers: Sequence[ChunkSampler], weights: Sequence[float]) -> None:
        self._samplers = tuple(samplers)
        self._weights = np.array(weights, dtype=np.float64)

    def draw(self, count: int, key: tuple[int, ...], part: Part | None = None) -> Batch:
        """`count` random samples; the same `key` (seed, step) gives the same ones. With one dataset
        they are what `ChunkSampler.draw` gives.

        With a `part` they are this process's of the `count * part.of` that one process alone would
        have drawn: every `part.of`-th.
        """
        mine, of = part or Part(0, 1)
        if len(self._samplers) == 1:
            (sampler,) = self._samplers
            return sampler.batch(sampler.choose(count * of, key)[mine::of])
        _seed, step = key[:2]
        counts = allot(self._weights, count * of, step * STEP_TURN % 1.0)
        parts, before = [], 0
        for number, (sampler, n) in enumerate(zip(self._samplers, counts, strict=True)):
            chosen = sampler.choose(int(n), (*key, number))[(mine - before) % of :: of]
            before += int(n)
            if len(chosen):
                parts.append(sampler.batch(chosen))
        return join(parts)

    @property
    def parts(self) -> list[tuple[float, ChunkSampler]]:
        """Each dataset's share of the samples, and its own sampler."""
        shares = self._weights / self._weights.sum()
        return list(zip(shares.tolist(), self._samplers, strict=True))


def join(parts: Sequence[Batch]) -> Batch:
    """One batch of several."""
    if len(parts) == 1:
        return parts[0]
    return Batch(
        torch.cat([part.joints for part in parts]),
        [torch.cat(images) for images in zip(*(part.images for part in parts), strict=True)],
        torch.cat([part.actions for part in parts]),
        torch.cat([part.is_pad for part in parts]),
    )
