"""The servo bus' packets: bytes to values and back. No port, no clock, no thread.

Instruction (host to servo)::   FF FF  ID  LENGTH  INSTRUCTION  parameters...  CHECKSUM
Status (servo to host)::        FF FF  ID  LENGTH  ERROR        parameters...  CHECKSUM

LENGTH counts the parameters + 2. CHECKSUM is the inverted low byte of the sum of everything between
the header and itself. Both directions have one layout, so one parser serves driver and emulator.
Source: Feetech's protocol manual as published with vassar-robotics/feetech-servo-sdk
(docs/reference/scs_communication_protocol.md).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import NamedTuple

HEADER = b"\xff\xff"
BROADCAST_ID = 0xFE
MAX_ID = 0xFD  # the highest that a servo can have
OVERHEAD = 6  # bytes of a packet without parameters
BITS_PER_BYTE = 10  # on the wire: 8 data bits, start and stop
SLOT_GAP_BYTES = 3  # between the replies to a sync read, in byte times


class Instruction(enum.IntEnum):
    """What a host can ask of a servo."""

    PING = 0x01
    READ = 0x02
    WRITE = 0x03
    REG_WRITE = 0x04
    ACTION = 0x05
    FACTORY_RESET = 0x06
    REBOOT = 0x08
    CALIBRATE = 0x0B  # the present position becomes 2048
    SYNC_READ = 0x82
    SYNC_WRITE = 0x83


class Packet(NamedTuple):
    """A packet with a right checksum, in either direction."""

    servo_id: int
    code: int  # an instruction, or the error byte of a status
    parameters: bytes

    def encode(self) -> bytes:
        """Its bytes on the wire."""
        return encode(self.servo_id, self.code, self.parameters)


def encode(servo_id: int, code: int, parameters: bytes = b"") -> bytes:
    """A packet's bytes: ``encode(1, Instruction.PING)`` is ``FF FF 01 02 01 FB``.

    Raises ValueError for an ID above 254 and for more than 253 parameters.
    """
    if not 0 <= servo_id <= BROADCAST_ID:
        raise ValueError(f"servo id {servo_id} does not exist, expected 0 to {BROADCAST_ID}")
    if len(parameters) > 253:
        raise ValueError(f"{len(parameters)} parameters do not fit into one packet of 253")
    body = bytes((servo_id, len(parameters) + 2, code)) + parameters
    return HEADER + body + bytes((checksum(body),))


def checksum(body: bytes | bytearray) -> int:
    """Of everything between the header and the checksum."""
    return ~sum(body) & 0xFF


def read(servo_id: int, address: int, count: int) -> bytes:
    """A READ of ``count`` bytes from ``address``."""
    return encode(servo_id, Instruction.READ, bytes((address, count)))


def write(servo_id: int, address: int, data: bytes) -> bytes:
    """A WRITE of ``data`` at ``address``."""
    return encode(servo_id, Instruction.WRITE, bytes((address,)) + data)


def sync_read(servo_ids: Sequence[int], address: int, count: int) -> bytes:
    """A SYNC_READ: each servo answers with one status packet, in the order given."""
    return encode(BROADCAST_ID, Instruction.SYNC_READ, bytes((address, count, *servo_ids)))


def sync_write(address: int, data: Mapping[int, bytes]) -> bytes:
    """A SYNC_WRITE of equally long data for each servo id; nobody answers.

    Raises ValueError for data of different lengths.
    """
    lengths = {len(value) for value in data.values()}
    if len(lengths) != 1:
        raise ValueError(f"a sync write needs data of one length for all, got {sorted(lengths)}")
    parts = b"".join(bytes((servo_id,)) + value for servo_id, value in data.items())
    parameters = bytes((address, lengths.pop())) + parts
    return encode(BROADCAST_ID, Instruction.SYNC_WRITE, parameters)


def wire_time_s(size: int, baud: int) -> float:
    """How long ``size`` bytes take on the wire."""
    return size * BITS_PER_BYTE / baud


class Parser:
    """Finds the packets in a stream of bytes, whatever else is in it.

    A packet counts only if its checksum is right. Where one is not, the search goes on behind the
    first byte of its header, so that a packet in the rest of it is found::

        bytes     FF FF 01 20 00 FF FF 02 02 00 FB          length 20 is damaged (was 02)
                  |--- waits for 25 more bytes: `flush` gives it up
                                 |----------------| found

    Bytes that belong to no packet are counted in ``noise``, failed checksums in ``damaged``.
    """

    def __init__(self) -> None:
        self.noise = 0
        self.damaged = 0
        self._buffer = bytearray()

    def __len__(self) -> int:
        """Bytes that wait for the rest of their packet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Packet]:
        """Takes in bytes; returns the packets that they complete."""
        self._buffer += data
        packets: list[Packet] = []
        while (packet := self._next()) is not None:
            packets.append(packet)
        return packets

    def flush(self) -> list[Packet]:
        """To be called when no more bytes will come: gives up an incomplete packet and returns
        those that were hidden in what had looked like its beginning."""
        packets: list[Packet] = []
        while self._buffer:
            self._skip(1)
            packets += self.feed(b"")
        return packets

    def clear(self) -> int:
        """Forgets the bytes that wait; returns how many there were."""
        count = len(self._buffer)
        self.noise += count
        self._buffer.clear()
        return count

    def _next(self) -> Packet | None:
        buffer = self._buffer
        while True:
            start = buffer.find(HEADER)
            if start < 0:  # the last byte may be the first half of a header
                start = len(buffer) - (buffer[-1:] == b"\xff")
            self._skip(start)
            if len(buffer) < 4:
                if len(buffer) == 3 and buffer[2] > BROADCAST_ID:
                    self._skip(1)
                    continue
                return None
            servo_id, length = buffer[2], buffer[3]
            if servo_id > BROADCAST_ID or length < 2:  # FF FF FF: the header is one byte further on
                self._skip(1)
                continue
            size = length + 4
            if len(buffer) < size:
                return None
            if checksum(buffer[2 : size - 1]) != buffer[size - 1]:
                self.damaged += 1
                self._skip(1)
                continue
            packet = Packet(servo_id, buffer[4], bytes(buffer[5 : size - 1]))
            del buffer[:size]
            return packet

    def _skip(self, count: int) -> None:
        if count:
            self.noise += count
            del self._buffer[:count]
