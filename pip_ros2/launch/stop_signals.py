"""StopSignals: SIGINT, SIGTERM and the like, turned into an orderly end of the launch."""

from __future__ import annotations

import asyncio
import signal
from logging import Logger
from typing import TYPE_CHECKING

from .events.process.signal_process import SignalProcess

if TYPE_CHECKING:
    from .launch_service import LaunchService

# SIGHUP: the terminal was closed. It is left alone where it is ignored (nohup).
_TERMINATING = (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


class StopSignals:
    """While entered, handles the signals that ask the launcher to stop.

    The first SIGINT (Ctrl-C) shuts the launch down: every process gets SIGINT, and SIGTERM and
    SIGKILL if its time-outs pass. Whoever is in a hurry presses Ctrl-C again: the second sends
    SIGTERM at once, the third SIGKILL. SIGTERM, SIGQUIT and SIGHUP shut down in the same orderly
    way, and the launch returns 1.
    """

    def __init__(self, service: LaunchService, logger: Logger) -> None:
        self._service = service
        self._logger = logger
        self._interrupts = 0
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> StopSignals:
        loop = asyncio.get_running_loop()
        handlers = {signal.SIGINT: self._on_interrupt}
        handlers.update(dict.fromkeys(_TERMINATING, self._on_terminate))
        for signum, handler in handlers.items():
            previous = signal.getsignal(signum)
            if signum is signal.SIGHUP and previous is signal.SIG_IGN:
                continue
            self._previous[signum] = previous
            loop.add_signal_handler(signum, handler, signum)
        return self

    def __exit__(self, *exc_info: object) -> None:
        loop = asyncio.get_running_loop()
        for signum, previous in self._previous.items():
            loop.remove_signal_handler(signum)
            if previous is not None:  # None: not set from Python, so Python cannot restore it
                signal.signal(signum, previous)  # type: ignore[arg-type]

    def _on_interrupt(self, signum: signal.Signals) -> None:
        self._interrupts += 1
        if self._interrupts == 1:
            self._logger.warning("user interrupted with ctrl-c (SIGINT)")
            self._service._shut_down("ctrl-c (SIGINT)", due_to_sigint=True)
            return
        escalated = signal.SIGTERM if self._interrupts == 2 else signal.SIGKILL
        self._logger.warning(
            "user interrupted with ctrl-c (SIGINT) again, sending '%s' now", escalated.name
        )
        self._service.context.emit_event_sync(
            SignalProcess(signal_number=escalated, process_matcher=lambda process: True)
        )

    def _on_terminate(self, signum: signal.Signals) -> None:
        self._logger.error("launch was asked to end (%s), ending its processes", signum.name)
        self._service._return_code = 1
        self._service._shut_down(f"{signum.name} received")
