"""LineSplitter: lines of text from bytes that arrive in pieces."""

from __future__ import annotations

import codecs
from collections.abc import Callable


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
