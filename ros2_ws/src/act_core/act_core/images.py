"""Pixels in the encodings of sensor_msgs to numpy arrays and back, as cv_bridge converts them.

(cv_bridge is not on PyPI and needs a compiled ROS.) An image of one channel is an array (H, W), of
more channels (H, W, C); 16UC1 and mono16 are uint16, depth is in millimetres (REP 118). What
cv_bridge refuses is refused here, too: pixels that are no colours, as 8UC3 or 16UC1, do not become
colours, since nobody knows which channel is red.

Sources: sensor_msgs/image_encodings.hpp; ros-perception/vision_opencv, cv_bridge.cpp (colour
conversions, the scale of 257 between 8 and 16 bits). Beyond cv_bridge: nv12 and nv21, as the
drivers of camera modules publish them. OpenCV is imported only where colours are converted or JPEG
and PNG are read or written.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_core import image_header
from act_core.errors import suggest

GREY = "GRAY"
_DEPTHS = {
    "8U": np.uint8, "8S": np.int8, "16U": np.uint16, "16S": np.int16, "32S": np.int32,
    "32F": np.float32, "64F": np.float64,
}  # fmt: skip
_GENERIC = re.compile(r"(8U|8S|16U|16S|32S|32F|64F)(?:C([1-9][0-9]{0,2}))?")
SCALE_16_TO_8 = 255 / 65535  # as cv_bridge scales between the depths of two colours


class Encoding(NamedTuple):
    """How one pixel is stored."""

    channels: int
    dtype: type
    # Channel order in OpenCV's words; "" for what is no colour.
    colour: str = ""
    # In rows of the image's width: 1, or 1.5 where a plane of colours follows that of the grey.
    rows: float = 1.0


ENCODINGS: dict[str, Encoding] = {
    "rgb8": Encoding(3, np.uint8, "RGB"),
    "bgr8": Encoding(3, np.uint8, "BGR"),
    "rgba8": Encoding(4, np.uint8, "RGBA"),
    "bgra8": Encoding(4, np.uint8, "BGRA"),
    "mono8": Encoding(1, np.uint8, GREY),
    "rgb16": Encoding(3, np.uint16, "RGB"),
    "bgr16": Encoding(3, np.uint16, "BGR"),
    "rgba16": Encoding(4, np.uint16, "RGBA"),
    "bgra16": Encoding(4, np.uint16, "BGRA"),
    "mono16": Encoding(1, np.uint16, GREY),
    # OpenCV names a Bayer pattern after its second row, ROS after its first.
    "bayer_rggb8": Encoding(1, np.uint8, "BayerBG"),
    "bayer_bggr8": Encoding(1, np.uint8, "BayerRG"),
    "bayer_gbrg8": Encoding(1, np.uint8, "BayerGR"),
    "bayer_grbg8": Encoding(1, np.uint8, "BayerGB"),
    "bayer_rggb16": Encoding(1, np.uint16, "BayerBG"),
    "bayer_bggr16": Encoding(1, np.uint16, "BayerRG"),
    "bayer_gbrg16": Encoding(1, np.uint16, "BayerGR"),
    "bayer_grbg16": Encoding(1, np.uint16, "BayerGB"),
    # Two names each: those from Rolling of 2022 on are the second.
    "yuv422": Encoding(2, np.uint8, "UYVY"),
    "uyvy": Encoding(2, np.uint8, "UYVY"),
    "yuv422_yuy2": Encoding(2, np.uint8, "YUY2"),
    "yuyv": Encoding(2, np.uint8, "YUY2"),
    "nv12": Encoding(1, np.uint8, "NV12", rows=1.5),
    "nv21": Encoding(1, np.uint8, "NV21", rows=1.5),
}
_YUV = ("UYVY", "YUY2", "NV12", "NV21")


def unpack(
    data: Any, height: int, width: int, step: int, encoding: str, is_bigendian: bool = False
) -> NDArray[Any]:
    """The pixels behind a message's ``data`` (a buffer), without a copy where that is possible.

    nv12 and nv21 give (1.5 H, W): the plane of the grey above that of the colours. Raises
    ValueError for an encoding that is not known, an image without pixels, a row shorter than its
    pixels or data that does not hold ``height`` rows.
    """
    pixel = _encoding(encoding)
    if height < 1 or width < 1:
        raise ValueError(f"the image is empty: {width} x {height} pixels")
    _check_pairs(pixel, encoding, height, width)
    rows = round(height * pixel.rows)
    row_bytes = width * pixel.channels * np.dtype(pixel.dtype).itemsize
    size = memoryview(data).nbytes
    if step < row_bytes:
        raise ValueError(
            f"row step {step} is below the {row_bytes} bytes of {width} {encoding} pixels"
        )
    if size != step * rows:
        raise ValueError(f"{size} bytes of data, expected {step * rows}: {rows} rows of {step}")
    values = np.frombuffer(data, np.uint8).reshape(rows, step)[:, :row_bytes]
    dtype = np.dtype(pixel.dtype).newbyteorder(">" if is_bigendian else "<")
    pixels = values.view(dtype).astype(pixel.dtype, copy=False)
    return pixels.reshape(rows, width, pixel.channels) if pixel.channels > 1 else pixels


def convert(image: NDArray[Any], source: str, target: str) -> NDArray[Any]:
    """Changes the encoding of an image; the same array where there is nothing to do.

    Between colours of 8 and 16 bits values are scaled by 257. Raises ValueError where no
    conversion exists (depth to colour, colour to YUV).
    """
    if source == target:
        return image
    from_pixel, to_pixel = _encoding(source), _encoding(target)
    if from_pixel == to_pixel or {source, target} == {"mono16", "16UC1"}:
        return image  # two names for the same pixels
    from_colour, to_colour = from_pixel.colour, to_pixel.colour
    if not from_colour and to_colour:
        raise ValueError(
            f"cannot convert {source} to {target}: {source} does not say which channel is which "
            "colour; let the camera's driver publish rgb8, bgr8 or mono8"
        )
    if from_colour and not to_colour:
        if from_pixel[:2] != to_pixel[:2] or from_pixel.rows != 1.0:
            raise ValueError(f"cannot convert {source} to {target}: other channels or depth")
        return image
    if not from_colour:
        if from_pixel.channels != to_pixel.channels:
            raise ValueError(
                f"cannot convert {source} to {target}: {from_pixel.channels} channels are not "
                f"{to_pixel.channels}"
            )
        return image.astype(to_pixel.dtype)
    if from_colour != to_colour:
        image = _recolour(image, source, target)
    return _scale(image, to_pixel.dtype)


MM_PER_M = 1000.0


def depth_mm(image: NDArray[Any], encoding: str) -> NDArray[np.uint16]:
    """Distances (H, W, 1) [mm], 0 where nothing was measured, of a depth image as REP 118 has them.

    image: (H, W), 16UC1 (or mono16) in millimetres, or 32FC1 in metres, where NaN, infinity and
    what does not fit into 16 bits become 0. Raises ValueError for another encoding.
    """
    if encoding in ("16UC1", "16U", "mono16"):
        return image.astype(np.uint16, copy=False)[..., None]
    if encoding in ("32FC1", "32F"):
        distances = np.rint(image * np.float32(MM_PER_M))
        known = (distances > 0) & (distances <= np.iinfo(np.uint16).max)  # which NaN is not
        return np.where(known, distances, 0).astype(np.uint16)[..., None]
    raise ValueError(
        f"an image of encoding {encoding} is no depth: expected 16UC1 (millimetres) or 32FC1 "
        "(metres)"
    )


def _recolour(image: NDArray[Any], source: str, target: str) -> NDArray[Any]:
    import cv2

    from_colour, to_colour = ENCODINGS[source].colour, ENCODINGS[target].colour
    name = f"{from_colour}2{to_colour}"
    if from_colour in _YUV:  # grey is the same plane in NV12 and NV21, and has one name
        plane = "420" if from_colour.startswith("NV") else from_colour
        name = f"YUV2GRAY_{plane}" if to_colour == GREY else f"YUV2{to_colour}_{from_colour}"
    code = getattr(cv2, f"COLOR_{name}", None)
    if code is None:
        raise ValueError(f"cannot convert {source} to {target}: no such conversion")
    try:
        return cv2.cvtColor(np.ascontiguousarray(image), code)
    except cv2.error as error:
        raise ValueError(
            f"cannot convert {source} to {target} at shape {image.shape}: {error.err}"
        ) from error


def _scale(image: NDArray[Any], dtype: type) -> NDArray[Any]:
    if image.dtype == dtype:
        return image
    if image.dtype == np.uint16:
        return np.rint(image * SCALE_16_TO_8).astype(np.uint8)
    return image.astype(np.uint16) * 257


def check(image: NDArray[Any], encoding: str) -> None:
    """Raises ValueError for an image whose shape or type is not that of ``encoding``."""
    pixel = _encoding(encoding)
    shape = "(H, W)" if pixel.channels == 1 else f"(H, W, {pixel.channels})"
    channels = image.shape[2] if image.ndim == 3 else 1
    if image.ndim != (2 if pixel.channels == 1 else 3) or channels != pixel.channels:
        raise ValueError(f"an {encoding} image has shape {shape}, got {image.shape}")
    if not image.size:
        raise ValueError(f"the image is empty: shape {image.shape}")
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
    """The pixels of a JPEG or PNG, as colour or mono8.

    Raises ValueError for damaged data, and for a picture that says it is larger than
    `image_header.MOST_PIXELS` before anything is allocated for it.
    """
    import cv2

    raw = np.frombuffer(data, np.uint8)
    image_header.check_size(raw.data)
    grey = encoding == "mono8"
    try:
        image = cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise ValueError(f"{raw.size} bytes of data cannot be decoded: {error.err}") from error
    if image is None:
        raise ValueError(f"{raw.size} bytes of data are a damaged JPEG or PNG image")
    return convert(image, "mono8" if grey else "bgr8", encoding).astype(np.uint8, copy=False)


def _encoding(name: str) -> Encoding:
    if name in ENCODINGS:
        return ENCODINGS[name]
    generic = _GENERIC.fullmatch(name)
    if generic is not None:
        return Encoding(int(generic[2] or 1), _DEPTHS[generic[1]])
    raise ValueError(suggest("image encoding", name, [*ENCODINGS, "8UC3 and its like"]))


def _check_pairs(pixel: Encoding, encoding: str, height: int, width: int) -> None:
    """Two pixels of a row, or four of a square, share their colours."""
    if pixel.colour in _YUV and width % 2:
        raise ValueError(f"{encoding} pixels come in pairs; the width is {width}")
    if pixel.rows != 1.0 and height % 2:
        raise ValueError(f"{encoding} rows come in pairs; the height is {height}")
