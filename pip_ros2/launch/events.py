"""Events of a launched system; those about processes are in process_events."""

from __future__ import annotations

from collections.abc import Callable

from . import process_events as process
from .bases import Action, Event, ExecutionComplete, LaunchDescriptionEntity

__all__ = [
    "ExecutionComplete",
    "IncludeLaunchDescription",
    "Shutdown",
    "TimerEvent",
    "matches_action",
    "process",
]


class IncludeLaunchDescription(Event):
    """Makes the launch service visit a launch description."""

    name = "launch.events.IncludeLaunchDescription"

    def __init__(self, launch_description: LaunchDescriptionEntity) -> None:
        self.launch_description = launch_description


class Shutdown(Event):
    """Makes every process end and then the launch service."""

    name = "launch.events.Shutdown"

    def __init__(self, *, reason: str = "reason not given", due_to_sigint: bool = False) -> None:
        self.reason = reason
        self.due_to_sigint = due_to_sigint


class TimerEvent(Event):
    """Makes the launch service visit the actions of a timer."""

    name = "launch.events.TimerEvent"

    def __init__(self, *, timer_action: Action) -> None:
        self.timer_action = timer_action


def matches_action(target_action: Action) -> Callable[[Action], bool]:
    """Return a predicate that is true for this one action."""
    return lambda action: action is target_action
