"""How ``ros2`` begins and ends: Ctrl-C is no trace, from its first moment to its last."""

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


def main() -> int:
    """`ros2cli.main.main`, without a trace of Ctrl-C while that is imported or when it is over."""
    with ended_by_ctrl_c():
        from ros2cli import main as command

    try:
        return command.main()
    except KeyboardInterrupt:  # before or after all that it does itself
        return int(signal.SIGINT)
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
