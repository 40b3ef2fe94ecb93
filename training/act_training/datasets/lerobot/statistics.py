"""Statistics of a LeRobotDataset, per episode and of all: min, max, mean, std, count, quantiles.

Vectors are summarised from their rows. Images are summarised per colour in 0..1 from a sample of
frames and pixels, held as histograms of the 256 values, which add up exactly over episodes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Stats = Mapping[str, NDArray]

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
SAMPLE_POWER = 0.75  # of the number of frames, within these bounds; as LeRobot samples
SAMPLE_MINIMUM, SAMPLE_MAXIMUM = 100, 10_000
LARGE_SIDE, SAMPLED_SIDE = 300, 150  # pixels: larger images are thinned out to about the second
LEVELS = np.arange(256) / 255


def vector_stats(rows: NDArray) -> Stats:
    """Of rows (N,) or (N, n); each value has shape (n,), n = 1 for (N,)."""
    rows = np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)
    return {
        "min": rows.min(axis=0),
        "max": rows.max(axis=0),
        "mean": rows.mean(axis=0),
        "std": rows.std(axis=0),
        "count": np.array([len(rows)]),
        **{name: np.quantile(rows, q, axis=0) for name, q in QUANTILES.items()},
    }


def sample_rows(count: int) -> NDArray[np.int64]:
    """Which of `count` frames to look at, spread evenly: all up to 100, then count ^ 0.75."""
    wanted = int(np.clip(count**SAMPLE_POWER, min(count, SAMPLE_MINIMUM), SAMPLE_MAXIMUM))
    return np.round(np.linspace(0, count - 1, wanted)).astype(np.int64)


def image_histogram(frames: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(3, 256) how often each colour has each value, in frames (T, H, W, 3) or a sample of them."""
    height, width = frames.shape[1:3]
    step = max(height, width) // SAMPLED_SIDE if max(height, width) >= LARGE_SIDE else 1
    sample = frames[sample_rows(len(frames)), ::step, ::step]
    return np.stack([np.bincount(sample[..., c].ravel(), minlength=256) for c in range(3)])


def image_stats(histogram: NDArray[np.int64], frames: int) -> Stats:
    """Of a histogram (3, 256) over `frames` frames; each value has shape (3, 1, 1), in 0..1."""
    shares = histogram / histogram.sum(axis=1, keepdims=True)
    mean = shares @ LEVELS
    below = np.cumsum(shares, axis=1)
    values = {
        "min": LEVELS[(histogram > 0).argmax(axis=1)],
        "max": LEVELS[255 - (histogram[:, ::-1] > 0).argmax(axis=1)],
        "mean": mean,
        "std": np.sqrt(np.maximum(shares @ LEVELS**2 - mean**2, 0)),
        **{name: LEVELS[(below >= q - 1e-12).argmax(axis=1)] for name, q in QUANTILES.items()},
    }
    return {
        **{name: value.reshape(3, 1, 1) for name, value in values.items()},
        "count": np.array([frames]),
    }


def flat_stats(stats: Mapping[str, Stats]) -> dict[str, list]:
    """Columns "stats/<feature>/<statistic>" of the table of episodes, for one episode."""
    return {
        f"stats/{feature}/{name}": value.tolist()
        for feature, values in stats.items()
        for name, value in values.items()
    }


class RunningStats:
    """Statistics of all episodes together: of every row, and of all sampled pixels."""

    def __init__(self) -> None:
        self._rows: dict[str, list[NDArray]] = {}
        self._histograms: dict[str, NDArray[np.int64]] = {}
        self._frames = 0

    def add(
        self, columns: Mapping[str, NDArray], images: Mapping[str, NDArray[np.uint8]]
    ) -> dict[str, Stats]:
        """Take an episode in; returns the statistics of it alone.

        Args:
            columns: per feature rows (T,) or (T, n).
            images: per camera feature (T, H, W, 3).
        """
        stats = {}
        for name, rows in columns.items():
            self._rows.setdefault(name, []).append(rows)
            stats[name] = vector_stats(rows)
        sampled = len(sample_rows(len(next(iter(columns.values())))))
        for name, frames in images.items():
            histogram = image_histogram(frames)
            self._histograms[name] = self._histograms.get(name, 0) + histogram
            stats[name] = image_stats(histogram, sampled)
        self._frames += sampled
        return stats

    def of_all(self) -> dict[str, Stats]:
        """Statistics of every episode added."""
        vectors = {name: vector_stats(np.concatenate(r)) for name, r in self._rows.items()}
        return vectors | {
            name: image_stats(histogram, self._frames)
            for name, histogram in self._histograms.items()
        }
