"""Which processes a launch has started: a file in its log folder, for the launch that comes next.

The guard (process_guard.py) ends the processes of a launcher that is killed. Where both are killed,
at once or by the machine's lack of memory, the record is what is left: its lock ends with the
launcher, and whoever finds it unlocked ends what still runs.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

from .logging import launch_config
from .process_guard import end_groups

NAME = "processes"


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
    end_groups(ended)
    return ended
