"""The recorder with a keyboard: what ``act-record`` runs."""

from __future__ import annotations

import sys
import time
from shutil import get_terminal_size
from typing import Any

from act_core import ros
from rclpy.logging import LoggingSeverity

from act_record.keyboard import Keyboard
from act_record.record_node import RecordNode
from act_record.session import HELP, Session

POLL_S = 0.05
CLEAR = "\r\033[2K"


class ConsoleNode(RecordNode):
    """A `RecordNode` whose episodes begin and end with keys.

    keyboard: an open one; whoever opened it closes it.
    pause_s: see `Session`.
    """

    def __init__(self, keyboard: Keyboard, pause_s: float, **overrides: Any) -> None:
        super().__init__(**overrides)
        self._keyboard = keyboard
        self.session = Session(self, self._say, pause_s)
        # What the log would tell a person is said here already.
        self.get_logger().set_level(LoggingSeverity.WARN)
        self._say(HELP)
        ros.steady_timer(self, POLL_S, self._poll)

    @property
    def finished(self) -> bool:
        """Whether the person has had enough, or all episodes are there and judged."""
        return self.session.quit or (self.complete and not self.session.pausing)

    def close(self) -> None:
        super().close()
        self._say(self.ending())

    def _say(self, text: str) -> None:
        sys.stdout.write(f"{CLEAR}{text}\n")
        sys.stdout.flush()

    def _poll(self) -> None:
        now_s = time.monotonic()
        for key in self._keyboard.read():
            self.session.key(key, now_s)
        self.session.tick(now_s)
        line = f"{self.session.status(now_s)} | {self.gauges()}"
        sys.stdout.write(CLEAR + line[: get_terminal_size().columns - 1])
        sys.stdout.flush()


def run(pause_s: float, parameters: dict[str, str]) -> int:
    """Records until the person quits; ``parameters`` are those of the record node."""
    pairs = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    with Keyboard() as keyboard:
        return ros.run_node(lambda: ConsoleNode(keyboard, pause_s), ["--ros-args", *pairs])
