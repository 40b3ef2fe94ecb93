"""What a process prints: lines from pieces of bytes, and floods of them."""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Callable
from dataclasses import dataclass


class LineSplitter:
    """Calls `on_line` with each complete line, without its end.

    For example b"one\\ntw" and then b"o\\r\\n" give "one" and "two". Bytes that are not UTF-8 are
    replaced; a character may be split between pieces.
    """

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in lines:
            self._on_line(line.removesuffix("\r"))

    def flush(self) -> None:
        """Give out what came after the last line end, if anything."""
        rest = self._rest + self._decoder.decode(b"", final=True)
        self._rest = ""
        if rest:
            self._on_line(rest)


WINDOW_S = 10.0
FREE = 20  # equal lines within a window that all pass
KINDS = 100  # different lines that are remembered
# The stamps of rcutils' formats: seconds or nanoseconds since 1970, or date and time.
_STAMP = re.compile(r"\[\d{9,}(\.\d+)?\]|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d+")


@dataclass
class _Count:
    began_s: float
    count: int = 0
    last: str = ""


class FloodGate:
    """Passes lines on, of equal ones (but for the stamp) at most 20 in 10 s, then their number.

    The real launch passes all. A node that repeats an error 500 times a second fills a disk.
    """

    def __init__(
        self, on_line: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._on_line = on_line
        self._clock = clock
        self._counts: dict[str, _Count] = {}

    def __call__(self, line: str) -> None:
        now_s = self._clock()
        key = _STAMP.sub("", line)
        seen = self._counts.get(key)
        if seen is not None and now_s - seen.began_s > WINDOW_S:
            self._close(key)
            seen = None
        if seen is None:
            if len(self._counts) >= KINDS:
                self._close(next(iter(self._counts)))
            seen = self._counts[key] = _Count(now_s)
        seen.count += 1
        seen.last = line
        if seen.count <= FREE:
            self._on_line(line)

    def flush(self) -> None:
        """Tell of what was held back so far."""
        for key in list(self._counts):
            self._close(key)

    def _close(self, key: str) -> None:
        seen = self._counts.pop(key)
        held_back = seen.count - FREE
        if held_back > 0:
            self._on_line(f"{seen.last} (and {held_back} times more in {WINDOW_S:.0f} s)")
