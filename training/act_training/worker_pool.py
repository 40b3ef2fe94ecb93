"""Processes that run episodes side by side, and that end with the process that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from act_training.cli import CommandError


@contextmanager
def worker_pool(
    count: int, begin: Callable[..., object], *arguments: Any
) -> Iterator[ProcessPoolExecutor]:
    """`count` processes, each of which calls `begin(*arguments)` first.

    Work that was submitted is not to be cancelled, which `map` does: up to Python 3.12 the executor
    does not expect that of processes that end.

    An exception in the block (a stop by the person, a full disk) ends them at what they do, and so
    does the end of this process, even by SIGKILL: they would wait for work for ever. They do not
    see Ctrl-C. CommandError when one of them is killed.
    """
    context = multiprocessing.get_context("spawn")  # a GL context does not survive a fork
    theirs, mine = context.Pipe(duplex=False)
    executor = _Executor(
        count, mp_context=context, initializer=_begin, initargs=(theirs, begin, arguments)
    )
    try:
        yield executor
    except BrokenProcessPool as error:
        raise CommandError(
            "a worker process has ended: if nobody ended it, memory ran out (try fewer --workers)"
        ) from error
    except BaseException:
        mine.close()
        raise
    finally:
        executor.shutdown()
        mine.close()
        theirs.close()


class _Executor(ProcessPoolExecutor):
    def submit(self, *args: Any, **kwargs: Any) -> Future:
        """May start a process, in which Ctrl-C is to do nothing from its first moment on."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(*args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(pipe: Connection, begin: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    begin(*arguments)


def _end_with(pipe: Connection) -> None:
    """Ends this process as soon as the other end of `pipe`, which nobody writes to, is closed."""
    try:
        pipe.recv()
    except (EOFError, OSError):
        os._exit(1)
