"""A process in a session of its own, kept running as long as it is wanted, ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from logging import Logger
from typing import Any, cast

from .process_guard import guard
from .process_record import group_is_alive, record

# How long the output of an ended process is still waited for. It is complete at once, unless a
# process in the background holds the pipes open.
_DRAIN_S = 0.2
_POLL_S = 0.05


class ChildProcess(asyncio.SubprocessProtocol):
    """A process: `on_started(pid)` is called, then `on_output(fd, data)` with fd 1 or 2.

    The process leads a session and process group of its own. So a Ctrl-C in the terminal reaches
    only the launcher, which passes it on once, and `signal` and `group_ended` include whatever
    the process has started itself. The guard ends the group if the launcher is killed.
    """

    def __init__(
        self, on_started: Callable[[int], None], on_output: Callable[[int, bytes], None]
    ) -> None:
        self._on_started = on_started
        self._on_output = on_output
        self._exited = asyncio.Event()
        self._open_streams: set[int] = {1, 2}
        self._drained = asyncio.Event()
        self._transport: asyncio.SubprocessTransport
        self._terminals: list[asyncio.ReadTransport] = []
        self.pid = 0

    @classmethod
    async def start(
        cls,
        cmd: Sequence[str],
        *,
        cwd: str | None,
        env: Mapping[str, str] | None,
        shell: bool,
        emulate_tty: bool,
        on_started: Callable[[int], None],
        on_output: Callable[[int, bytes], None],
    ) -> ChildProcess:
        """Start a process; raises OSError if that is impossible (not found, not executable)."""
        loop = asyncio.get_running_loop()
        child = cls(on_started, on_output)
        masters, slaves = [], []
        options: dict = {"cwd": cwd, "env": env, "start_new_session": True}
        try:
            if emulate_tty:
                for stream in ("stdout", "stderr"):
                    master, slave = pty.openpty()
                    masters.append(master)
                    slaves.append(slave)
                    options[stream] = slave
            if shell:
                await loop.subprocess_shell(lambda: child, " ".join(cmd), **options)
            else:
                await loop.subprocess_exec(lambda: child, *cmd, **options)
        except BaseException:
            for master in masters:
                os.close(master)
            raise
        finally:
            for slave in slaves:
                os.close(slave)
        for fd, master in enumerate(masters, start=1):
            await child._read_terminal(fd, master)
        return child

    async def _read_terminal(self, fd: int, master: int) -> None:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: _TerminalReader(self, fd), os.fdopen(master, "rb", buffering=0)
        )
        self._terminals.append(transport)

    # -- called by asyncio ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self.pid = self._transport.get_pid()
        guard.watch(self.pid)
        record.add(self.pid)
        self._on_started(self.pid)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._on_output(fd, data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self._open_streams.discard(fd)
        if not self._open_streams:
            self._drained.set()

    def process_exited(self) -> None:
        self._exited.set()

    # -- interface --------------------------------------------------------------------------

    async def wait(self) -> int:
        """Wait for the end and the last output; return the exit code (-N: ended by signal N)."""
        await self._exited.wait()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._drained.wait(), _DRAIN_S)
        return cast(int, self._transport.get_returncode())

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to the process and all that it has started, as far as they still run.

        Raises PermissionError if they run as another user.
        """
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signum)

    async def group_ended(self) -> None:
        """Wait until the process and all that it has started have ended."""
        await self._exited.wait()
        while group_is_alive(self.pid):
            await asyncio.sleep(_POLL_S)

    def close(self) -> None:
        """Let go of the pipes, and of the guard if the process has ended."""
        if self._exited.is_set():
            guard.forget(self.pid)
        self._transport.close()
        for terminal in self._terminals:
            terminal.close()


class _TerminalReader(asyncio.Protocol):
    """Passes what arrives on a pseudo terminal to the process."""

    def __init__(self, child: ChildProcess, fd: int) -> None:
        self._child = child
        self._fd = fd

    def data_received(self, data: bytes) -> None:
        self._child.pipe_data_received(self._fd, data)

    def connection_lost(self, exc: Exception | None) -> None:
        # A terminal whose other end is closed reads as an error (EIO) rather than as an end.
        self._child.pipe_connection_lost(self._fd, None)


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
