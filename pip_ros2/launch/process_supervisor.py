"""ProcessSupervisor: keeps a process running as long as it is wanted, and ends it in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from logging import Logger
from typing import Any

from .child_process import ChildProcess


@dataclass(frozen=True)
class ProcessPlan:
    """What to run, and for how long to be patient."""

    name: str
    cmd: Sequence[str]
    cwd: str | None
    env: Mapping[str, str] | None
    shell: bool
    emulate_tty: bool
    sigterm_timeout_s: float  # from SIGINT to SIGTERM
    sigkill_timeout_s: float  # from SIGTERM to SIGKILL
    respawn: bool
    respawn_delay_s: float
    max_respawns: int  # negative: without limit

    @property
    def words(self) -> str:
        """The command in one line."""
        return " ".join(word for word in self.cmd if word.strip())


@dataclass(frozen=True)
class ProcessCallbacks:
    """Who is told what the process does; called in the thread of the event loop."""

    started: Callable[[int], None]  # pid
    printed: Callable[[int, bytes], None]  # 1 (standard output) or 2 (error), data
    exited: Callable[[int, int], None]  # pid, exit code (-N: ended by signal N)


class ProcessSupervisor:
    """Runs one process after the other until none is wanted any more."""

    def __init__(self, plan: ProcessPlan, callbacks: ProcessCallbacks, logger: Logger) -> None:
        self._plan = plan
        self._callbacks = callbacks
        self._logger = logger
        self._child: ChildProcess | None = None
        self._end_wanted = asyncio.Event()

    def end(self) -> None:
        """End the process with SIGINT, SIGTERM, SIGKILL as time passes; do not start it again."""
        self._end_wanted.set()

    def send_signal(self, signum: signal.Signals) -> None:
        """Send a signal to the process, if it runs, and to all that it has started."""
        if self._child is not None:
            self._logger.info("sending signal '%s' to process[%s]", signum.name, self._plan.name)
            try:
                self._child.signal(signum)
            except PermissionError as error:
                self._logger.error("process[%s] cannot be signalled: %s", self._plan.name, error)

    async def run(self) -> None:
        """Run until the process has ended for good."""
        respawns_left = self._plan.max_respawns if self._plan.respawn else 0
        while not self._end_wanted.is_set():
            if not await self._run_once() or respawns_left == 0:
                return
            respawns_left -= 1
            await _passes(self._end_wanted.wait(), self._plan.respawn_delay_s)

    async def _run_once(self) -> bool:
        """Run the process once; False if it could not be started."""
        plan = self._plan
        try:
            child = await ChildProcess.start(
                plan.cmd,
                cwd=plan.cwd,
                env=plan.env,
                shell=plan.shell,
                emulate_tty=plan.emulate_tty,
                on_started=self._on_started,
                on_output=self._callbacks.printed,
            )
        except OSError as error:
            self._logger.error("process could not be started: %s [cmd '%s']", error, plan.words)
            return False
        self._child = child
        ending = asyncio.ensure_future(self._end_when_wanted(child))
        try:
            self._callbacks.exited(child.pid, await child.wait())
            if self._end_wanted.is_set():
                await ending  # what the process has started was told to end too: see that it does
        finally:
            ending.cancel()
            self._child = None
            child.close()
        return True

    def _on_started(self, pid: int) -> None:
        self._logger.info("process started with pid [%d]", pid)
        self._callbacks.started(pid)

    async def _end_when_wanted(self, child: ChildProcess) -> None:
        await self._end_wanted.wait()
        self.send_signal(signal.SIGINT)
        waited_s = 0.0
        for sent, patience_s, following in (
            (signal.SIGINT, self._plan.sigterm_timeout_s, signal.SIGTERM),
            (signal.SIGTERM, self._plan.sigkill_timeout_s, signal.SIGKILL),
        ):
            if await _passes(child.group_ended(), patience_s):
                return
            waited_s += patience_s
            self._logger.error(
                "process[%s] failed to terminate '%s' seconds after receiving '%s', "
                "escalating to '%s'",
                self._plan.name,
                waited_s,
                sent.name,
                following.name,
            )
            self.send_signal(following)
        await child.group_ended()


async def _passes(waiting: Coroutine[Any, Any, object], timeout_s: float) -> bool:
    """Return whether the wait is over within the time."""
    try:
        await asyncio.wait_for(waiting, timeout_s)
    except asyncio.TimeoutError:
        return False
    return True
