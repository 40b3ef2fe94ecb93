"""Single keys of this terminal, for a hand on an emulated arm."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Callable
from contextlib import ExitStack

from act_core.errors import ConfigurationError


def keys_of_terminal(ending: ExitStack) -> Callable[[], str]:
    """Gives the keys that were hit since it was called last, without waiting for one.

    ending: the terminal is as it was when this is closed. Raises ConfigurationError where standard
    input is no terminal.
    """
    descriptor = sys.stdin.fileno()
    if not os.isatty(descriptor):
        raise ConfigurationError("keys come from a terminal, and there is none: --hand sweep")
    before = termios.tcgetattr(descriptor)
    ending.callback(termios.tcsetattr, descriptor, termios.TCSADRAIN, before)
    tty.setcbreak(descriptor)

    def keys() -> str:
        if not select.select([descriptor], [], [], 0.0)[0]:
            return ""
        return os.read(descriptor, 64).decode("utf-8", "ignore")

    return keys
