"""Requests from other threads, carried out by the thread that owns the bus."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from so101_driver.bus_errors import BusError, PortError


class RefusedError(Exception):
    """What was asked for is not possible now; the text says why."""


class RequestQueue:
    """Actions that get the ROS time [ns] at which they run and return what they did, as text."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[Callable[[int], str], Future[str]]] = SimpleQueue()

    def put(self, action: Callable[[int], str]) -> Future[str]:
        """From any thread; the future fails with RefusedError where the action does."""
        future: Future[str] = Future()
        self._queue.put((action, future))
        return future

    def carry_out(self, now_ns: int) -> None:
        """In the owner's thread. Raises PortError, after the one who asked was told."""
        while True:
            try:
                action, future = self._queue.get_nowait()
            except Empty:
                return
            try:
                future.set_result(action(now_ns))
            except (RefusedError, BusError) as error:
                future.set_exception(RefusedError(str(error)))
                if isinstance(error, PortError):
                    raise
