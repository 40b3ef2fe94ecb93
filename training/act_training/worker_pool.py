"""Workers that run episodes side by side: processes of this machine, which end with the one that
started them, or of a Ray cluster (`ray_pool`). Who uses them sees no difference but the time.

Each worker calls `begin` once, and `work` for each piece of work. Both are functions of a module,
and what `work` returns goes to who asked: it writes no file."""

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
from typing import Any, Protocol

from act_training.cli import CommandError

# Those options of act-collect and act-evaluate that name files.
FILES = ("policy", "arm_parameters", "camera_alignment")


class WorkerPool(Protocol):
    """See the module."""

    count: int
    """Workers."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any) -> Future: ...


@contextmanager
def worker_pool(
    count: int,
    begin: Callable[..., object],
    options: Any,
    *,
    ray: str | None = None,
) -> Iterator[WorkerPool]:
    """`count` processes of this machine, each of which calls `begin(options)` first; with the
    address of a Ray cluster as many as that has cores, which the `FILES` of the options are brought
    to.

    Work that was submitted is not to be cancelled, which `map` does: up to Python 3.12 the executor
    does not expect that of processes that end.

    An exception in the block (a stop by the person, a full disk) ends them at what they do, and so
    does the end of this process, even by SIGKILL: they would wait for work for ever. They do not
    see Ctrl-C. CommandError when one of them is killed.
    """
    if ray is not None:
        from act_training.ray_pool import ray_pool

        with ray_pool(ray, begin, options, FILES) as pool:
            yield pool
        return
    context = multiprocessing.get_context("spawn")  # a GL context does not survive a fork
    theirs, mine = context.Pipe(duplex=False)
    executor = _Executor(
        count, mp_context=context, initializer=_begin, initargs=(theirs, begin, options)
    )
    executor.count = count
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
    count = 0

    def submit(self, *args: Any, **kwargs: Any) -> Future:
        """May start a process, in which Ctrl-C is to do nothing from its first moment on."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(*args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(pipe: Connection, begin: Callable[..., object], options: Any) -> None:
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    begin(options)


def _end_with(pipe: Connection) -> None:
    """Ends this process as soon as the other end of `pipe`, which nobody writes to, is closed."""
    try:
        pipe.recv()
    except (EOFError, OSError):
        os._exit(1)
