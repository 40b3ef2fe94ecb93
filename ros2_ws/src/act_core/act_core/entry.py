"""How every command of the project begins: Ctrl-C is one line from its first moment on.

The modules behind a command may take seconds to import, so a console script names
``act_core.entry:main_of.<package>.<module>``, which imports that module in its turn.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

STOPPED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Main:
    """Called, it imports a module, calls its ``main()`` and returns what that returns.

    SIGINT, SIGTERM and SIGHUP while it is imported end the process at once, since nothing has been
    begun: with one line, and 128 + the signal as status. A KeyboardInterrupt that leaves ``main``
    ends it alike. A signal that is ignored (by nohup, in the background) stays so. What reads the
    output may go away (``act-report | head``): that is the end, without a word.
    """

    def __init__(self, module: str = "") -> None:
        self._module = module

    def __getattr__(self, name: str) -> _Main:
        return _Main(f"{self._module}.{name}".lstrip("."))

    def __call__(self) -> object:
        try:
            os.getcwd()
        except OSError:  # libraries end in riddles of their own
            print("error: the folder you are in no longer exists: cd to another", file=sys.stderr)
            return 2
        with _ended_by_signals():
            main = import_module(self._module).main
        try:
            return main()
        except KeyboardInterrupt:
            print("\nstopped", file=sys.stderr)
            return 128 + signal.SIGINT
        except BrokenPipeError:
            if not _reader_has_gone():
                raise
            return 128 + signal.SIGPIPE
        finally:  # what is left is the interpreter's end, which is nobody's work either
            _end_output()
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                signal.signal(signal.SIGINT, signal.SIG_DFL)


main_of = _Main()


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Within, signals do not unwind: libraries catch what passes through their own import."""

    def end(number: int, _: object) -> None:
        with suppress(OSError):
            os.write(2, b"\nstopped before it began: nothing was changed\n")
        os._exit(128 + number)

    numbers = [number for number in STOPPED if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in numbers}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is end:
            signal.signal(number, handler)


def _reader_has_gone() -> bool:
    """Whether the output is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(1, select.POLLOUT)
    return any(state & select.POLLERR for _, state in poll.poll(0))


def _end_output() -> None:
    """Print what is left, and let the interpreter try nothing again where that fails."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            sys.exit(f"error: what is printed cannot be written: {error.strerror}")
