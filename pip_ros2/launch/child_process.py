"""A process in a session of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import signal
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

from .process_guard import group_is_alive, guard
from .process_record import record

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

    async def start(
        self,
        cmd: Sequence[str],
        *,
        cwd: str | None,
        env: Mapping[str, str] | None,
        shell: bool,
        emulate_tty: bool,
    ) -> None:
        """Start it; raises OSError if that is impossible (not found, not executable)."""
        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {"cwd": cwd, "env": env, "start_new_session": True}
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            masters = []
            for stream in ("stdout", "stderr") if emulate_tty else ():
                master, options[stream] = pty.openpty()
                masters.append(ours.enter_context(os.fdopen(master, "rb", buffering=0)))
                theirs.callback(os.close, options[stream])
            if shell:
                await loop.subprocess_shell(lambda: self, " ".join(cmd), **options)
            else:
                await loop.subprocess_exec(lambda: self, *cmd, **options)
            ours.pop_all()
        for fd, terminal in enumerate(masters, start=1):
            reader = partial(_TerminalReader, self, fd)
            transport, _ = await loop.connect_read_pipe(reader, terminal)
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
