"""The bus against the emulated wire: what is lost, late, damaged, doubled or heard twice."""

from __future__ import annotations

from functools import partial

import pytest
from act_core.timing import to_ns
from so101_driver import protocol
from so101_driver import registers as reg
from so101_driver.bus import Bus
from so101_driver.bus_errors import BusError, NoReplyError, PortError
from so101_driver.emulator.arm import HOMING_OFFSETS
from so101_driver.emulator.faults import FaultScript

from tests.so101_driver.emulated_arm import EmulatedArm

IDS = (1, 2, 3, 4, 5, 6)
FEEDBACK = (reg.PRESENT_POSITION, reg.PRESENT_VELOCITY)


@pytest.fixture
def emulated() -> EmulatedArm:
    return EmulatedArm()


@pytest.fixture
def bus(emulated) -> Bus:
    return emulated.bus()


def test_who_is_there(bus):
    assert bus.ping(3) == (3, 777, (3, 10))
    assert bus.ping(3).is_sts3215
    assert [identity.servo_id for identity in bus.scan(range(9))] == list(IDS)
    assert bus.ping(9) is None


def test_registers_of_one_servo(bus):
    assert bus.read(2, reg.HOMING_OFFSET) == -369
    assert bus.write(2, reg.GOAL_VELOCITY, 300) == 0
    assert bus.read_many(2, (reg.GOAL_POSITION, reg.GOAL_VELOCITY)) == (0, 300)
    bus.write_checked(2, reg.TORQUE_LIMIT, 700)
    with pytest.raises(ValueError, match="present_load is read-only"):
        bus.write(2, reg.PRESENT_LOAD, 1)
    with pytest.raises(NoReplyError, match="read id: no valid reply from servo 9"):
        bus.read(9, reg.ID)


@pytest.mark.parametrize("register", reg.REGISTERS, ids=lambda r: r.name)
def test_every_register_can_be_read_wherever_it_is(bus, emulated, register):
    """Reads are longer than their register: what is read along must not shift the value."""
    for _ in range(20):
        assert bus.read(4, register) == emulated.servo("wrist_flex").memory[register]


def test_a_write_that_is_not_taken_is_noticed(bus):
    with pytest.raises(BusError, match="servo 2 holds goal_position = 3185 after 4000 was written"):
        bus.write_checked(2, reg.GOAL_POSITION, 4000)


def test_many_servos_with_one_request(bus, emulated):
    goals = {i: (2000 + i, 100) for i in IDS}
    bus.sync_write((reg.TORQUE_ENABLE, reg.ACCELERATION), dict.fromkeys(IDS, (0, 20)))
    bus.sync_write((reg.GOAL_POSITION, reg.GOAL_TIME), goals)
    reading = bus.sync_read(IDS, (reg.ACCELERATION, reg.GOAL_POSITION, reg.GOAL_TIME))
    assert reading.values == {i: (20, 2000 + i, 100) for i in IDS}
    assert reading.missing == ()
    assert set(reading.status.values()) == {reg.Status(0)}
    with pytest.raises(ValueError, match="gap between goal_position, goal_velocity"):
        bus.sync_write((reg.GOAL_POSITION, reg.GOAL_VELOCITY), goals)


def test_six_replies_are_read_in_one_piece(bus, monkeypatch):
    read, waits = bus.transport.read, []
    bus.sync_read(IDS, FEEDBACK)

    def counted(deadline_ns: int) -> bytes:
        waits.append(deadline_ns)
        return read(deadline_ns)

    monkeypatch.setattr(bus.transport, "read", counted)
    monkeypatch.setattr(bus.transport, "discard_input", lambda: 0)
    assert bus.sync_read(IDS, FEEDBACK).missing == ()
    assert len(waits) == 1


def test_a_sync_read_takes_its_time_on_the_wire(bus, emulated):
    """14 bytes of request, five slots of 4 + 6 + 3 bytes, a reply of 10: 89 bytes at 10 us."""
    start_ns = emulated.clock.now_ns()
    bus.sync_read(IDS, FEEDBACK)
    assert emulated.clock.now_ns() - start_ns == to_ns(890e-6)


def test_a_complaint_comes_with_every_reply(bus, emulated):
    emulated.servo("elbow_flex").motor.temperature_c = 90
    emulated.run(0.01)
    reading = bus.sync_read(IDS, FEEDBACK)
    assert reading.status[3] == reg.Status.OVERHEAT
    assert bus.write(3, reg.GOAL_VELOCITY, 1) == reg.Status.OVERHEAT


def test_only_those_missing_are_asked_again(bus, emulated):
    emulated.happen("dead", "elbow_flex")
    reading = bus.sync_read(IDS, FEEDBACK)
    assert reading.missing == (3,)
    assert sorted(reading.values) == [1, 2, 4, 5, 6]
    assert (bus.counters.retries, bus.counters.failures) == (2, 1)
    assert bus.counters.lost == {3: 3}


def test_the_deadline_ends_the_repetitions(bus, emulated):
    emulated.happen("dead", "elbow_flex")
    start_ns = emulated.clock.now_ns()
    reading = bus.sync_read(IDS, FEEDBACK, deadline_ns=start_ns + to_ns(0.006))
    assert reading.missing == (3,)
    assert emulated.clock.now_ns() - start_ns == to_ns(0.006)
    assert bus.counters.retries == 1


@pytest.mark.parametrize(
    ("kind", "counter"),
    [
        ("lost", "retries"),
        ("corrupt", "damaged"),
        ("cut", "noise"),
        ("noise", "noise"),
        ("duplicated", "stray"),
        ("late", "retries"),
        ("unheard", "retries"),
    ],
)
def test_each_fault_is_survived_and_counted(kind, counter):
    emulated = EmulatedArm(faults=FaultScript(seed=1, rates={kind: 0.2}))
    bus = emulated.bus(retries=8)
    for _ in range(40):
        reading = bus.sync_read(IDS, (reg.HOMING_OFFSET,))
        assert reading.missing == ()
        assert [value for (value,) in reading.values.values()] == list(HOMING_OFFSETS)
    assert emulated.wire.faults.counts[kind] > 20
    assert getattr(bus.counters, counter) > 0


def test_split_replies_are_no_fault():
    emulated = EmulatedArm(faults=FaultScript(rates={"split": 1.0}))
    bus = emulated.bus()
    assert bus.sync_read(IDS, FEEDBACK).missing == ()
    assert (bus.counters.retries, bus.counters.noise, bus.counters.damaged) == (0, 0, 0)


@pytest.mark.parametrize("kind", ["late", "duplicated"])
def test_late_and_doubled_replies_never_pass_for_answers(kind):
    """Registers with different values, read one after the other: no value may slip to the next."""
    emulated = EmulatedArm(faults=FaultScript(seed=5, rates={kind: 0.5}))
    bus = emulated.bus(reply_slack_s=0.001)
    wanted = {r: emulated.servo("wrist_roll").memory[r] for r in
              (reg.MIN_POSITION_LIMIT, reg.MAX_POSITION_LIMIT, reg.HOMING_OFFSET, reg.ID,
               reg.MAX_TORQUE_LIMIT, reg.PROTECTION_CURRENT)}  # fmt: skip
    read = 0
    for _ in range(100):
        for register, value in wanted.items():
            try:
                assert bus.read(5, register) == value
                read += 1
            except NoReplyError:
                continue
    assert read > 500
    assert emulated.wire.faults.counts[kind] > 300


def test_late_replies_of_earlier_periods_are_not_taken_for_this_one_s():
    """The same sync read every 10 ms, of a value that grows; replies come up to 30 ms late."""
    emulated = EmulatedArm(faults=FaultScript(seed=5, rates={"late": 0.4}))
    bus = emulated.bus()
    registers = (reg.GOAL_POSITION, reg.GOAL_TIME, reg.GOAL_VELOCITY)  # 6 bytes, as positions,
    start_ns, read = emulated.clock.now_ns(), 0  # velocities and loads
    for k in range(300):
        emulated.clock.sleep_until_ns(start_ns + k * to_ns(0.01))
        bus.sync_write(registers, dict.fromkeys(IDS, (2047, k, k)))
        reading = bus.sync_read(IDS, registers, emulated.clock.now_ns() + to_ns(0.008))
        assert all(values == (2047, k, k) for values in reading.values.values())
        read += len(reading.values)
    assert read > 1500
    assert emulated.wire.faults.counts["late"] > 500


def test_an_adapter_that_hears_itself():
    emulated = EmulatedArm(faults=FaultScript(echo=True))
    bus = emulated.bus()
    assert [identity.servo_id for identity in bus.scan(range(9))] == list(IDS)
    bus.write_checked(1, reg.GOAL_VELOCITY, 123)
    bus.sync_write((reg.GOAL_VELOCITY,), {1: (55,)})
    assert bus.sync_read(IDS, FEEDBACK).missing == ()
    assert bus.read(1, reg.GOAL_VELOCITY) == 55
    assert bus.counters.echoes > 10
    assert bus.counters.retries == 3, "the ids that are not there, once each"


def test_noise_without_end_does_not_hold_the_bus_up(emulated):
    class Babbling:
        """A line that is never silent; time passes while it talks."""

        baud = 1_000_000

        def read(self, deadline_ns: int) -> bytes:
            emulated.clock.advance(0.0001)
            return bytes(10)

        def write(self, data: bytes) -> None: ...

        def discard_input(self) -> int:
            return 10

    bus = Bus(Babbling(), clock=emulated.clock)
    start_ns = emulated.clock.now_ns()
    deadline_ns = start_ns + to_ns(0.008)
    assert bus.sync_read(IDS, FEEDBACK, deadline_ns).missing == IDS
    assert emulated.clock.now_ns() - deadline_ns < to_ns(0.001)
    assert bus.sync_read(IDS, FEEDBACK).missing == IDS, "without a deadline, too"
    assert bus.counters.noise > 100


def test_a_port_that_is_gone_says_so(bus, emulated):
    emulated.happen("port_gone")
    for use in (partial(bus.read, 1, reg.ID), partial(bus.sync_read, IDS, FEEDBACK)):
        with pytest.raises(PortError, match="gone"):
            use()
    emulated.end("port_gone")
    assert emulated.bus().ping(1) is not None


def test_servos_at_another_rate_hear_nothing(bus, emulated):
    for servo in emulated.servos:
        servo.memory.keep(reg.BAUD_RATE, 1)
    assert bus.ping(1) is None
    bus.transport.set_baud(500_000)
    assert bus.ping(1) is not None


def test_counters_as_text(bus, emulated):
    emulated.happen("dead", "shoulder_pan")
    bus.ping(1, retries=0)
    values = bus.counters.as_values()
    assert (values["transactions"], values["failures"], values["lost_servo_1"]) == ("1", "1", "1")


def test_two_servos_with_one_id_garble_each_other(emulated, bus):
    emulated.servo("elbow_flex").memory.keep(reg.ID, 2)
    with pytest.raises(NoReplyError):
        bus.read(2, reg.PRESENT_POSITION)
    assert bus.counters.damaged > 0


def test_a_broadcast_ping_is_answered_by_all(emulated):
    emulated.wire.receive(protocol.encode(254, protocol.Instruction.PING), emulated.clock.now_ns())
    emulated.clock.advance(0.1)
    parser = protocol.Parser()
    answers = parser.feed(emulated.wire.transmit(emulated.clock.now_ns()))
    assert [answer.servo_id for answer in answers] == list(IDS)
