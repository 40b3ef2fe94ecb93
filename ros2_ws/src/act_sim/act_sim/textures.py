"""Procedural textures: surfaces as they are found in homes, each from a small recipe.

A recipe is what an episode's record holds, e.g.

    {"kind": "wood", "seed": 7, "colours": [[0.6, 0.4, 0.2], [0.4, 0.25, 0.1]], "size_m": 0.7}

and always gives the same picture. Textures are meant to be repeated: their edges meet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from act_core.errors import ConfigurationError, suggest
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]  # (N, N), 0 to 1: how much of the second colour
Picture = NDArray[np.uint8]  # (N, N, 3) rgb


def _smooth_noise(rng: np.random.Generator, size: int, cells_y: int, cells_x: int) -> Field:
    """Noise with so many bumps along each axis."""
    grid = rng.random((cells_y, cells_x), dtype=np.float32)
    pixels = np.arange(size, dtype=np.float32) + 0.5
    x = np.tile(pixels * (cells_x / size) - 0.5, (size, 1))
    y = np.tile((pixels * (cells_y / size) - 0.5)[:, None], (1, size))
    smooth = cv2.remap(grid, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
    return smooth.clip(0.0, 1.0)


def _clouds(rng: np.random.Generator, size: int, coarsest: int = 3, octaves: int = 5) -> Field:
    total = np.zeros((size, size), dtype=np.float32)
    for octave in range(octaves):
        cells = min(coarsest * 2**octave, size // 2)
        total += _smooth_noise(rng, size, cells, cells) * 0.5**octave
    return total / total.max()


def _plain(rng: np.random.Generator, size: int) -> Field:
    return 0.15 * _clouds(rng, size) + 0.05 * rng.random((size, size), dtype=np.float32)


def _wood(rng: np.random.Generator, size: int) -> Field:
    """Planks along x, each with its own tone and with streaks of grain."""
    planks = int(rng.integers(2, 8))
    bent = 6.0 * _smooth_noise(rng, size, 3, 2)
    rows = np.arange(size, dtype=np.float32)[:, None]
    rings = 0.5 + 0.5 * np.sin(2.0 * np.pi * (bent + rows * (6 * planks) / size))
    fibres = _smooth_noise(rng, size, size // 2, 8)
    grain = 0.4 * rings + 0.5 * fibres
    plank = (np.arange(size) * planks) // size
    tone = rng.uniform(-0.2, 0.2, planks).astype(np.float32)[plank][:, None]
    seams = np.diff(plank, prepend=plank[-1]) != 0
    field = grain * 0.7 + tone + 0.15
    field[seams] = 1.3
    return field


def _cloth(rng: np.random.Generator, size: int) -> Field:
    """A weave of threads with small irregularities, and soft folds."""
    threads = int(rng.integers(40, 110))
    across = np.arange(size, dtype=np.float32) * (2.0 * np.pi * threads / size)
    weave = 0.5 + 0.25 * (np.sin(across)[:, None] + np.sin(across)[None, :])
    return 0.6 * weave + 0.25 * _clouds(rng, size) + 0.15 * rng.random((size, size))


def _stripes(rng: np.random.Generator, size: int) -> Field:
    edges = np.sort(rng.integers(0, size, 2 * int(rng.integers(2, 9))))
    band = (np.searchsorted(edges, np.arange(size), side="right") % 2).astype(np.float32)
    field = np.tile(band, (size, 1)) if rng.random() < 0.5 else np.tile(band[:, None], (1, size))
    return 0.85 * field + 0.1 * _clouds(rng, size)


def _checks(rng: np.random.Generator, size: int) -> Field:
    """Like a tablecloth: where bands cross, the colour is full."""
    cells = int(rng.integers(3, 14))
    band = ((np.arange(size) * 2 * cells // size) % 2).astype(np.float32)
    return 0.5 * (band[:, None] + band[None, :]) * 0.9 + 0.08 * _clouds(rng, size)


def _stone(rng: np.random.Generator, size: int) -> Field:
    """Clouds with veins, where they cross the middle."""
    clouds = _clouds(rng, size, coarsest=2, octaves=6)
    veins = np.exp(-(((_clouds(rng, size) - 0.5) / 0.015) ** 2))
    return 0.6 * clouds + 0.5 * veins


def _speckle(rng: np.random.Generator, size: int) -> Field:
    grains = rng.random((size, size)) < rng.uniform(0.02, 0.15)
    field = cv2.GaussianBlur(grains.astype(np.float32), (0, 0), rng.uniform(0.6, 1.6))
    return np.clip(2.5 * field, 0.0, 1.0) + 0.1 * _clouds(rng, size)


def _print(rng: np.random.Generator, size: int) -> Field:
    """Scattered shapes, as on oilcloth or wrapping paper."""
    field = np.zeros((size, size), dtype=np.float32)
    corners = int(rng.integers(3, 8))
    angles = np.linspace(0.0, 2.0 * np.pi, corners, endpoint=False)
    for _ in range(int(rng.integers(20, 120))):
        middle, radius = rng.uniform(0, size, 2), rng.uniform(0.01, 0.035) * size
        turn = rng.uniform(0.0, 2.0 * np.pi)
        outline = middle + radius * np.column_stack([np.cos(angles + turn), np.sin(angles + turn)])
        shade = float(rng.uniform(0.5, 1.0))
        for dx in (-size, 0, size):
            for dy in (-size, 0, size):
                points = np.rint(outline + np.array([dx, dy])).astype(np.int32)
                cv2.fillPoly(field, [points], shade, cv2.LINE_AA)
    return field + 0.05 * _clouds(rng, size)


_KINDS: dict[str, Callable[[np.random.Generator, int], Field]] = {
    "plain": _plain,
    "wood": _wood,
    "cloth": _cloth,
    "stripes": _stripes,
    "checks": _checks,
    "stone": _stone,
    "speckle": _speckle,
    "print": _print,
}
KINDS = tuple(_KINDS)


def draw_texture(recipe: dict[str, Any], size: int) -> Picture:
    """The picture (size, size, 3) uint8 of a recipe. Raises ConfigurationError for another kind."""
    if recipe["kind"] not in _KINDS:
        raise ConfigurationError(suggest("texture", str(recipe["kind"]), KINDS))
    field = _KINDS[recipe["kind"]](np.random.default_rng(recipe["seed"]), size)
    first, second = np.array(recipe["colours"], dtype=np.float32)
    colours = first + (second - first) * np.asarray(field, dtype=np.float32)[..., None]
    return (255.0 * colours.clip(0.0, 1.0)).astype(np.uint8)


def draw_worn_faces(rgb: NDArray[np.float64], wear: float, seed: int, size: int) -> Picture:
    """Six faces of a cube, one below the other (6 N, N, 3): paint that is rubbed off at the edges.

    wear: 0 as new, 1 as after years in a toy box.
    """
    rng = np.random.default_rng(seed)
    position = np.abs(np.linspace(-1.0, 1.0, size))
    to_edge = 1.0 - np.maximum(position[:, None], position[None, :])  # 0 at the edge
    bare = np.array([0.72, 0.58, 0.42])  # wood below the paint
    faces = []
    for _ in range(6):
        rubbed = np.clip(
            wear * (1.3 - to_edge / 0.10) * (0.4 + 1.2 * _clouds(rng, size, 6, 3)), 0.0, 1.0
        )
        shade = 1.0 + 0.12 * wear * (_clouds(rng, size, 4, 4) - 0.5)
        scratches = (rng.random((size, size)) < 0.01 * wear).astype(np.float64)
        bare_part = np.clip(rubbed + 0.5 * scratches, 0.0, 1.0)[..., None]
        faces.append((1.0 - bare_part) * rgb * shade[..., None] + bare_part * bare)
    return (255.0 * np.clip(np.vstack(faces), 0.0, 1.0)).astype(np.uint8)
