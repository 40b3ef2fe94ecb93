"""An emulated bus on a pseudo-terminal, for programs that open serial ports."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
import tty
from contextlib import ExitStack
from pathlib import Path

from act_core.errors import ConfigurationError
from act_core.files import lock
from act_core.realtime import request_fifo
from act_core.timing import NS_PER_S, MonotonicClock, to_ns

from so101_driver.emulator.bus import EmulatedBus

IDLE_S = 0.002  # between steps of the physics: little is left to do when a request comes
_BAUD_RATES = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name.startswith("B") and name[1:].isdigit() and name != "B0"
}


class PtyPort:
    """Serves ``bus`` under the file name ``path``, a link to a pseudo-terminal.

    While the bus' ``port_gone`` is set, there is no such file and open ports are hung up. Raises
    ConfigurationError where ``path`` is something else already, or another process serves it.

    priority: SCHED_FIFO of the serving thread, where it is granted; 0 for none. A servo never waits
    for a processor: without priority, other programs make replies late on a loaded machine.
    """

    def __init__(self, bus: EmulatedBus, path: Path, priority: int = 0) -> None:
        if path.exists() and not path.is_symlink():
            raise ConfigurationError(f"{path} exists already and is no link: choose another name")
        self._locked = ExitStack()
        path.parent.mkdir(parents=True, exist_ok=True)
        # A link that was left behind is replaced; that of another emulator is not.
        self._locked.enter_context(lock(path.with_name(f".{path.name}.lock"), f"port {path}"))
        self.bus = bus
        self.path = path
        self._priority = priority
        self._clock = MonotonicClock()
        self._descriptors: tuple[int, int] | None = None  # of the bus' and the host's end
        self._wake_read, self._wake_write = os.pipe()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._plug_in()

    def __enter__(self) -> PtyPort:
        """Serves from a thread of its own until the end of the `with`."""
        self._thread = threading.Thread(target=self.serve, name="emulator", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        if self._thread is not None:
            self._thread.join()
        self._unplug()
        self._locked.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def close(self) -> None:
        """Ends `serve`, from another thread or a signal handler."""
        self._closing.set()
        os.write(self._wake_write, b"x")

    def serve(self) -> None:
        """Answers until `close`."""
        request_fifo(self._priority)
        while not self._closing.is_set():
            now_ns = self._clock.now_ns()
            self.bus.advance(now_ns)
            if self.bus.port_gone:
                self._unplug()
            elif self._descriptors is None:
                self._plug_in()
            self._exchange(now_ns)

    def _exchange(self, now_ns: int) -> None:
        """Waits until something arrives or is due, and passes it on."""
        due_ns = self.bus.next_due_ns()
        wait_s = IDLE_S if due_ns is None else min(IDLE_S, max(0, due_ns - now_ns) / NS_PER_S)
        watched = [self._wake_read]
        if self._descriptors is not None:
            watched.append(self._descriptors[0])
        ready = select.select(watched, [], [], wait_s)[0]
        if self._descriptors is None:
            return
        if self._descriptors[0] in ready:
            data = os.read(self._descriptors[0], 4096)
            self._adopt_baud()
            self.bus.receive(data, self._clock.now_ns())
        if data := self.bus.transmit(self._clock.now_ns()):
            # A host that does not read loses what does not fit.
            with contextlib.suppress(BlockingIOError):
                os.write(self._descriptors[0], data)

    def _adopt_baud(self) -> None:
        """The bus runs at what the host has set its port to."""
        assert self._descriptors is not None
        speed = termios.tcgetattr(self._descriptors[0])[5]
        # A rate without a constant of its own (250000, 128000) cannot be told from here.
        self.bus.baud = _BAUD_RATES.get(speed, self.bus.baud)

    def _plug_in(self) -> None:
        inner, outer = os.openpty()
        tty.setraw(outer)
        os.set_blocking(inner, False)
        self._descriptors = (inner, outer)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(outer))

    def _unplug(self) -> None:
        if self._descriptors is None:
            return
        self.path.unlink(missing_ok=True)
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = None


def wait_for_port(path: Path, timeout_s: float = 10.0) -> bool:
    """Whether the port of an emulator in another process appears in time."""
    clock = MonotonicClock()
    deadline_ns = clock.now_ns() + to_ns(timeout_s)
    while clock.now_ns() < deadline_ns:
        if path.exists():
            return True
        clock.sleep_until_ns(clock.now_ns() + to_ns(0.02))
    return False
