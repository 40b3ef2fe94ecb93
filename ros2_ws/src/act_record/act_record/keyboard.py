"""Single keys from a terminal, over SSH as well."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty

from act_core.errors import ConfigurationError


class Keyboard:
    """Reads keys without Enter; the terminal is as it was when this is closed.

    Raises ConfigurationError where there is no terminal.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
        if not os.isatty(self._descriptor):
            raise ConfigurationError(
                "keys are read from a terminal, and there is none; to record without one, start "
                "record_node and call record/start and record/stop"
            )
        self._before = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor)

    def read(self) -> str:
        """Those hit since the last call, without waiting."""
        found = b""
        while select.select([self._descriptor], [], [], 0.0)[0]:
            data = os.read(self._descriptor, 64)
            if not data:  # the terminal is gone
                break
            found += data
        return found.decode("utf-8", "ignore")

    def close(self) -> None:
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def __enter__(self) -> Keyboard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
