"""Whether a camera shows what it showed in training: names that were swapped, an image on its head.

Pictures are compared coarsely, as 12 x 16 grey cells without their mean: light and objects differ
from day to day, the frame of table, wall and arm does not.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

CELLS = (12, 16)
MARGIN = 0.15  # of correlation, by which another view must fit better to be named
UNLIKE = 0.2

TURNS = {
    "upside down": lambda cells: cells[::-1, ::-1],
    "mirrored": lambda cells: cells[:, ::-1],
}


def cells(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(12, 16) mean greys of an image (H, W, 3) of at least that size; brightest first removed."""
    grey = image.mean(axis=-1)
    rows = np.array_split(np.arange(grey.shape[0]), CELLS[0])
    columns = np.array_split(np.arange(grey.shape[1]), CELLS[1])
    means = np.array([[grey[np.ix_(r, c)].mean() for c in columns] for r in rows])
    return means - means.mean()


def likeness(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Correlation of two pictures as cells, -1 to 1; 0 where one of them shows nothing."""
    size = np.linalg.norm(one) * np.linalg.norm(other)
    return float((one * other).sum() / size) if size > 0 else 0.0


def odd_view(
    camera: str, image: NDArray[np.uint8], known: Mapping[str, NDArray[np.uint8]]
) -> str | None:
    """What is odd about a picture of ``camera``, or None.

    Args:
        image: (H, W, 3).
        known: recorded pictures (N, H, W, 3) by camera, those of ``camera`` among them.
    """
    if min(image.shape[:2]) < max(CELLS) or min(known[camera].shape[1:3]) < max(CELLS):
        return None  # too small to tell
    seen = cells(image)
    if not seen.any():
        return f"{camera} shows one plain colour"

    def best(name: str, picture: NDArray[np.float64]) -> float:
        return max(likeness(picture, cells(each)) for each in known[name])

    own = best(camera, seen)
    others = {
        f"'{name}' of the policy": best(name, seen)
        for name in known
        if name != camera and min(known[name].shape[1:3]) >= max(CELLS)
    }
    turned = {f"its own view {how}": best(camera, turn(seen)) for how, turn in TURNS.items()}
    fits = {**others, **turned}
    nearest = max(fits, key=lambda name: fits[name])
    if fits[nearest] > max(own, UNLIKE) + MARGIN:
        return f"{camera} looks like {nearest} ({fits[nearest]:.2f}, like its own {own:.2f})"
    if own < UNLIKE:
        return f"{camera} looks unlike anything in the policy's recordings ({own:.2f})"
    return None
