"""How large a JPEG or PNG says that it is, read from its first bytes.

A picture of a few hundred bytes may claim a size of gigabytes, and a decoder allocates what it
claims.
"""

from __future__ import annotations

MOST_PIXELS = 2**26  # 8192 x 8192; twice an 8K camera
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
# Start of frame: every C0 to CF but DHT, JPG and DAC (ITU-T T.81, table B.1).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a length


def check_size(data: bytes | memoryview) -> tuple[int, int]:
    """Height and width [pixels] that a JPEG or PNG states.

    Raises ValueError for other or cut data and for more than `MOST_PIXELS`.
    """
    head = bytes(data[:26])
    if head.startswith(_PNG) and len(head) >= 24:
        height, width = int.from_bytes(head[20:24], "big"), int.from_bytes(head[16:20], "big")
    elif head.startswith(_JPEG):
        height, width = _jpeg_size(data)
    else:
        raise ValueError(f"{len(data)} bytes of data are not a JPEG or PNG image")
    if height * width > MOST_PIXELS:
        raise ValueError(
            f"the image says that it is {width} x {height}; more than {MOST_PIXELS} pixels are not "
            "decoded"
        )
    return height, width


def _jpeg_size(data: bytes | memoryview) -> tuple[int, int]:
    """Walks the segments up to the start of the frame (T.81, B.2.2)."""
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF or marker in _BARE:  # padding, or a marker that stands alone
            at += 1 if marker == 0xFF else 2
        elif marker in _FRAMES:
            size = bytes(data[at + 5 : at + 9])
            return int.from_bytes(size[:2], "big"), int.from_bytes(size[2:], "big")
        else:
            at += 2 + max(int.from_bytes(bytes(data[at + 2 : at + 4]), "big"), 2)
    raise ValueError(f"{len(data)} bytes of data are a JPEG image without its size: cut or damaged")
