"""Ctrl-C while something is loaded that has not begun yet."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ended_by_ctrl_c() -> Iterator[None]:
    """Within, Ctrl-C ends the process at once, where it would raise KeyboardInterrupt otherwise:
    for what has not begun yet. Libraries that are being loaded make errors of their own of that."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is not signal.default_int_handler:  # it is ignored, as by nohup, or seen to
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
