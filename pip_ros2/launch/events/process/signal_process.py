"""SignalProcess: a process shall be sent a signal."""

from __future__ import annotations

import signal as signal_module
from collections.abc import Callable
from typing import TYPE_CHECKING

from .process_targeted_event import ProcessTargetedEvent

if TYPE_CHECKING:
    from ...actions.execute_local import ExecuteLocal


class SignalProcess(ProcessTargetedEvent):
    """Sends a signal, given as `signal.SIGUSR1` or as its name 'SIGUSR1'."""

    name = "launch.events.process.SignalProcess"

    def __init__(
        self,
        *,
        signal_number: str | signal_module.Signals,
        process_matcher: Callable[[ExecuteLocal], bool],
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
