"""What tests of nodes share: parameters as arguments, spun nodes, waits with a deadline.

rclpy is imported by what needs it only: tests without ROS wait, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from act_core.timing import MonotonicClock, to_ns

PAUSE_S = 0.005
PATIENCE_S = 240.0  # of a busy machine; an idle one needs a second or two


def ros_arguments(**parameters: object) -> list[str]:
    """Command line that sets a node's parameters."""
    pairs = (("-p", f"{name}:={value}") for name, value in parameters.items())
    return ["--ros-args", *(part for pair in pairs for part in pair)]


def pause() -> None:
    clock = MonotonicClock()
    clock.sleep_until_ns(clock.now_ns() + to_ns(PAUSE_S))


def wait_until(
    condition: Callable[[], object],
    timeout_s: float = PATIENCE_S,
    meanwhile: Callable[[], None] = pause,
) -> None:
    """Asks until the condition holds; fails when time is up."""
    clock = MonotonicClock()
    deadline_ns = clock.now_ns() + to_ns(timeout_s)
    while not condition():
        assert clock.now_ns() < deadline_ns, f"not within {timeout_s} s"
        meanwhile()


class Rig:
    """Nodes in one executor, which runs while the test waits for something."""

    def __init__(self, *nodes: Any) -> None:
        from rclpy.executors import SingleThreadedExecutor

        self._executor = SingleThreadedExecutor()
        for node in nodes:
            self._executor.add_node(node)

    def wait_for(self, condition: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
        wait_until(condition, timeout_s, lambda: self._executor.spin_once(timeout_sec=0.05))


@contextmanager
def spinning(*nodes: Any) -> Iterator[None]:
    """Nodes in a thread each, so that they may wait for each other's services."""
    from rclpy.executors import SingleThreadedExecutor

    ending = threading.Event()

    def spin(node: Any) -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        while not ending.is_set():
            executor.spin_once(timeout_sec=0.1)
        executor.shutdown()

    threads = [threading.Thread(target=spin, args=(node,)) for node in nodes]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()
