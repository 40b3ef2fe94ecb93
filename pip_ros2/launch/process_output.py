"""What a process prints: lines from pieces of bytes, floods of them, and the log."""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from logging import Logger
from typing import Any

from .bases import Action, LaunchContext
from .logging import get_logger
from .process_events import ProcessExited, ProcessStarted, ProcessStderr, ProcessStdout
from .processes import ProcessPlan


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


class ProcessReporter:
    """Logs what a process prints and how it ends, and emits the events that tell the others.

    The lines are logged as they arrive, not when the events about them are handled, so that all
    of them stand before the message about the end.
    """

    def __init__(
        self,
        action: Action,
        plan: ProcessPlan,
        context: LaunchContext,
        output: tuple[Logger, Logger],
        format_line: Callable[[str], str],
    ) -> None:
        self._plan = plan
        self._context = context
        self._logger = get_logger(plan.name)
        self._gates = {
            fd: FloodGate(_line_logger(logger, format_line))
            for fd, logger in enumerate(output, start=1)
        }
        self._lines = {fd: LineSplitter(gate) for fd, gate in self._gates.items()}
        self.details: dict[str, Any] = {
            "action": action,
            "name": plan.name,
            "cmd": plan.cmd,
            "cwd": plan.cwd,
            "env": plan.env,
        }
        self.return_code: int | None = None

    def started(self, pid: int) -> None:
        """Report that the process runs."""
        self.details["pid"] = pid
        self._context.emit_event_sync(ProcessStarted(**self.details))

    def printed(self, fd: int, data: bytes) -> None:
        """Report what the process printed to its standard output (1) or error (2)."""
        self._lines[fd].feed(data)
        event = ProcessStdout if fd == 1 else ProcessStderr
        self._context.emit_event_sync(event(text=data, **self.details))

    def exited(self, pid: int, return_code: int) -> None:
        """Report that the process has ended."""
        for fd, lines in self._lines.items():
            lines.flush()
            self._gates[fd].flush()
        if return_code == 0:
            self._logger.info("process has finished cleanly [pid %d]", pid)
        else:
            self._logger.error(
                "process has died [pid %d, exit code %d, cmd '%s'].",
                pid,
                return_code,
                self._plan.words,
            )
        self.return_code = return_code
        self._context.emit_event_sync(ProcessExited(returncode=return_code, **self.details))


def _line_logger(logger: Logger, format_line: Callable[[str], str]) -> Callable[[str], None]:
    return lambda line: logger.info("%s", format_line(line))
