"""Which processes a launch has started: a file in its log folder, for the launch that comes next.

The guard (process_guard.py) ends the processes of a launcher that is killed. Where both are killed,
at once or by the machine's lack of memory, the record is what is left: its lock ends with the
launcher, and whoever finds it unlocked ends what still runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from pathlib import Path
from typing import IO

from .logging import launch_config

NAME = "processes"
# A driver may be moving its arm to rest after the first.
_STEPS = ((signal.SIGINT, 30.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 1.0))
_POLL_S = 0.05


class ProcessRecord:
    """The launcher's side."""

    def __init__(self) -> None:
        self._file: IO[str] | None = None

    def add(self, pid: int) -> None:
        """A process has been started, the leader of a group of its own."""
        if self._file is None:
            self._file = open(launch_config.get_log_file_path(NAME), "w", encoding="ascii")  # noqa: SIM115
            fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.write(f"{pid} {started(pid)}\n")
        self._file.flush()


record = ProcessRecord()


def started(pid: int) -> str:
    """When a process was started [ticks since boot], which tells it from a later one of that id.

    Empty where there is none, and where the system does not tell.
    """
    try:
        # "pid (name) state ppid ... starttime ...", where the name may contain anything: proc(5)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def end_left_over(logs: Path) -> list[int]:
    """End what launches that were killed have left running; the ids of those processes."""
    ended: list[int] = []
    for path in logs.glob(f"*/{NAME}"):
        try:
            with path.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                ended += [
                    int(pid) for pid, when in map(str.split, file) if started(int(pid)) == when
                ]
                path.unlink()
        except (OSError, ValueError):  # in use, or another's, or gone by now
            continue
    for signum, patience_s in _STEPS:
        for pid in filter(group_is_alive, ended):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signum)
        deadline = time.monotonic() + patience_s
        while any(map(group_is_alive, ended)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    return ended


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
