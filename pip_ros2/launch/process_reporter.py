"""ProcessReporter: log lines and events about one process."""

from __future__ import annotations

from collections.abc import Callable
from logging import Logger
from typing import TYPE_CHECKING, Any

from .events.process import ProcessExited, ProcessStarted, ProcessStderr, ProcessStdout
from .flood_gate import FloodGate
from .launch_context import LaunchContext
from .line_splitter import LineSplitter
from .logging import get_logger
from .process_supervisor import ProcessPlan

if TYPE_CHECKING:
    from .actions.execute_local import ExecuteLocal


class ProcessReporter:
    """Logs what a process prints and how it ends, and emits the events that tell the others.

    The lines are logged as they arrive, not when the events about them are handled, so that all
    of them stand before the message about the end.
    """

    def __init__(
        self,
        action: ExecuteLocal,
        plan: ProcessPlan,
        context: LaunchContext,
        output: tuple[Logger, Logger],
        format_line: Callable[[str], str],
    ) -> None:
        self._plan = plan
        self._context = context
        self._logger = get_logger(plan.name)
        self._gates = {
            fd: FloodGate(_line_logger(logger, format_line))
            for fd, logger in enumerate(output, start=1)
        }
        self._lines = {fd: LineSplitter(gate) for fd, gate in self._gates.items()}
        self.details: dict[str, Any] = {
            "action": action,
            "name": plan.name,
            "cmd": plan.cmd,
            "cwd": plan.cwd,
            "env": plan.env,
        }
        self.return_code: int | None = None

    def started(self, pid: int) -> None:
        """Report that the process runs."""
        self.details["pid"] = pid
        self._context.emit_event_sync(ProcessStarted(**self.details))

    def printed(self, fd: int, data: bytes) -> None:
        """Report what the process printed to its standard output (1) or error (2)."""
        self._lines[fd].feed(data)
        event = ProcessStdout if fd == 1 else ProcessStderr
        self._context.emit_event_sync(event(text=data, **self.details))

    def exited(self, pid: int, return_code: int) -> None:
        """Report that the process has ended."""
        for fd, lines in self._lines.items():
            lines.flush()
            self._gates[fd].flush()
        if return_code == 0:
            self._logger.info("process has finished cleanly [pid %d]", pid)
        else:
            self._logger.error(
                "process has died [pid %d, exit code %d, cmd '%s'].",
                pid,
                return_code,
                self._plan.words,
            )
        self.return_code = return_code
        self._context.emit_event_sync(ProcessExited(returncode=return_code, **self.details))


def _line_logger(logger: Logger, format_line: Callable[[str], str]) -> Callable[[str], None]:
    return lambda line: logger.info("%s", format_line(line))
