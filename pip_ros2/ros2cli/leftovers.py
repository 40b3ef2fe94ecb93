"""What processes that were killed left in shared memory, cleaned when the next ones are started.

Fast DDS keeps a lock on `fastdds_<id>_el` (flock) for as long as it uses `fastdds_<id>`: 35 MB for
each participant with the profile of network.py. After SIGKILL the files stay, unlocked.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")


def clean(folder: Path = SHARED_MEMORY) -> int:
    """Remove the segments that nobody uses any more; how many those were."""
    removed = 0
    for lock in folder.glob(f"fastdds_{'[0-9a-f]' * 16}_el"):
        with contextlib.suppress(OSError):  # somebody else's, or cleaned by another at this moment
            removed += _remove_unless_locked(lock)
    return removed


def _remove_unless_locked(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Locked for as long as both are removed: whoever opens the lock now finds no segment.
        lock.with_name(lock.name.removesuffix("_el")).unlink(missing_ok=True)
        lock.unlink()
    finally:
        os.close(descriptor)
    return True
