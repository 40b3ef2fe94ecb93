"""A ROS domain that no other test run of this computer has, for as long as this process lives."""

from __future__ import annotations

import os
import socket

COUNT = 100  # domains 1-100 leave their ports outside Linux's ephemeral range
_taken: list[socket.socket] = []


def take_domain() -> int:
    """The first free domain from one on that is different for most runs.

    A name in the abstract namespace of sockets is the lock: it goes with the process, however that
    ends, and is seen by nobody but this computer.
    """
    for number in range(COUNT):
        domain = 1 + (os.getpid() + number) % COUNT
        lock = socket.socket(socket.AF_UNIX)
        try:
            lock.bind(f"\0tests in ROS domain {domain}")
        except OSError:
            lock.close()
            continue
        _taken.append(lock)
        return domain
    raise RuntimeError(f"all {COUNT} ROS domains are taken by other test runs")
