"""Reads and writes registers of servos over a transport, and is not upset by what goes wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from act_core.timing import Clock, MonotonicClock

from so101_driver import protocol
from so101_driver import registers as reg
from so101_driver.bus_counters import BusCounters
from so101_driver.bus_errors import BusError, NoReplyError
from so101_driver.registers import Register, Status
from so101_driver.request_line import RequestLine
from so101_driver.transport import Transport

# What USB adds to the time on the wire: a frame of 1 ms each way for CDC adapters, and some for the
# operating system. FTDI adapters need their latency timer at 1 ms (transport.py asks for that).
REPLY_SLACK_S = 0.003
RETRIES = 2  # hides what LeRobot's users report (lerobot #1252, #4282: 3 attempts suffice)
ONE_SERVO_RETRIES = 5  # where there is time; LeRobot's figure for what must not fail
# A late or doubled reply has the right servo and a right checksum. What tells it from the reply
# that is waited for is its length: sync reads ask for less than SHORTEST_READ bytes, reads of one
# servo for that many or up to READ_LENGTHS - 1 more, another number each time, and reads that
# share a control period with a sync read for more than all of them. The sync reads of control
# periods take turns in up to SYNC_LENGTHS lengths: a reply that is three periods late is not taken,
# for 0.09 ms more on the wire on average.
SHORTEST_READ, READ_LENGTHS, SYNC_LENGTHS = 10, 16, 4


class Identity(NamedTuple):
    """Who answers under an ID."""

    servo_id: int
    model_number: int
    firmware: tuple[int, int]

    @property
    def is_sts3215(self) -> bool:
        """Whether it is the servo that an SO-101 has."""
        return self.model_number in reg.MODEL_NUMBERS


class SyncReading(NamedTuple):
    """What a sync read brought."""

    values: dict[int, tuple[int, ...]]  # servo id -> one value for each register
    status: dict[int, Status]  # servo id -> what it complains about
    missing: tuple[int, ...]  # servos without a valid reply


class Bus:
    """A half-duplex servo bus: one request at a time, each with a deadline.

    Before a request the input is emptied, and a reply counts only with the ID and length that were
    asked for, so that what comes late is not taken for it. Copies of the request itself, from
    adapters that hear what they send, are dropped. Servos that do not answer are asked again, and
    only they. All of it is counted in `counters`.

    Args:
        transport: open port.
        retries: how often servos that did not answer a sync read are asked again.
        reply_slack_s: how much later than on the wire a reply may come.
        clock: monotonic.
    """

    def __init__(
        self,
        transport: Transport,
        retries: int = RETRIES,
        reply_slack_s: float = REPLY_SLACK_S,
        clock: Clock | None = None,
    ) -> None:
        self.transport = transport
        self.counters = BusCounters()
        self._retries = retries
        self._clock = clock if clock is not None else MonotonicClock()
        self._line = RequestLine(transport, self.counters, reply_slack_s, self._clock)
        self._turn = 0  # of the lengths of reads
        self._sync_turn = 0  # of those of sync reads

    @property
    def clock(self) -> Clock:
        """The clock of the deadlines."""
        return self._clock

    def close(self) -> None:
        """Closes the port."""
        self.transport.close()

    # -- one servo -----------------------------------------------------------------------------

    def ping(self, servo_id: int, retries: int | None = None) -> Identity | None:
        """Who has that ID, or None.

        Reads the identity in place of the PING instruction: on an adapter that hears itself the
        copy of a PING is the same as the reply of a servo with low voltage.
        """
        identity = (reg.FIRMWARE_MAJOR, reg.FIRMWARE_MINOR, reg.MODEL_NUMBER)
        values = self._read(servo_id, identity, retries, None)
        if values is None:
            return None
        return Identity(servo_id, values[2], (values[0], values[1]))

    def scan(self, servo_ids: Iterable[int]) -> list[Identity]:
        """All servos that answer; each ID is asked twice."""
        answers = (self.ping(servo_id, retries=1) for servo_id in servo_ids)
        return [identity for identity in answers if identity is not None]

    def read(self, servo_id: int, register: Register) -> int:
        """A register's value. Raises NoReplyError."""
        return self.read_many(servo_id, (register,))[0]

    def read_many(
        self, servo_id: int, registers: Sequence[Register], deadline_ns: int | None = None
    ) -> tuple[int, ...]:
        """The values of registers, in one go (see `registers.span`), until ``deadline_ns`` of the
        clock at most. Raises NoReplyError."""
        values = self._read(servo_id, registers, None, deadline_ns)
        if values is None:
            raise NoReplyError((servo_id,), f"read {_names(registers)}")
        return values

    def read_sure(self, servo_id: int, register: Register) -> int:
        """A register's value that two readings in a row agree on: for what is judged or kept.

        One damaged packet in 256 has a right checksum by chance. Raises BusError where none agree.
        """
        before = self.read(servo_id, register)
        for _ in range(5):
            value = self.read(servo_id, register)
            if value == before:
                return value
            before = value
        raise BusError(f"servo {servo_id}: readings of {register.name} do not agree")

    def _read(
        self,
        servo_id: int,
        registers: Sequence[Register],
        retries: int | None,
        deadline_ns: int | None,
    ) -> tuple[int, ...] | None:
        first, count = reg.span(registers)
        self._turn += 1
        longer = max(0, SHORTEST_READ - count) + self._turn % READ_LENGTHS
        if deadline_ns is not None:
            longer = max(0, SHORTEST_READ + READ_LENGTHS - count)  # a length of its own
        start = max(0, first - longer)  # bytes in front of it are read along, or behind it
        request = protocol.read(servo_id, start, count + longer)
        patient = retries is None and deadline_ns is None
        if retries is None:
            retries = ONE_SERVO_RETRIES if patient else self._retries
        replies = self._line.replies(
            request, (servo_id,), count + longer, retries, deadline_ns, patient
        )  # fmt: skip
        if servo_id not in replies:
            return None
        return reg.unpack(registers, replies[servo_id].parameters[first - start :])

    def write(self, servo_id: int, register: Register, value: int) -> Status:
        """Sets a register; returns what the servo complains about, which does not undo the write.

        Raises NoReplyError, and ValueError for a value that does not fit or a register that is
        read-only.
        """
        _check_writable(register)
        request = protocol.write(servo_id, register.address, register.encode(value))
        replies = self._line.replies(request, (servo_id,), 0, ONE_SERVO_RETRIES, None, True)
        if servo_id not in replies:
            raise NoReplyError((servo_id,), f"write {register.name}")
        return Status.of(replies[servo_id].code)

    def write_checked(self, servo_id: int, register: Register, value: int) -> None:
        """Like `write`, and reads it back: for what must not be taken on trust.

        Raises BusError where the servo holds another value afterwards.
        """
        self.write(servo_id, register, value)
        held = self.read(servo_id, register)
        if held != value:
            raise BusError(
                f"servo {servo_id} holds {register.name} = {held} after {value} was written"
            )

    # -- many servos ---------------------------------------------------------------------------

    def sync_read(
        self,
        servo_ids: Sequence[int],
        registers: Sequence[Register],
        deadline_ns: int | None = None,
    ) -> SyncReading:
        """Registers of several servos, with one request (see `registers.span`).

        Servos that do not answer are asked again as often as ``retries`` and ``deadline_ns`` of the
        clock allow, and are `missing` then: that is for the caller to judge.
        """
        first, count = reg.span(registers)
        if deadline_ns is not None:
            spare = min(SHORTEST_READ - 1 - count, reg.TABLE_SIZE - first - count)
            count += min(self._sync_turn % SYNC_LENGTHS, max(0, spare))  # read along behind it
            self._sync_turn += 1
        request = protocol.sync_read(servo_ids, first, count)
        patient = deadline_ns is None
        replies = self._line.replies(request, servo_ids, count, self._retries, deadline_ns, patient)
        return SyncReading(
            {i: reg.unpack(registers, reply.parameters) for i, reply in replies.items()},
            {i: Status.of(reply.code) for i, reply in replies.items()},
            tuple(i for i in servo_ids if i not in replies),
        )

    def sync_write(
        self, registers: Sequence[Register], values: Mapping[int, Sequence[int]]
    ) -> None:
        """Registers of several servos, with one packet. Nobody answers.

        values: servo id -> one value for each register. Raises ValueError for values that do not
        fit, and for registers that are read-only or do not follow each other.
        """
        for register in registers:
            _check_writable(register)
        first, count = reg.span(registers)
        if count != sum(register.size for register in registers):
            raise ValueError(f"there is a gap between {_names(registers)}: it would be overwritten")
        data = {
            servo_id: b"".join(r.encode(v) for r, v in zip(registers, row, strict=True))
            for servo_id, row in values.items()
        }
        self.transport.write(protocol.sync_write(first, data))


def _check_writable(register: Register) -> None:
    if register.area is reg.Area.READ_ONLY:
        raise ValueError(f"{register.name} is read-only")


def _names(registers: Sequence[Register]) -> str:
    return ", ".join(register.name for register in registers)
