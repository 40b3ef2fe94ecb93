"""Shutdown: the launched system is to end."""

from __future__ import annotations

from ..event import Event


class Shutdown(Event):
    """Makes every process end and then the launch service."""

    name = "launch.events.Shutdown"

    def __init__(self, *, reason: str = "reason not given", due_to_sigint: bool = False) -> None:
        self.reason = reason
        self.due_to_sigint = due_to_sigint
