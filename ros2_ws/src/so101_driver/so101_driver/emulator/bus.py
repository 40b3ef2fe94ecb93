"""The emulated bus: bytes in, bytes and the times at which they are due out. No port, no clock.

Time on the wire: a byte takes 10 bit times, an instruction is carried out when its last byte has
arrived, and the servo that stands at place k (from 0) of a SYNC_READ of n bytes answers after
k (n + 6 + 3) byte times, whether or not those before it did. At 1 Mbaud, for 4 bytes of 6 servos::

    us  0        140        240   270        370  ...  790        890
        request ->|reply of 1|  gap |reply of 2|  ...   |reply of 6|
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from act_core.timing import NS_PER_S, to_ns

from so101_driver.emulator.faults import FaultEvent, FaultScript, ReplyFaults
from so101_driver.emulator.hand import Hand
from so101_driver.emulator.joint import LocalJoint
from so101_driver.emulator.motor import STEP_S
from so101_driver.emulator.servo import EmulatedServo
from so101_driver.protocol import (
    BITS_PER_BYTE,
    BROADCAST_ID,
    OVERHEAD,
    SLOT_GAP_BYTES,
    Instruction,
    Packet,
    Parser,
)
from so101_driver.registers import RETURN_DELAY, TORQUE_ENABLE

STEP_NS = to_ns(STEP_S)
IDLE_NS = to_ns(0.005)  # an incomplete instruction is forgotten after such a silence
CATCH_UP_NS = to_ns(5.0)  # physics that fell further behind (a stopped process) is left out
NORMAL_SUPPLY_V, LOW_SUPPLY_V, HOT_C = 7.4, 3.6, 80.0


class EmulatedBus:
    """Servos on one wire. Times are nanoseconds of any clock that goes forward.

    Args:
        servos: two may have the same id: their replies overlay each other.
        baud: of the host; servos that are set to another rate hear nothing.
        faults: what goes wrong.
        latency_s: replies reach the host so much later, as through a USB adapter.
        hand: what moves limp joints.
    """

    def __init__(
        self,
        servos: Sequence[EmulatedServo],
        baud: int = 1_000_000,
        faults: FaultScript | None = None,
        latency_s: float = 0.0,
        hand: Hand | None = None,
    ) -> None:
        self.hand = hand
        self.servos = list(servos)
        self.baud = baud
        self.port_gone = False
        script = faults if faults is not None else FaultScript()
        self.faults = ReplyFaults(script.rates, script.seed)
        self._echo = script.echo
        self._latency_ns = to_ns(latency_s)
        self._pending = sorted(_with_ends(script.events), key=lambda event: event.at_s)
        self._parser = Parser()
        self._outgoing: list[tuple[int, int, bytes]] = []  # heap: due, number, bytes
        self._number = 0
        self._line_free_ns = 0
        self._start_ns: int | None = None
        self._physics_ns = 0

    # -- time ----------------------------------------------------------------------------------

    def advance(self, now_ns: int) -> None:
        """Lets time pass: events of the script, and the physics behind the servos."""
        if self._start_ns is None:
            self._start_ns = self._physics_ns = now_ns
        while self._pending and self._event_ns(self._pending[0]) <= now_ns:
            self.happen(self._pending.pop(0))
        if now_ns - self._physics_ns > CATCH_UP_NS:
            self._physics_ns = now_ns - CATCH_UP_NS
        while self._physics_ns + STEP_NS <= now_ns:
            self._physics_ns += STEP_NS
            if self.hand is not None:
                self.hand.step()
            for servo in self.servos:
                servo.step()

    def next_due_ns(self) -> int | None:
        """When the next bytes or the next event of the script are due; None for neither."""
        due = [self._outgoing[0][0]] if self._outgoing else []
        if self._pending and self._start_ns is not None:
            due.append(self._event_ns(self._pending[0]))
        return min(due, default=None)

    def _event_ns(self, event: FaultEvent) -> int:
        return (self._start_ns or 0) + to_ns(event.at_s)

    # -- the wire ------------------------------------------------------------------------------

    def receive(self, data: bytes, now_ns: int) -> None:
        """Takes in bytes from the host."""
        self.advance(now_ns)
        if self.port_gone:
            return
        if now_ns > self._line_free_ns + IDLE_NS:
            self._parser.clear()
        self._line_free_ns = max(self._line_free_ns, now_ns) + self._wire_ns(len(data))
        if self._echo:
            self._send(self._line_free_ns, data)
        for packet in self._parser.feed(data):
            self._carry_out(packet, self._line_free_ns)

    def transmit(self, now_ns: int) -> bytes:
        """The bytes for the host that are due by now."""
        self.advance(now_ns)
        data = b""
        while self._outgoing and self._outgoing[0][0] <= now_ns:
            data += heapq.heappop(self._outgoing)[2]
        return b"" if self.port_gone else data

    def _carry_out(self, packet: Packet, end_ns: int) -> None:
        if packet.code == Instruction.SYNC_READ:
            self._sync_read(packet, end_ns)
        elif packet.code == Instruction.SYNC_WRITE:
            self._sync_write(packet)
        elif packet.servo_id == BROADCAST_ID:
            for servo in self._listening():
                reply = servo.handle(packet)
                if packet.code == Instruction.PING and reply is not None:
                    slot_ns = self._wire_ns((OVERHEAD + SLOT_GAP_BYTES) * servo.servo_id)
                    self._answer(end_ns + slot_ns, [reply])
        else:
            servos = [s for s in self._listening() if s.servo_id == packet.servo_id]
            delays = [to_ns(2e-6 * servo.memory[RETURN_DELAY]) for servo in servos]
            self._answer(end_ns + max(delays, default=0), [s.handle(packet) for s in servos])

    def _sync_read(self, packet: Packet, end_ns: int) -> None:
        if len(packet.parameters) < 3:
            return
        address, count, *ids = packet.parameters
        listening = list(self._listening())
        slot_ns = self._wire_ns(count + OVERHEAD + SLOT_GAP_BYTES)
        for place, servo_id in enumerate(ids):
            replies = [s.read(address, count) for s in listening if s.servo_id == servo_id]
            self._answer(end_ns + place * slot_ns, replies)

    def _sync_write(self, packet: Packet) -> None:
        if len(packet.parameters) < 2:
            return
        address, count = packet.parameters[:2]
        listening = list(self._listening())
        rest = packet.parameters[2:]
        for start in range(0, len(rest) - count, count + 1):
            for servo in listening:
                if servo.servo_id == rest[start]:
                    servo.write(address, rest[start + 1 : start + 1 + count])

    def _listening(self) -> Iterable[EmulatedServo]:
        for servo in self.servos:
            if servo.is_listening and servo.baud == self.baud and not self.faults.is_unheard():
                yield servo

    def _answer(self, start_ns: int, replies: Iterable[Packet | None]) -> None:
        """Sends a reply; those of several servos at once overlay each other (0 wins)."""
        wires = [reply.encode() for reply in replies if reply is not None]
        if not wires:
            return
        longest = max(len(wire) for wire in wires)
        data = bytearray(b"\xff" * longest)
        for wire in wires:
            for i, byte in enumerate(wire):
                data[i] &= byte
        self._line_free_ns = max(self._line_free_ns, start_ns + self._wire_ns(longest))
        for due_ns, part in self.faults.spoil(start_ns + self._wire_ns(longest), bytes(data)):
            self._send(due_ns, part)

    def _send(self, due_ns: int, data: bytes) -> None:
        self._number += 1  # keeps the order of what is due at the same time
        heapq.heappush(self._outgoing, (due_ns + self._latency_ns, self._number, data))

    def _wire_ns(self, size: int) -> int:
        return size * BITS_PER_BYTE * NS_PER_S // self.baud

    # -- events --------------------------------------------------------------------------------

    def happen(self, event: FaultEvent) -> None:
        """Makes an event happen now; one with ``value`` 0 of a kind that can end ends it."""
        self.faults.counts[event.kind] += event.value != 0
        servos = [s for s in self.servos if event.servo is None or s.servo_id == event.servo]
        on = event.value != 0
        if event.kind == "port_gone":
            self.port_gone = on
            self._outgoing.clear()
            self._parser.clear()
        for servo in servos:
            motor, value = servo.motor, event.value
            if event.kind == "dead":
                servo.dead = on
                if not on:
                    servo.power_cycle()
            elif event.kind == "silent":
                servo.silent = on
            elif event.kind == "power_cycle":
                servo.power_cycle(goal=None if value is None else round(value))
            elif event.kind == "supply":
                volts = LOW_SUPPLY_V if value is None else value
                motor.supply_v = volts if on else NORMAL_SUPPLY_V
            elif event.kind == "hot":
                motor.temperature_c = HOT_C if value is None else value
            elif event.kind == "encoder":
                motor.fail_encoder(on)
            elif event.kind == "overcurrent":
                motor.trip()
            elif event.kind == "torque_off":
                servo.write(TORQUE_ENABLE.address, b"\0" if on else b"\1")
            elif isinstance(motor.joint, LocalJoint):
                if event.kind == "blocked":
                    motor.joint.blocked = on
                elif event.kind == "pushed":
                    motor.joint.push_nm = 1.0 if value is None else value


def _with_ends(events: Sequence[FaultEvent]) -> list[FaultEvent]:
    ends = [
        FaultEvent(event.at_s + event.for_s, event.kind, event.servo, 0.0)
        for event in events
        if event.for_s is not None
    ]
    return [*events, *ends]
