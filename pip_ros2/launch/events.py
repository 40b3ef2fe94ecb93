"""Events of a launched system, and those about its processes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .bases import Action, Event, LaunchContext, LaunchDescriptionEntity
from .bases import ExecutionComplete as ExecutionComplete

process = sys.modules[__name__]  # launch.events.process, a module of its own in the real package


class IncludeLaunchDescription(Event):
    """Makes the launch service visit a launch description."""

    name = "launch.events.IncludeLaunchDescription"

    def __init__(self, launch_description: LaunchDescriptionEntity) -> None:
        self.launch_description = launch_description

    def leads_to(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        return [self.launch_description]


class Shutdown(Event):
    """Makes every process end and then the launch service."""

    name = "launch.events.Shutdown"

    def __init__(self, *, reason: str = "reason not given", due_to_sigint: bool = False) -> None:
        self.reason = reason
        self.due_to_sigint = due_to_sigint


class TimerEvent(Event):
    """Makes the launch service visit the actions of a timer."""

    name = "launch.events.TimerEvent"

    def __init__(self, *, timer_action: Any) -> None:
        self.timer_action = timer_action

    def leads_to(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        return self.timer_action.handle(context)


def matches_action(target_action: Action) -> Callable[[Action], bool]:
    """Return a predicate that is true for this one action."""
    return lambda action: action is target_action


class RunningProcessEvent(Event):
    """Carries the action and the final name, command, folder, environment and pid."""

    name = "launch.events.process.RunningProcessEvent"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.name = f"launch.events.process.{cls.__name__}"

    def __init__(
        self,
        *,
        action: Any,
        name: str,
        cmd: list[str],
        cwd: str | None,
        env: dict[str, str] | None,
        pid: int,
    ) -> None:
        self.action = action
        self.process_name = name
        self.cmd = cmd
        self.cwd = cwd
        self.env = env
        self.pid = pid


class ProcessStarted(RunningProcessEvent):
    """Emitted when a process has been started."""


class ProcessExited(RunningProcessEvent):
    """Emitted when a process has ended; a negative `returncode` is the signal that ended it."""

    def __init__(self, *, returncode: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.returncode = returncode


class ProcessIO(RunningProcessEvent):
    """Carries the bytes as they were read (`text`), whole lines or not."""

    from_stdin = from_stdout = from_stderr = False

    def __init__(self, *, text: bytes, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text


class ProcessStdout(ProcessIO):
    """What a process printed to its standard output."""

    from_stdout = True


class ProcessStderr(ProcessIO):
    """What a process printed to its standard error."""

    from_stderr = True
