"""Nodes that a launch cannot do without: their end ends it, their failure is its failure."""

from __future__ import annotations

from collections.abc import Callable

from launch import LaunchContext
from launch.actions import Shutdown
from launch.events.process import ProcessExited


def required(what: str) -> Callable[[ProcessExited, LaunchContext], Shutdown]:
    """The ``on_exit`` of such a node.

    A node that fails ends ``ros2 launch`` with exit code 1: `Shutdown` alone would end it with 0,
    on a distribution as here.
    """

    def on_exit(event: ProcessExited, context: LaunchContext) -> Shutdown:
        if event.returncode != 0 and not context.is_shutdown:
            raise RuntimeError(f"{what} has failed (exit code {event.returncode})")
        return Shutdown(reason=f"{what} has ended")

    return on_exit
