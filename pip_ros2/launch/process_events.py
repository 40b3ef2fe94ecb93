"""Events about processes: what they did, and what they shall do."""

from __future__ import annotations

import signal as signal_module
from collections.abc import Callable
from typing import Any

from .bases import Action, Event

__all__ = [
    "ProcessExited",
    "ProcessIO",
    "ProcessStarted",
    "ProcessStderr",
    "ProcessStdout",
    "ProcessTargetedEvent",
    "RunningProcessEvent",
    "ShutdownProcess",
    "SignalProcess",
    "matches_executable",
    "matches_name",
    "matches_pid",
]


class RunningProcessEvent(Event):
    """Carries the action and the final name, command, folder, environment and pid."""

    name = "launch.events.process.RunningProcessEvent"

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

    @property
    def execute_process_action(self) -> Any:
        """Older name of `action`."""
        return self.action


class ProcessStarted(RunningProcessEvent):
    """Emitted when a process has been started."""

    name = "launch.events.process.ProcessStarted"


class ProcessExited(RunningProcessEvent):
    """Emitted when a process has ended; a negative `returncode` is the signal that ended it."""

    name = "launch.events.process.ProcessExited"

    def __init__(self, *, returncode: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.returncode = returncode


class ProcessIO(RunningProcessEvent):
    """Carries the bytes as they were read (`text`), whole lines or not."""

    name = "launch.events.process.ProcessIO"

    def __init__(self, *, text: bytes, fd: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text
        self.from_stdin = fd == 0
        self.from_stdout = fd == 1
        self.from_stderr = fd == 2


class ProcessStdout(ProcessIO):
    """What a process printed to its standard output."""

    name = "launch.events.process.ProcessStdout"

    def __init__(self, *, text: bytes, **kwargs: Any) -> None:
        super().__init__(text=text, fd=1, **kwargs)


class ProcessStderr(ProcessIO):
    """What a process printed to its standard error."""

    name = "launch.events.process.ProcessStderr"

    def __init__(self, *, text: bytes, **kwargs: Any) -> None:
        super().__init__(text=text, fd=2, **kwargs)


class ProcessTargetedEvent(Event):
    """Meant for the processes for whose action `process_matcher` is true."""

    name = "launch.events.process.ProcessTargetedEvent"

    def __init__(self, *, process_matcher: Callable[[Action], bool]) -> None:
        self.process_matcher = process_matcher


class ShutdownProcess(ProcessTargetedEvent):
    """Starts the orderly end of a process: SIGINT, then SIGTERM, then SIGKILL."""

    name = "launch.events.process.ShutdownProcess"


class SignalProcess(ProcessTargetedEvent):
    """Sends a signal, given as `signal.SIGUSR1` or as its name 'SIGUSR1'."""

    name = "launch.events.process.SignalProcess"

    def __init__(
        self,
        *,
        signal_number: str | signal_module.Signals,
        process_matcher: Callable[[Action], bool],
    ) -> None:
        super().__init__(process_matcher=process_matcher)
        if not isinstance(signal_number, (str, signal_module.Signals)):
            raise TypeError(
                "SignalProcess: signal_number must be a signal.Signals or its name, "
                f"got {signal_number!r}"
            )
        if (
            isinstance(signal_number, str)
            and signal_number not in signal_module.Signals.__members__
        ):
            raise ValueError(f"SignalProcess: there is no signal '{signal_number}'")
        self.signal = signal_number

    @property
    def signal_name(self) -> str:
        """Name of the signal, such as 'SIGINT'."""
        return self.signal if isinstance(self.signal, str) else self.signal.name


# A process that has not been started has no details and never matches.


def matches_pid(pid: int) -> Callable[[Action], bool]:
    """Return a predicate that is true for the process with this id."""
    return lambda action: _details(action).get("pid") == pid


def matches_name(name: str) -> Callable[[Action], bool]:
    """Return a predicate that is true for the process with this final name ('talker-1')."""
    return lambda action: _details(action).get("name") == name


def matches_executable(executable: str) -> Callable[[Action], bool]:
    """Return a predicate that is true where the command's first word ends so."""
    return lambda action: _details(action).get("cmd", [""])[0].endswith(executable)


def _details(action: Any) -> dict[str, Any]:
    return action.process_details or {}
