"""How ``ros2`` begins and ends: Ctrl-C is no trace, from its first moment to its last."""

from __future__ import annotations

import signal


def main() -> int:
    """`ros2cli.main.main`. Ctrl-C while that is imported, or after it, ends the process at once:
    nothing has been begun, or nothing is left to do."""
    handler = signal.getsignal(signal.SIGINT)
    interrupted = handler is signal.default_int_handler  # not where it is ignored, as by nohup
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ros2cli import main as command

    if interrupted:
        signal.signal(signal.SIGINT, handler)
    try:
        return command.main()
    except KeyboardInterrupt:  # before or after all that it does itself
        return int(signal.SIGINT)
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
