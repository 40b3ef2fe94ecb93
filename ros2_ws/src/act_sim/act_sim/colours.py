"""Colours as they are found in homes: of paint, plastic, cloth and lamps."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import numpy as np

Rgb = list[float]  # red, green, blue, 0 to 1 each

_GREYISH = 0.25  # a colour of less saturation has no hue to speak of
_APART_DEG = 32.0
# Filaments that arms are printed of: most are white, black, grey, orange, yellow, blue or green.
_FILAMENTS = (
    (0.92, 0.92, 0.90), (0.10, 0.10, 0.11), (0.55, 0.56, 0.58), (0.95, 0.45, 0.08),
    (1.00, 0.82, 0.12), (0.10, 0.30, 0.75), (0.15, 0.55, 0.25), (0.80, 0.12, 0.12),
    (0.45, 0.20, 0.60), (0.30, 0.75, 0.80), (0.90, 0.45, 0.60),
)  # fmt: skip


def hsv_to_rgb(hue_deg: float, saturation: float, value: float) -> Rgb:
    """The colour; a hue of 0 is red, 120 green, 240 blue."""
    return list(colorsys.hsv_to_rgb((hue_deg % 360.0) / 360.0, float(saturation), float(value)))


def is_apart(rgb: Sequence[float], hues_deg: Sequence[float]) -> bool:
    """Whether nobody would take the colour for one of these hues."""
    hue, saturation, _ = colorsys.rgb_to_hsv(*rgb)
    if saturation < _GREYISH:
        return True
    gaps = [abs((hue * 360.0 - other + 180.0) % 360.0 - 180.0) for other in hues_deg]
    return all(gap > _APART_DEG for gap in gaps)


def other_colour(rng: np.random.Generator, hues_deg: Sequence[float]) -> Rgb:
    """Any colour of a thing, but none of these hues."""
    while True:
        rgb = hsv_to_rgb(
            rng.uniform(0.0, 360.0), rng.uniform(0.0, 0.9) ** 1.3, rng.uniform(0.08, 0.95)
        )
        if is_apart(rgb, hues_deg):
            return rgb


def surface_colours(rng: np.random.Generator, hues_deg: Sequence[float]) -> list[Rgb]:
    """Two colours of one large surface: muted, and often of one hue."""
    hue, saturation, value = rng.uniform(0, 360), 0.5 * rng.random() ** 3, rng.uniform(0.2, 0.95)
    if rng.random() < 0.6:  # wood, leather, linen
        hue, saturation = rng.uniform(18.0, 45.0), rng.uniform(0.1, 0.65)
    first = hsv_to_rgb(hue, saturation, value)
    if rng.random() < 0.3:
        second = hsv_to_rgb(rng.uniform(0, 360), 0.6 * rng.random(), rng.uniform(0.1, 0.95))
    else:
        second = hsv_to_rgb(
            hue + rng.uniform(-15, 15),
            np.clip(saturation + rng.uniform(-0.15, 0.15), 0, 1),
            np.clip(value * rng.uniform(0.5, 1.2), 0.05, 0.97),
        )
    # A table as red as the cube hides it even from people.
    return [
        colour if is_apart(colour, hues_deg) else _washed_out(colour) for colour in (first, second)
    ]


def filament(rng: np.random.Generator) -> Rgb:
    """The colour of a printed part."""
    if rng.random() < 0.3:
        return hsv_to_rgb(rng.uniform(0, 360), rng.uniform(0.2, 0.95), rng.uniform(0.15, 0.95))
    base = np.array(_FILAMENTS[rng.integers(len(_FILAMENTS))])
    return np.clip(base + rng.uniform(-0.06, 0.06, 3), 0.0, 1.0).tolist()


def light_colour(temperature_k: float) -> Rgb:
    """The light of a black body of 2000 to 10000 K; its brightest channel is 1.

    Straight lines in log temperature through the colours of a candle, a bulb, the sun and a sky.
    """
    knots = np.log([2000.0, 2700.0, 4000.0, 6500.0, 10000.0])
    red = (1.0, 1.0, 1.0, 1.0, 0.80)
    green = (0.55, 0.68, 0.84, 1.0, 0.88)
    blue = (0.15, 0.36, 0.66, 1.0, 1.0)
    at = np.log(temperature_k)
    return [float(np.interp(at, knots, channel)) for channel in (red, green, blue)]


def _washed_out(rgb: Rgb) -> Rgb:
    grey = sum(rgb) / 3.0
    return [grey + 0.2 * (channel - grey) for channel in rgb]
