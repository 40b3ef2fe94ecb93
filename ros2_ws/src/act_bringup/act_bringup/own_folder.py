"""A temporary folder of one launch, which goes with it; those of killed ones go with the next."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

LOCK = ".in_use"
_held: list[int] = []  # file descriptors, locked until this process ends


def own_folder(name: str) -> Path:
    """A new folder in the system's folder for temporary files."""
    for old in Path(tempfile.gettempdir()).glob(f"{name}_*"):
        if _is_left_over(old):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{name}_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _held.append(os.open(folder / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC))
    fcntl.flock(_held[-1], fcntl.LOCK_EX)
    return folder


def _is_left_over(folder: Path) -> bool:
    """True where the process that made the folder has ended. A lock ends with its process."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR)
    except OSError:  # somebody else's, or one that is being made at this moment
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
