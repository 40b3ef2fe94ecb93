"""Commands of the project as processes of their own, to be stopped, killed or run out of disk."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def start(module: str, *arguments: object, largest_file: int | None = None) -> subprocess.Popen:
    """`python -m MODULE ARGUMENTS` in a process group of its own, as a shell starts it.

    Args:
        largest_file: bytes; whoever writes beyond gets an error, as on a full disk.
    """

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=limit,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def wait_for(condition: Callable[[], bool], child: subprocess.Popen) -> None:
    """Returns when `condition` holds; fails when the child ends before."""
    while not condition():
        assert child.poll() is None, child.communicate()
        os.sched_yield()


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
