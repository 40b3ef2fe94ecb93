"""A gamepad as the kernel shows it: events of 8 bytes, on a FIFO in place of the device."""

from __future__ import annotations

import os
import struct
from pathlib import Path

BUTTON, AXIS, INITIAL = 0x01, 0x02, 0x80
STICKS, TRIGGERS, PADDLES = (0, 1, 3, 4), (2, 5), (6, 7)
END = 32767
AT_REST = {(AXIS, n): -END if n in TRIGGERS else 0 for n in (*STICKS, *TRIGGERS, *PADDLES)} | {
    (BUTTON, n): 0 for n in range(11)
}


def event(kind: int, number: int, value: int) -> bytes:
    """struct js_event of linux/joystick.h, at 12.345 s."""
    return struct.pack("=IhBB", 12345, value, kind, number)


class WireGamepad:
    """An Xbox pad that is plugged in as ``path``.

    held: the controls that are not at rest meanwhile, with their values.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plug()

    def plug(self, held: dict[tuple[int, int], int] | None = None) -> None:
        hidden = self.path.with_suffix(".new")
        os.mkfifo(hidden)
        self._descriptor = os.open(hidden, os.O_RDWR | os.O_NONBLOCK)
        for (kind, number), value in (AT_REST | (held or {})).items():
            self.write(event(kind | INITIAL, number, value))
        hidden.rename(self.path)  # there is a writer from the first moment on

    def unplug(self) -> None:
        self.path.unlink()
        os.close(self._descriptor)

    def axis(self, number: int, value: int) -> None:
        self.write(event(AXIS, number, value))

    def button(self, number: int, down: bool = True) -> None:
        self.write(event(BUTTON, number, int(down)))

    def write(self, data: bytes) -> None:
        os.write(self._descriptor, data)
