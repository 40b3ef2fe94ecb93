"""How punctual this machine is without us: a loop that only waits, in a process of its own.

A benchmark runs it beside what it measures, at the same rate and priority: what is late in both is
the machine's doing (other programs, a host that takes the processor away), not the code's.

Each turn also sends a byte through a pseudo-terminal. Linux hands it from one end to the other in a
kernel worker, an ordinary thread that waits behind ordinary programs, whatever the priority of
those who write and read; an emulated bus goes that way twice in a cycle. ``pty_ms`` is its time.
``stolen`` is the share of the processor's time that a virtual machine's host gave to others.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from act_core.realtime import prepare_process, request_fifo
from act_core.timing import NS_PER_S, MonotonicClock, PeriodicSchedule

from bench._machine import percentiles_to_max_ms

LOST_S = 1.0  # a byte that takes longer
STEAL = 8  # column of /proc/stat, see proc(5)


@contextmanager
def host_jitter(rate_hz: float, priority: int) -> Iterator[dict[str, object]]:
    """Runs the loop inside the `with`; the dictionary has its result afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench._host_jitter", str(rate_hz), str(priority)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found: dict[str, object] = {}
    try:
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        answer, _ = process.communicate()
    found.update(json.loads(answer))


def main() -> None:
    """Until SIGTERM; prints one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rate_hz", type=float)
    parser.add_argument("priority", type=int, help="SCHED_FIFO; 0: none")
    arguments = parser.parse_args()
    signals: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: signals.append(number))
    clock, schedule = MonotonicClock(), PeriodicSchedule(1 / arguments.rate_hz)
    late_s: list[float] = []
    pty_s: list[float] = []
    near, far = os.openpty()
    tty.setraw(far)
    prepare_process()
    granted = request_fifo(arguments.priority)
    before = _processor_times()
    while not signals:
        late_s.append(schedule.wait().lateness_s)
        before_ns = clock.now_ns()
        os.write(far, b"x")
        if select.select([near], [], [], LOST_S)[0]:
            os.read(near, 1)
        pty_s.append((clock.now_ns() - before_ns) / NS_PER_S)
    after = _processor_times()
    result = {
        "lateness_ms": percentiles_to_max_ms(late_s),
        "pty_ms": percentiles_to_max_ms(pty_s),
        "ticks": len(late_s),
        "fifo": granted,
        "stolen": round((after[STEAL] - before[STEAL]) / (sum(after) - sum(before)), 5),
    }
    print(json.dumps(result))


def _processor_times() -> list[int]:
    """Of all cores together, by column from 1 on [clock ticks]; the first is no time."""
    with open("/proc/stat", encoding="ascii") as file:
        return [0, *map(int, file.readline().split()[1:])]


if __name__ == "__main__":
    main()
