"""The JPEG in what a Motion-JPEG camera has sent.

A camera fills a buffer that may be longer than the picture, and many leave the Huffman tables out,
because all pictures of Motion JPEG use those of the standard (ITU-T T.81, annex K.3.3). OpenCV puts
them in while it decodes; browsers and other programs need them in the file.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

SOI, EOI, SOS, DHT = 0xD8, 0xD9, 0xDA, 0xC4
WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))  # markers that are nothing but themselves


def camera_jpeg(buffer: NDArray[np.uint8]) -> bytes:
    """The picture that a buffer begins with, whole and readable by every program.

    Not one of the camera's bytes is changed; missing Huffman tables are added before its scan.

    Raises ValueError for what is no JPEG, or one that was cut off.
    """
    data = buffer.tobytes()
    if data[:2] != bytes((0xFF, SOI)):
        raise ValueError(f"a picture that begins with {data[:2].hex() or 'nothing'} is no JPEG")
    at, has_tables = 2, False
    while True:
        if len(data) < at + 4 or data[at] != 0xFF:
            raise ValueError("a JPEG that is cut off or damaged before its scan")
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in WITHOUT_LENGTH:
            at += 2
        elif marker == SOS:
            break
        else:
            has_tables = has_tables or marker == DHT
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    # Within a scan 0xFF is followed by 0 or a restart marker: the first EOI is the picture's.
    end = data.find(bytes((0xFF, EOI)), at)
    if end < 0:
        raise ValueError("a JPEG that is cut off within its scan")
    return data[:at] + (b"" if has_tables else _standard_tables()) + data[at : end + 2]


@lru_cache
def _standard_tables() -> bytes:
    """The Huffman tables of the standard as a JPEG has them: OpenCV's encoder uses no others."""
    _, encoded = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))
    data, at, tables = encoded.tobytes(), 2, b""
    while data[at + 1] != SOS:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == DHT:
            tables += data[at:end]
        at = end
    return tables
