"""How ``ros2`` begins and ends: Ctrl-C is no trace, from its first moment to its last."""

from __future__ import annotations

import signal

from ros2cli.interrupts import ended_by_ctrl_c


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
