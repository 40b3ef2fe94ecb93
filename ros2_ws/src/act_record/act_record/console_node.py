"""The recorder with a keyboard: what ``act-record`` runs."""

from __future__ import annotations

import time
from typing import Any

from act_core import ros
from rclpy.logging import LoggingSeverity

from act_record.keyboard import Keyboard
from act_record.record_node import RecordNode
from act_record.screen import Screen
from act_record.session import HELP, Session

POLL_S = 0.05
SHOW_EVERY = 4  # polls: five times a second


class ConsoleNode(RecordNode):
    """A `RecordNode` whose episodes begin and end with keys.

    keyboard: an open one; whoever opened it closes it.
    pause_s: see `Session`.
    """

    def __init__(self, keyboard: Keyboard, pause_s: float, **overrides: Any) -> None:
        super().__init__(**overrides)
        self._keyboard = keyboard
        self._screen = Screen()
        self._polls = 0
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
        self._screen.close()
        gauges = self.gauges()
        self._say(f"to redo {gauges.redo}, failed {gauges.failed}, {gauges.disk}")
        self._say(self.ending())

    def _say(self, text: str) -> None:
        self._screen.say(text)

    def _poll(self) -> None:
        now_s = time.monotonic()
        for key in self._keyboard.read():
            self.session.key(key, now_s)
        self.session.tick(now_s)
        if self._polls % SHOW_EVERY == 0:
            self._screen.show(self.session.status(now_s), self.recording, self.gauges())
        self._polls += 1


def run(pause_s: float, parameters: dict[str, str]) -> int:
    """Records until the person quits; ``parameters`` are those of the record node."""
    pairs = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    with Keyboard() as keyboard:
        return ros.run_node(lambda: ConsoleNode(keyboard, pause_s), ["--ros-args", *pairs])
