"""One stored picture, of a file or a few bytes that others wrote, as pixels."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from act_training.datasets.errors import DatasetError

FORMATS = ("PNG", "JPEG", "WEBP")  # others would start programs (EPS) or have no bounds
MODES = ("RGB", "RGBA", "P", "L")  # 16-bit depth would silently become white
# Orientations of EXIF: as stored, and those that exchange height and width. A picture is turned as
# it is meant to be seen, which is what LeRobot's and OpenCV's readers do.
ORIENTATION, LYING = 0x0112, (5, 6, 7, 8)
# What the decoders raise for damaged bytes.
DAMAGE = (OSError, SyntaxError, ValueError, LookupError, TypeError, ArithmeticError, EOFError,
          RuntimeError, struct.error, zlib.error, Image.DecompressionBombError)  # fmt: skip


def decode_image(
    what: str, source: Path | IO[bytes], size: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 in the stored order of the colours.

    Args:
        what: for the error's text.
        size: (H, W) that it must have, looked at before anything is decoded.

    Raises DatasetError for anything else than a whole PNG, JPEG or WebP of 8 bits.
    """
    try:
        with Image.open(source, formats=FORMATS) as image:
            turned = image.getexif().get(ORIENTATION) in LYING
            height, width = image.size if turned else image.size[::-1]
            if size is not None and (height, width) != size:
                raise DatasetError(f"{what} is {width}x{height}, expected {size[1]}x{size[0]}")
            if image.mode not in MODES:
                raise DatasetError(f"{what} has pixels of the kind {image.mode}, expected colours")
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except DatasetError:
        raise
    except DAMAGE as error:
        raise DatasetError(f"{what} cannot be decoded: {error}") from error
