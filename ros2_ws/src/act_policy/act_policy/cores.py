"""Where inference runs, so that whatever must be on time finds a core."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

# Inference yields to threads that only want to pass a message on. 10 is a tenth of their share.
NICENESS = 10


def inference_cores(realtime: bool, available: set[int] | None = None) -> tuple[int, ...]:
    """Cores for inference.

    All of them where the control loop has real-time priority: it interrupts whatever runs there.
    Without, all but the last: waiting for another thread's time slice would cost the loop up to
    some 20 ms (measured with inference on both of two cores: p99.9 19 ms late, with one left free
    1.5 to 5 ms). A machine with one core has nothing to leave free.
    """
    cores = sorted(os.sched_getaffinity(0) if available is None else available)
    return tuple(cores if realtime or len(cores) == 1 else cores[:-1])


def run_apart(function: Callable[[], T], cores: tuple[int, ...], niceness: int = NICENESS) -> T:
    """Calls ``function`` in a thread on ``cores`` at ``niceness``; returns or raises what it does.

    Threads that it starts, those of an inference engine for example, inherit both and keep them.
    (They cannot be lent to the calling thread: without privileges niceness only goes up.)
    """
    future: Future[T] = Future()

    def run() -> None:
        os.sched_setaffinity(0, cores)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    thread = threading.Thread(target=run, name="load")
    thread.start()
    thread.join()
    return future.result()
