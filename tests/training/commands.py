"""Commands of the project as processes of their own, to be stopped, killed or run out of disk."""

from __future__ import annotations

import getpass
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.ros_rig import pause

ROOT = Path(__file__).resolve().parents[2]


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
        pause()


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder, by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


SHORT_NAME = 5  # a user or host called "vm" or "root" is found by chance in any binary file


def traces_of_this_computer(folder: Path) -> list[str]:
    """Which files in `folder` hold what of it: a folder, the user's name, the host's, in their
    content or in their name."""
    home, names = Path.home(), {getpass.getuser(), socket.gethostname()}
    traces = {str(folder), str(ROOT), str(Path.cwd()), sys.prefix, tempfile.gettempdir() + "/"}
    traces |= {str(home)} if len(home.parts) > 2 else {f"{home}/"}
    traces |= {name for name in names if len(name) >= SHORT_NAME}
    found = []
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        found += [
            f"{path.relative_to(folder)} holds {t!r}" for t in traces if t.encode() in content
        ]
        host = socket.gethostname()
        if host in re.split(r"[._-]", path.name):
            found.append(f"{path.relative_to(folder)} is named after the host")
    return found
