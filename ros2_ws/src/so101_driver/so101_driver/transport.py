"""Bytes to and from a serial port: the only file that knows pyserial."""

from __future__ import annotations

import contextlib
import errno
import os
import select
from pathlib import Path
from typing import Protocol

import serial
from act_core.timing import NS_PER_S, Clock, MonotonicClock

from so101_driver.bus_errors import NoPortError, PortError

DEFAULT_BAUD = 1_000_000
READ_SIZE = 4096


class Transport(Protocol):
    """What the bus needs of a port. Every method raises PortError when the port is gone."""

    baud: int

    def write(self, data: bytes) -> None:
        """Sends all of ``data``, in one piece: a servo takes a gap for the end of a packet."""
        ...

    def read(self, deadline_ns: int) -> bytes:
        """What has arrived: waits for at least one byte, or until ``deadline_ns`` of the bus'
        clock, and returns b"" then."""
        ...

    def discard_input(self) -> int:
        """Throws away what has arrived; returns how many bytes that were."""
        ...

    def set_baud(self, baud: int) -> None:
        """Goes on at another rate."""
        ...

    def close(self) -> None:
        """Gives the port back; what follows raises PortError."""
        ...


class SerialTransport:
    """A serial port of the operating system, for this process alone.

    Reads and writes go to the file descriptor: pyserial's own loop costs several system calls a
    byte. Raises PortError with what to do when the port cannot be opened.
    """

    def __init__(self, port: str, baud: int = DEFAULT_BAUD, clock: Clock | None = None) -> None:
        self.port = port
        self.baud = baud
        self._clock = clock if clock is not None else MonotonicClock()
        try:
            self._serial = serial.Serial(
                port, baud, timeout=0, write_timeout=1.0, exclusive=True
            )  # fmt: skip
        except (serial.SerialException, OSError) as error:
            kind = NoPortError if _is_missing(port, error) else PortError
            raise kind(_why_not(port, error)) from error
        except ValueError as error:
            raise PortError(f"{port}: {baud} baud is refused: {error}") from error
        _ask_for_low_latency(self._serial, port)
        self._descriptor = self._serial.fileno()
        self.discard_input()  # what a servo said to an earlier program

    def write(self, data: bytes) -> None:
        self._check_open()
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except BlockingIOError:
            raise PortError(f"{self.port} takes no more bytes: is the adapter alive?") from None
        except OSError as error:
            raise self._gone(error) from error

    def read(self, deadline_ns: int) -> bytes:
        self._check_open()
        wait_s = max(0, deadline_ns - self._clock.now_ns()) / NS_PER_S
        try:
            # Not poll(): its timeout counts in whole milliseconds.
            if not select.select([self._descriptor], [], [], wait_s)[0]:
                return b""
            data = os.read(self._descriptor, READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._gone(error) from error
        if not data:  # readable, and nothing there: the other end hung up
            raise self._gone(None)
        return data

    def discard_input(self) -> int:
        count = 0
        while count < 4 * READ_SIZE and (data := self.read(0)):  # some lines are never silent
            count += len(data)
        return count

    def set_baud(self, baud: int) -> None:
        self._check_open()
        try:
            self._serial.baudrate = baud
        except (serial.SerialException, OSError, ValueError) as error:
            raise PortError(f"{self.port}: {baud} baud is refused: {error}") from error
        self.baud = baud

    def close(self) -> None:
        if self._serial.is_open:
            # Closing a port that was pulled out raises what is known already.
            with contextlib.suppress(OSError, serial.SerialException):
                self._serial.close()

    def _check_open(self) -> None:
        if not self._serial.is_open:
            raise PortError(f"{self.port} is closed")

    def _gone(self, error: OSError | None) -> PortError:
        why = f" ({error.strerror})" if error is not None else ""
        return PortError(f"{self.port} is gone{why}: was it unplugged?")


def _is_missing(port: str, error: OSError) -> bool:
    return error.errno == errno.ENOENT or (error.errno is None and not Path(port).exists())


def _why_not(port: str, error: OSError) -> str:
    """What keeps a port from being opened, and what to do."""
    number = error.errno
    if _is_missing(port, error):
        candidates = sorted(str(path) for path in Path("/dev").glob("tty[AU][CS][MB]*"))
        found = f"there are {', '.join(candidates)}" if candidates else "there is no other either"
        return f"there is no port {port}: is the adapter plugged in? ({found})"
    if number in (errno.EACCES, errno.EPERM):
        return f"{port}: no permission; add yourself to its group: sudo usermod -aG dialout $USER"
    if number in (errno.EBUSY, errno.EAGAIN):
        return f"{port} is in use by another program; `fuser {port}` says which"
    return f"{port} cannot be opened: {error}"


def _ask_for_low_latency(port: serial.Serial, name: str) -> None:
    """FTDI adapters collect bytes for 16 ms by default; 1 ms is what a control loop needs.

    Neither way exists for every adapter (CDC devices need none), so refusals are no error.
    """
    with contextlib.suppress(OSError, ValueError, NotImplementedError, AttributeError):
        port.set_low_latency_mode(True)
    device = Path(name).resolve().name
    with contextlib.suppress(OSError):
        Path(f"/sys/bus/usb-serial/devices/{device}/latency_timer").write_text("1")
