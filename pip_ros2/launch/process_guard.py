"""ProcessGuard: ends the launched processes when the launcher cannot do so any more.

A launcher that is killed with SIGKILL or crashes cannot end anything. So it starts, with its first
process, this file as a second, tiny process in a session of its own, and tells it through a pipe
which process groups exist. When the pipe closes, the launcher is gone: whatever is left gets
SIGINT, then SIGTERM, then SIGKILL. (PR_SET_PDEATHSIG would end the direct children only, without
an orderly end, and needs Python code between fork and exec.)

This file imports nothing but the standard library, and is started without site packages.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

# A driver may be moving its arm to rest after the first.
_PATIENCE_S = ((signal.SIGINT, 30.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 1.0))
_POLL_S = 0.05


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
        # Somebody may have ended the guard; the next `watch` starts another.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("".join(f"{line}\n" for line in lines).encode())
            self._process.stdin.flush()


guard = ProcessGuard()


def end_groups(groups: Iterable[int]) -> None:
    """End process groups in order, and wait until they have ended."""
    left = list(groups)
    for signum, patience_s in _PATIENCE_S:
        for pgid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pgid, signum)
        deadline = time.monotonic() + patience_s
        while (left := list(filter(group_is_alive, left))) and time.monotonic() < deadline:
            time.sleep(_POLL_S)


def group_is_alive(pgid: int) -> bool:
    """Return whether the process group has a member that is not a zombie."""
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # The signal reached a zombie or a live process. Orphaned zombies may stay for good where
    # process 1 does not collect them (containers), so /proc is asked where there is one.
    stats = list(Path("/proc").glob("[0-9]*/stat"))
    return not stats or any(_is_live_member(stat, pgid) for stat in stats)


def _is_live_member(stat: Path, pgid: int) -> bool:
    try:
        # "pid (name) state ppid pgrp ...", where the name may contain anything: proc(5)
        state, _, group = stat.read_text(errors="replace").rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return False
    return int(group) == pgid and state not in "ZX"


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
    end_groups(groups)


if __name__ == "__main__":
    _main()
