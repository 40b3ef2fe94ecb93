"""Two network namespaces and a cable between them whose delay, jitter and loss are chosen.

The cable is this process: a TAP device in either namespace, and a thread that hands every frame on
when its time has come. It does what `tc netem` does, and needs no kernel module, but root.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
MTU = 9000
NETWORK = "10.177.0"
ENDS = ("robot", "gpu")


class Cable:
    """Carries frames from one end to the other, in order.

    Args:
        delay_s: one way.
        jitter_s: added to it or taken from it at most, evenly.
        loss: share of frames that do not arrive.
        seed: of jitter and loss.
    """

    def __init__(self, delay_s: float, jitter_s: float, loss: float, seed: int = 0) -> None:
        self.delay_s, self.jitter_s, self.loss = delay_s, jitter_s, loss
        self.is_cut = False
        self.carried = self.lost = 0
        self._random = random.Random(seed)
        name = f"act{os.getpid() % 100_000}"
        self.namespaces = [f"{name}{end}" for end in ENDS]
        self._devices = [f"{name}{end[0]}" for end in ENDS]
        self._ends: list[int] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cable", daemon=True)

    def open(self) -> None:
        """Makes both namespaces; CalledProcessError or OSError without the right to."""
        for index, (namespace, device) in enumerate(
            zip(self.namespaces, self._devices, strict=True)
        ):
            end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            self._ends.append(end)
            fcntl.ioctl(
                end, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP | IFF_NO_PI)
            )
            _ip("netns", "add", namespace)
            _ip("link", "set", device, "netns", namespace)
            _ip("-n", namespace, "addr", "add", f"{NETWORK}.{index + 1}/24", "dev", device)
            _ip("-n", namespace, "link", "set", device, "mtu", str(MTU), "up")
            _ip("-n", namespace, "link", "set", "lo", "up")
            _ip("-n", namespace, "route", "add", "239.0.0.0/8", "dev", device)
        self._thread.start()

    def close(self) -> None:
        """Takes everything away that `open` made."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        for end in self._ends:
            os.close(end)
        for namespace in self.namespaces:
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "del", namespace)

    def inside(self, end: str, command: Sequence[str]) -> list[str]:
        """A command that runs at that end, one of ENDS."""
        return ["ip", "netns", "exec", self.namespaces[ENDS.index(end)], *command]

    def _run(self) -> None:
        waiting: list[tuple[float, int, int, bytes]] = []  # due, number, to, frame
        last_due = [0.0, 0.0]
        while not self._closing.is_set():
            now = time.monotonic()
            pause = max(0.0, waiting[0][0] - now) if waiting else 0.05
            readable, _, _ = select.select(self._ends, [], [], min(pause, 0.05))
            now = time.monotonic()
            for source in readable:
                with suppress(BlockingIOError):
                    while frame := os.read(source, MTU + 100):
                        to = 1 - self._ends.index(source)
                        if self.is_cut or self._random.random() < self.loss:
                            self.lost += 1
                            continue
                        self.carried += 1
                        delay = self.delay_s + self._random.uniform(-1, 1) * self.jitter_s
                        last_due[to] = max(last_due[to], now + delay)
                        heapq.heappush(waiting, (last_due[to], self.carried, to, frame))
            while waiting and waiting[0][0] <= now:
                _, _, to, frame = heapq.heappop(waiting)
                with suppress(OSError):  # a full queue: lost, as on a real one
                    os.write(self._ends[to], frame)


@contextmanager
def cable(delay_s: float, jitter_s: float, loss: float) -> Iterator[Cable]:
    """An open cable; it is taken away whatever happens."""
    laid = Cable(delay_s, jitter_s, loss)
    try:
        laid.open()
        yield laid
    finally:
        laid.close()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
