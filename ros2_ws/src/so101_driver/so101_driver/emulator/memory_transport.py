"""The emulated bus inside this process, in virtual time: for tests and soaks that never wait."""

from __future__ import annotations

from act_core.timing import FakeClock

from so101_driver.bus_errors import PortError
from so101_driver.emulator.bus import EmulatedBus


class MemoryTransport:
    """A `Transport` whose clock jumps to where something happens."""

    def __init__(self, bus: EmulatedBus, clock: FakeClock) -> None:
        self.baud = bus.baud
        self._bus = bus
        self._clock = clock
        self._input = bytearray()
        self._closed = False
        self._check()

    def write(self, data: bytes) -> None:
        self._check()
        self._bus.receive(data, self._clock.now_ns())

    def read(self, deadline_ns: int) -> bytes:
        while True:
            self._check()
            self._input += self._bus.transmit(self._clock.now_ns())
            if self._input or self._clock.now_ns() >= deadline_ns:
                data = bytes(self._input)
                self._input.clear()
                return data
            due_ns = self._bus.next_due_ns()
            self._clock.sleep_until_ns(deadline_ns if due_ns is None else min(due_ns, deadline_ns))

    def discard_input(self) -> int:
        return len(self.read(0))

    def set_baud(self, baud: int) -> None:
        self._check()
        self.baud = self._bus.baud = baud

    def close(self) -> None:
        self._closed = True

    def _check(self) -> None:
        self._bus.advance(self._clock.now_ns())
        if self._closed or self._bus.port_gone:
            self._closed = True  # a port that comes back must be opened again
            raise PortError("the emulated port is gone: was it unplugged?")
