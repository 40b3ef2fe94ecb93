"""ProcessGuard: ends the launched processes when the launcher cannot do so any more.

A launcher that is killed with SIGKILL or crashes cannot end anything. So it starts, with its first
process, this file as a second, tiny process in a session of its own, and tells it through a pipe
which process groups exist. When the pipe closes, the launcher is gone: whatever is left gets
SIGINT, then SIGTERM, then SIGKILL. (PR_SET_PDEATHSIG would end the direct children only, without
an orderly end, and needs Python code between fork and exec.)
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

# As the default time-outs of ExecuteLocal.
_STEPS = ((signal.SIGINT, 5.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 0.0))


class ProcessGuard:
    """The launcher's side: starts the guard process when needed and tells it the groups."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._groups: set[int] = set()

    def watch(self, pgid: int) -> None:
        """From now on this process group is ended with the launcher."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                env={},
            )
            self._tell(*(f"+{group}" for group in self._groups))
        self._groups.add(pgid)
        self._tell(f"+{pgid}")

    def forget(self, pgid: int) -> None:
        """This process group has ended, or is not the launcher's concern any more."""
        self._groups.discard(pgid)
        self._tell(f"-{pgid}")

    def _tell(self, *lines: str) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write("".join(f"{line}\n" for line in lines).encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # somebody ended the guard; the next `watch` starts another


guard = ProcessGuard()


def _main() -> None:
    """Follow the launcher's lines until they end, then end the groups that are left."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        if line.startswith("+"):
            groups.add(int(line[1:]))
        else:
            groups.discard(int(line[1:]))
    for signum, patience_s in _STEPS:
        groups = {pgid for pgid in groups if _send(pgid, signum)}
        deadline = time.monotonic() + patience_s
        while groups and time.monotonic() < deadline:
            time.sleep(0.05)
            groups = {pgid for pgid in groups if _send(pgid, 0)}


def _send(pgid: int, signum: int) -> bool:
    try:
        os.killpg(pgid, signum)
    except (ProcessLookupError, PermissionError):
        return False
    return True


if __name__ == "__main__":
    _main()
