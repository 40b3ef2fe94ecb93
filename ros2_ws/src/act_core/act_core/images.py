"""Pixels in the encodings of sensor_msgs to numpy arrays and back, as cv_bridge converts them.

(cv_bridge is not on PyPI and needs a compiled ROS.) Arrays are (H, W, 3) or (H, W, 4) uint8 for
colour, (H, W) uint8 for mono8 and (H, W) uint16 for mono16 and 16UC1, depth in millimetres.
OpenCV is imported only where colours are converted or JPEG and PNG are read or written.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_core.errors import suggest


class Encoding(NamedTuple):
    """How one pixel is stored."""

    channels: int
    dtype: type
    colour: str  # channel order in OpenCV's words; "" for what is no colour


ENCODINGS: dict[str, Encoding] = {
    "rgb8": Encoding(3, np.uint8, "RGB"),
    "bgr8": Encoding(3, np.uint8, "BGR"),
    "rgba8": Encoding(4, np.uint8, "RGBA"),
    "bgra8": Encoding(4, np.uint8, "BGRA"),
    "mono8": Encoding(1, np.uint8, "GRAY"),
    "mono16": Encoding(1, np.uint16, ""),
    "16UC1": Encoding(1, np.uint16, ""),
}


def unpack(
    data: Any, height: int, width: int, step: int, encoding: str, is_bigendian: bool = False
) -> NDArray[Any]:
    """The pixels behind a message's ``data`` (a buffer), without a copy where that is possible.

    Raises ValueError for an encoding that is not supported, a row shorter than its pixels or data
    that does not hold ``height`` rows.
    """
    pixel = _encoding(encoding)
    row_bytes = width * pixel.channels * np.dtype(pixel.dtype).itemsize
    size = memoryview(data).nbytes
    if step < row_bytes:
        raise ValueError(
            f"row step {step} is below the {row_bytes} bytes of {width} {encoding} pixels"
        )
    if size != step * height:
        raise ValueError(f"{size} bytes of data, expected {step * height}: {height} rows of {step}")
    rows = np.frombuffer(data, np.uint8).reshape(height, step)[:, :row_bytes]
    dtype = np.dtype(pixel.dtype).newbyteorder(">" if is_bigendian else "<")
    pixels = rows.view(dtype).astype(pixel.dtype, copy=False)
    return pixels.reshape(height, width, pixel.channels) if pixel.channels > 1 else pixels


def convert(image: NDArray[Any], source: str, target: str) -> NDArray[Any]:
    """Changes the encoding of an image; the same array where there is nothing to do.

    Raises ValueError where no conversion exists (depth to colour).
    """
    if source == target:
        return image
    from_colour, to_colour = _encoding(source).colour, _encoding(target).colour
    if not from_colour and not to_colour:
        return image  # mono16 and 16UC1 are two names for the same pixels
    if not from_colour or not to_colour:
        raise ValueError(f"cannot convert {source} to {target}: one of them is no colour image")
    import cv2

    return cv2.cvtColor(image, getattr(cv2, f"COLOR_{from_colour}2{to_colour}"))


def check(image: NDArray[Any], encoding: str) -> None:
    """Raises ValueError for an image whose shape or type is not that of ``encoding``."""
    pixel = _encoding(encoding)
    shape = "(H, W)" if pixel.channels == 1 else f"(H, W, {pixel.channels})"
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim != (2 if pixel.channels == 1 else 3) or channels != pixel.channels:
        raise ValueError(f"an {encoding} image has shape {shape}, got {image.shape}")
    if image.dtype != pixel.dtype:
        raise ValueError(f"an {encoding} image has type {np.dtype(pixel.dtype)}, got {image.dtype}")


def compress(image: NDArray[np.uint8], encoding: str, quality: int = 90) -> bytes:
    """JPEG bytes of a colour or mono8 image; ``quality`` is 1 to 100."""
    import cv2

    check(image, encoding)
    pixels = convert(image, encoding, "mono8" if encoding == "mono8" else "bgr8")
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"OpenCV could not write a JPEG of shape {image.shape}")
    return data.tobytes()


def decompress(data: Any, encoding: str) -> NDArray[np.uint8]:
    """The pixels of a JPEG or PNG, as colour or mono8; raises ValueError for damaged data."""
    import cv2

    raw = np.frombuffer(data, np.uint8)
    grey = encoding == "mono8"
    flag = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR
    image = cv2.imdecode(raw, flag) if raw.size else None
    if image is None:
        raise ValueError(f"{raw.size} bytes of data are not a JPEG or PNG image")
    return convert(image, "mono8" if grey else "bgr8", encoding).astype(np.uint8, copy=False)


def _encoding(name: str) -> Encoding:
    if name not in ENCODINGS:
        raise ValueError(suggest("image encoding", name, ENCODINGS))
    return ENCODINGS[name]
