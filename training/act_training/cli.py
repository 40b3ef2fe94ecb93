"""The face that the console commands share: typed options in, a readable end out.

However a command ends, its last line says what is there and what to do next: after success, after
an error, on a full disk and after Ctrl-C (or SIGTERM, or a closed terminal).
"""

from __future__ import annotations

import dataclasses
import errno
import logging
import math
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import tyro
from act_core.errors import ConfigurationError

Options = TypeVar("Options")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a disk, somebody's share of it, a file

log = logging.getLogger(__name__)


class CommandError(RuntimeError):
    """Work that went wrong through nobody's mistake; its text says what is left and what to do."""


class _Stopped(BaseException):
    """A signal asked the process to end."""


def run_command(
    run: Callable[[Options], object],
    options: type[Options],
    *,
    kept: Callable[[Options], str] = lambda _: "nothing was changed: start it again",
    then: Callable[[Options], str] | None = None,
    default: Options | None = None,
    args: list[str] | None = None,
) -> None:
    """Parse `args` (the command line if None) into `options` and call `run` with them.

    A ConfigurationError, CommandError or OSError, a full disk, memory that runs out and a stop by
    the person end the process with one line and without a trace: status 1, or 128 + signal.

    Args:
        kept: what is there after a stop or on a full disk, and how to go on.
        then: what to do after success.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("OpenGL").setLevel(logging.WARNING)  # tells what else could be installed
    if default is None:
        values = tyro.cli(options, description=run.__doc__, args=args)
    else:
        values = tyro.cli(options, description=run.__doc__, args=args, default=default)
    try:
        check_finite(values)
        with _stopped_by_signals():
            run(values)
    except (KeyboardInterrupt, _Stopped) as stop:
        number = stop.args[0] if isinstance(stop, _Stopped) else signal.SIGINT
        print(f"\nstopped: {kept(values)}", file=sys.stderr)
        sys.exit(128 + number)
    except MemoryError as error:
        sys.exit(f"error: not enough memory ({error}): {kept(values)}")
    except BrokenPipeError:
        raise  # nobody reads what is printed: see act_core.entry
    except OSError as error:
        if error.errno in FULL:
            sys.exit(f"error: the disk is full ({error}): make room; {kept(values)}")
        sys.exit(f"error: {error}")
    except (ConfigurationError, CommandError) as error:
        sys.exit(f"error: {error}")
    if then is not None:
        print(f"next: {then(values)}")


def check_finite(options: Any, prefix: str = "--") -> None:
    """ConfigurationError for an option that is NaN or infinite, however deep it is nested."""
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        name = prefix + field.name.replace("_", "-")
        if dataclasses.is_dataclass(value):
            check_finite(value, f"{name}.")
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float) and not math.isfinite(number):
                raise ConfigurationError(f"{name} is {number}, expected a finite number")


def check_within(within_s: float | None) -> None:
    """ConfigurationError for a --within-s that is no time."""
    if within_s is not None and not 0.0 < within_s < math.inf:
        raise ConfigurationError(f"--within-s is {within_s:g}, expected a time above 0")


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP unwind the process as Ctrl-C does, unless they are ignored."""

    def stop(number: int, _: object) -> None:
        raise _Stopped(number)

    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) != signal.SIG_IGN]
    try:
        before = {number: signal.signal(number, stop) for number in numbers}
    except ValueError:  # not in the main thread, which no signal reaches
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Within, libraries do not log their own advice through the root logger, nor warn."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
