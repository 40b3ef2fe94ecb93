"""Does memory stay as it is? Every node of the simulated task at work, for an hour. One JSON line.

    python -m bench.memory --seconds 3600
    python -m bench.memory --seconds 3600 --launch real_so101.launch.py hardware:=emulated

Starts the launch file as a user would and looks at the resident memory of its processes every ten
seconds. Given are its values after a tenth of the time and after each quarter, and the slope of a
line through the second half: queues fill up to their depth the first time that something is late.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from bench._machine import cpu_name

INTERVAL_S = 10.0
SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)  # of the time


def children(pid: int) -> list[int]:
    """All processes below ``pid``."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        parents[int(entry.parent.name)] = int(fields[1])
    found, level = [], [pid]
    while level:
        level = [child for child, parent in parents.items() if parent in level]
        found += level
    return found


def name_of(pid: int) -> str:
    """The node that a process runs; its number if it is none."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return next((Path(word).name for word in words if word.endswith("_node")), str(pid))


def resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--launch", nargs="+", default=["sim.launch.py", "seed:=700000"])
    arguments = parser.parse_args()
    launch = subprocess.Popen(
        ["ros2", "launch", "act_bringup", *arguments.launch], stdout=subprocess.DEVNULL
    )
    samples: dict[str, list[tuple[float, float]]] = {}  # node -> time [s] and memory [MB]
    begin = time.monotonic()
    try:
        while (at := time.monotonic() - begin) < arguments.seconds and launch.poll() is None:
            for pid in children(launch.pid):
                try:
                    samples.setdefault(name_of(pid), []).append((at, resident_mb(pid)))
                except OSError:
                    continue
            time.sleep(INTERVAL_S)
    finally:
        ended = launch.poll()
        launch.send_signal(signal.SIGINT)
        launch.wait(30)
    if ended is not None:
        sys.exit(f"the launch ended by itself with code {ended}")
    nodes = {}
    for name, values in samples.items():
        times, memory = np.array(values).T
        late = times >= 0.5 * times[-1]
        if late.sum() < 3:
            continue  # a process that was there for a moment
        slope = np.polyfit(times[late], memory[late], 1)[0]
        at = np.interp([share * times[-1] for share in SHARES], times, memory)
        nodes[name] = {
            "mb": dict(zip(map(str, SHARES), at.round(1).tolist(), strict=True)),
            "growth_mb_per_hour": round(float(3600 * slope), 2),
        }
    print(json.dumps({
        "bench": "memory",
        "cpu": cpu_name(),
        "launch": " ".join(arguments.launch),
        "seconds": arguments.seconds,
        "nodes": nodes,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
