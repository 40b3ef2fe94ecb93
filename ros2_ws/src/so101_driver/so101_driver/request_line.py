"""Requests and their replies on a half-duplex line: deadlines, repetitions, what comes late."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from act_core.timing import Clock, to_ns

from so101_driver import protocol
from so101_driver.bus_counters import BusCounters
from so101_driver.transport import Transport

# Where there is time, the line is emptied for so long after a reply did not come, before anything
# else is asked. An FTDI adapter with its latency timer as delivered is 16 ms late.
LATE_S = 0.03


class RequestLine:
    """One request at a time; the rules are those of `Bus`.

    Args:
        transport: open port.
        counters: what happens is counted there.
        reply_slack_s: how much later than on the wire a reply may come.
        clock: monotonic.
    """

    def __init__(
        self, transport: Transport, counters: BusCounters, reply_slack_s: float, clock: Clock
    ) -> None:
        self._transport = transport
        self.counters = counters
        self._slack_ns = to_ns(reply_slack_s)
        self._clock = clock
        self._parser = protocol.Parser()

    def replies(
        self,
        request: bytes,
        servo_ids: Sequence[int],
        count: int,
        retries: int,
        deadline_ns: int | None,
        patient: bool,
    ) -> dict[int, protocol.Packet]:
        """Sends ``request`` until all ``servo_ids`` have answered with ``count`` parameters.

        Returns the replies by servo, in the order of ``servo_ids``.
        """
        self.counters.transactions += 1
        replies: dict[int, protocol.Packet] = {}
        missing = list(servo_ids)
        for attempt in range(1 + retries):
            if attempt:
                if deadline_ns is not None and self._clock.now_ns() >= deadline_ns:
                    break
                self.counters.retries += 1
                if len(servo_ids) > 1:
                    address, size = request[5], request[6]
                    request = protocol.sync_read(missing, address, size)
            replies |= self._ask(request, missing, count, deadline_ns)
            missing = [servo_id for servo_id in servo_ids if servo_id not in replies]
            if not missing:
                break
            self.counters.lost.update(missing)
            if patient:
                self._let_late_replies_pass()
        if missing:
            self.counters.failures += 1
        return {servo_id: replies[servo_id] for servo_id in servo_ids if servo_id in replies}

    def _ask(
        self, request: bytes, servo_ids: Collection[int], count: int, deadline_ns: int | None
    ) -> dict[int, protocol.Packet]:
        """One attempt: the replies that came in time."""
        self.counters.discarded += self._transport.discard_input() + self._parser.clear()
        self._transport.write(request)
        slot = count + protocol.OVERHEAD + protocol.SLOT_GAP_BYTES
        expected = slot * len(servo_ids)
        on_wire = len(request) + expected - protocol.SLOT_GAP_BYTES
        now_ns = self._clock.now_ns()
        due_ns = now_ns + to_ns(protocol.wire_time_s(on_wire, self._transport.baud))
        until_ns = due_ns + self._slack_ns
        if deadline_ns is not None:
            until_ns = min(until_ns, deadline_ns)
        # Six replies are one piece when the last one is due; before, each wakes the reader.
        self._clock.sleep_until_ns(min(due_ns, until_ns))
        replies: dict[int, protocol.Packet] = {}
        received = 0
        waiting = True
        while waiting:
            data = self._transport.read(until_ns)
            received += len(data)
            # At the deadline, what looks like the beginning of a packet is none.
            packets = self._parser.feed(data) if data else self._parser.flush()
            for packet in packets:
                if _is_echo(packet, request):
                    self.counters.echoes += 1
                elif self._answers(packet, servo_ids, count) and packet.servo_id not in replies:
                    replies[packet.servo_id] = packet
                else:
                    self.counters.stray += 1
            # Past the deadline, what has arrived meanwhile is still read, because this process may
            # have been asleep; but not for ever: some lines are never silent.
            more = self._clock.now_ns() < until_ns or received < expected
            waiting = bool(data) and more and len(replies) < len(servo_ids)
        self.counters.noise, self.counters.damaged = self._parser.noise, self._parser.damaged
        return replies

    @staticmethod
    def _answers(packet: protocol.Packet, servo_ids: Collection[int], count: int) -> bool:
        return packet.servo_id in servo_ids and len(packet.parameters) == count

    def _let_late_replies_pass(self) -> None:
        until_ns = self._clock.now_ns() + to_ns(LATE_S)
        while self._clock.now_ns() < until_ns:
            self.counters.discarded += len(self._transport.read(until_ns))


def _is_echo(packet: protocol.Packet, request: bytes) -> bool:
    if packet.servo_id == protocol.BROADCAST_ID:  # nobody answers with this ID
        return True
    return packet.code == request[4] and packet.encode() == request
