"""What a cheap camera adds to a picture: motion and lens blur, vignette, colour, noise, JPEG."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

_CAMERA_ROWS = 480  # of the pictures that `sim_node` publishes
_NOISE_MARGIN = 256  # pixels that the field of noise is larger by: so many places, squared
_LONGEST_STREAK = 0.06  # of the image height


class Processing(NamedTuple):
    """What level 3 adds: how the camera exposes, colours and packs its pictures."""

    gain: Sequence[float]  # exposure and white balance, of red, green and blue
    gamma: float  # > 1 darkens the middle tones
    vignette: float  # how much darker the corners are, 0 to 1
    jpeg_quality: int  # 1 to 100
    shutter_s: float  # for how long a picture is exposed: what moves is smeared


class ImageEffects(NamedTuple):
    """How strong the effects are. A relative blur looks the same at every resolution."""

    noise: float  # standard deviation [grey levels of 255]
    blur: float  # sigma of a Gaussian, as a part of the image height
    processing: Processing | None = None

    def shrunk(self, rows: int) -> ImageEffects:
        """So that a picture of ``rows`` looks like one of 480 rows made smaller by averaging, which
        takes away noise and the traces of packing."""
        scale = min(1.0, rows / _CAMERA_ROWS)
        more = self.processing
        if more is not None:
            more = more._replace(jpeg_quality=round(100 - scale * (100 - more.jpeg_quality)))
        return self._replace(noise=scale * self.noise, processing=more)


def add_effects(
    image: NDArray[np.uint8],
    effects: ImageEffects,
    rng: np.random.Generator,
    flow_per_s: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.uint8]:
    """The picture (H, W, 3) uint8 as the camera gives it, in the order in which light meets them:
    shutter, lens, sensor, processor.

    flow_per_s: how fast the picture moves, (right, down) in image heights a second.
    """
    more = effects.processing
    seen = image if more is None else _smeared(image, more.shutter_s, flow_per_s)
    if effects.blur > 0.0:
        sigma = effects.blur * image.shape[0]
        seen = cv2.GaussianBlur(seen, (0, 0), sigma).astype(np.uint8, copy=False)
    if more is not None:
        curves = _tone_curves(more.gain, more.gamma)
        seen = cv2.LUT(seen, curves).astype(np.uint8, copy=False)
    height, width = image.shape[:2]
    exposed = seen if more is None else seen * _vignette(height, width, more.vignette)
    down, right = rng.integers(_NOISE_MARGIN, size=2)
    part = _noise_field(height, width)[down : down + height, right : right + width]
    noise = np.float32(effects.noise) * part
    result = cv2.add(exposed, noise, dtype=cv2.CV_8U).astype(np.uint8, copy=False)  # 0 to 255
    return result if more is None else _packed(result, more.jpeg_quality)


@functools.lru_cache(maxsize=4)
def _noise_field(height: int, width: int) -> NDArray[np.float32]:
    """Normal noise of deviation 1, larger than a picture: each takes another part of it. Drawing
    fresh noise for 640x480 pixels takes 9 ms, a quarter of what two cameras have at 30 Hz."""
    shape = (height + _NOISE_MARGIN, width + _NOISE_MARGIN, 3)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def _smeared(
    image: NDArray[np.uint8], shutter_s: float, flow_per_s: tuple[float, float]
) -> NDArray[np.uint8]:
    height = image.shape[0]
    dx, dy = (height * shutter_s * flow for flow in flow_per_s)
    length = float(np.hypot(dx, dy))
    if not length >= 1.0:
        return image
    shorter = min(1.0, _LONGEST_STREAK * height / length)
    dx, dy, half = dx * shorter, dy * shorter, int(np.ceil(0.5 * length * shorter))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), dtype=np.float32)
    steps = np.linspace(-0.5, 0.5, 4 * half + 1)
    for column, row in zip(half + steps * dx, half + steps * dy, strict=True):
        kernel[round(row), round(column)] += 1.0
    return cv2.filter2D(image, -1, kernel / kernel.sum()).astype(np.uint8, copy=False)


def _tone_curves(gain: Sequence[float], gamma: float) -> NDArray[np.uint8]:
    """(256, 1, 3): what each grey level of each colour becomes."""
    level = np.linspace(0.0, 1.0, 256)[:, None] * np.asarray(gain)
    return np.rint(255.0 * np.clip(level, 0.0, 1.0) ** gamma).astype(np.uint8)[:, None, :]


@functools.lru_cache(maxsize=8)
def _vignette(height: int, width: int, strength: float) -> NDArray[np.float32]:
    """(H, W, 1): 1 in the middle, 1 - ``strength`` in the corners."""
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    return (1.0 - strength * 0.5 * (x**2 + y**2)).astype(np.float32)[..., None]


def _packed(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    # Red and blue are swapped on the way in and out alike, so the order of colours stays.
    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    unpacked = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert unpacked is not None, "what was packed a line ago"
    return np.ascontiguousarray(unpacked[..., ::-1]).astype(np.uint8, copy=False)
