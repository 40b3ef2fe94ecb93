"""Whether a dataset's episodes start differently from each other.

A policy that has only seen one placement of the objects learns to play one motion back. Its losses
look perfect and its success rate on fresh placements is zero, so such data is refused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from act_training.datasets.episode_file import Episode
from act_training.datasets.errors import DatasetError

RESOLUTION = 1e-6  # placements (m, rad) closer than this are one placement


def placements_of(episodes: list[Episode]) -> NDArray[np.float64]:
    """(E, P) where things were put; P is 0 unless all episodes recorded the same."""
    if len({tuple(episode.placement) for episode in episodes}) > 1:
        return np.zeros((len(episodes), 0))
    return np.array([list(episode.placement.values()) for episode in episodes], dtype=np.float64)


def distinct_starts(starts: NDArray[np.floating]) -> int:
    """How many different rows `starts` (E, P) has, at `RESOLUTION`."""
    return len(np.unique(np.round(np.asarray(starts, dtype=np.float64) / RESOLUTION), axis=0))


def check_starts_vary(placements: NDArray[np.floating], first_joints: NDArray[np.floating]) -> None:
    """DatasetError unless two episodes start differently.

    Args:
        placements: (E, P) where objects and goals were; P = 0 when nobody recorded it.
        first_joints: (E, J), looked at when there are no placements.
    """
    starts, what = (placements, "placement of objects and goals")
    if placements.shape[1] == 0:
        starts, what = first_joints, "starting pose (object placements were not recorded)"
    if distinct_starts(starts) > 1:
        return
    episodes = "the only episode" if len(starts) == 1 else f"all {len(starts)} episodes"
    raise DatasetError(
        f"{episodes} of this dataset share one {what}: "
        f"{np.array2string(starts[0], precision=4)}. A policy trained on it repeats one motion and "
        "fails everywhere else. Collect with a fresh placement per seed; if one placement is "
        "really meant, say --allow-identical-starts"
    )
