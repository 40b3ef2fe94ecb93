"""The face that the console commands share: typed options in, a readable error out."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import tyro
from act_core.errors import ConfigurationError

Options = TypeVar("Options")


class CommandError(RuntimeError):
    """Work that went wrong through nobody's mistake; its text says what is left and what to do."""


def run_command(
    run: Callable[[Options], object],
    options: type[Options],
    *,
    default: Options | None = None,
    args: list[str] | None = None,
) -> None:
    """Parse `args` (the command line if None) into `options` and call `run` with them.

    A ConfigurationError, CommandError or OSError ends the process with its text and status 1,
    without a trace: it is meant for the person who typed the command.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if default is None:
        values = tyro.cli(options, description=run.__doc__, args=args)
    else:
        values = tyro.cli(options, description=run.__doc__, args=args, default=default)
    try:
        run(values)
    except (ConfigurationError, CommandError, OSError) as error:
        sys.exit(f"error: {error}")


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
