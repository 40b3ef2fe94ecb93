"""Who is on the bus, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from act_core.robots.so101 import JOINTS

from so101_driver import registers as reg
from so101_driver.bus import ONE_SERVO_RETRIES, Bus, Identity
from so101_driver.bus_errors import NoReplyError
from so101_driver.protocol import MAX_ID
from so101_driver.registers import BAUD_RATES, MODEL_NUMBERS, Status

ALL_IDS = range(MAX_ID + 1)
OpenBus = Callable[[int], Bus]  # at a baud rate
JOINT_BY_ID = {joint.servo_id: joint.name for joint in JOINTS}

FEEDBACK = (
    reg.PRESENT_POSITION, reg.PRESENT_VELOCITY, reg.PRESENT_LOAD,
    reg.PRESENT_VOLTAGE, reg.PRESENT_TEMPERATURE,
)  # fmt: skip
TRIES = 10  # readings that two servos with one id would have to give alike
# A busy computer reads late now and then, a bad lead spoils a reply: where anything went wrong, so
# many readings more decide. Two servos with one id garble nearly all.
MORE_TRIES = 30
RETRIES = 1  # of the first look at each id
GARBLED = 0.5  # share of replies


class Servo(NamedTuple):
    """One servo that answers, or several that answer as one."""

    identity: Identity
    baud: int
    position: int  # counts
    volts: float
    celsius: int
    status: Status
    torque_on: bool
    damaged: int  # replies that were damaged or did not come
    asked: int = TRIES  # of so many

    @property
    def is_garbled(self) -> bool:
        """Whether several servos seem to answer at once."""
        return self.damaged > GARBLED * self.asked

    @property
    def servo_id(self) -> int:
        return self.identity.servo_id


def scan(
    open_bus: OpenBus,
    servo_ids: Iterable[int] = ALL_IDS,
    bauds: Sequence[int] = BAUD_RATES,
    on_baud: Callable[[int], None] = lambda baud: None,
) -> list[Servo]:
    """All servos on the bus. Rates are tried in this order until one has servos.

    254 ids at one rate take about two seconds. ``on_baud`` is told which rate is tried.
    """
    ids = tuple(servo_ids)
    for baud in bauds:
        on_baud(baud)
        found = _scan_at(open_bus, ids, baud, RETRIES)
        if found:
            # Those that an arm has and that did not answer are asked once more, with patience.
            silent = [i for i in ids if i in JOINT_BY_ID and i not in {s.servo_id for s in found}]
            found += _scan_at(open_bus, silent, baud, ONE_SERVO_RETRIES) if silent else []
            return sorted(found, key=lambda servo: servo.servo_id)
    return []


def _scan_at(open_bus: OpenBus, ids: Iterable[int], baud: int, retries: int) -> list[Servo]:
    bus = open_bus(baud)
    try:
        servos = [_examine(bus, servo_id, baud, retries) for servo_id in ids]
    finally:
        bus.close()
    return [servo for servo in servos if servo is not None]


def _examine(bus: Bus, servo_id: int, baud: int, retries: int) -> Servo | None:
    before = bus.counters.damaged
    identity = bus.ping(servo_id, retries)
    if identity is None and bus.counters.damaged == before:
        return None
    readings: list[tuple[int, ...] | None] = []
    damaged = asked = 0
    for tries in (TRIES, MORE_TRIES):
        asked_before, bad_before = _requests(bus), _bad_replies(bus)
        readings += [_feedback(bus, servo_id) for _ in range(tries)]
        asked += _requests(bus) - asked_before
        damaged += _bad_replies(bus) - bad_before
        if not damaged:
            break
    if identity is None:
        identity = bus.ping(servo_id) or Identity(servo_id, 0, (0, 0))
    whole = [reading for reading in readings if reading is not None]
    position, _, _, voltage, temperature = whole[-1] if whole else (0, 0, 0, 0, 0)
    try:
        status, torque = bus.read(servo_id, reg.STATUS), bus.read(servo_id, reg.TORQUE_ENABLE)
    except NoReplyError:
        status, torque, damaged = 0, 0, damaged + 1
    return Servo(
        identity, baud, position, voltage * reg.VOLTS_PER_COUNT, temperature,
        Status.of(status), torque == 1, damaged, asked,
    )  # fmt: skip


def _requests(bus: Bus) -> int:
    return bus.counters.transactions + bus.counters.retries


def _bad_replies(bus: Bus) -> int:
    return sum(bus.counters.lost.values())  # a reply that is damaged is one that did not come


def _feedback(bus: Bus, servo_id: int) -> tuple[int, ...] | None:
    try:
        return bus.read_many(servo_id, FEEDBACK)
    except NoReplyError:
        return None


class Problem(NamedTuple):
    """Something that is wrong, and what to do about it."""

    text: str
    fatal: bool = True  # nothing should be written to the servos before it is resolved

    def __str__(self) -> str:
        return self.text


def problems(
    servos: Sequence[Servo], expected_ids: Iterable[int] = tuple(JOINT_BY_ID)
) -> list[Problem]:
    """What keeps these servos from being an SO-101 arm; empty for a good one."""
    if not servos:
        return [
            Problem(
                "no servo answers: is the arm's power supply on (USB alone is not enough), the "
                "adapter's jumper at B (USB), the first three-pin lead plugged in?"
            )
        ]
    found = {servo.servo_id for servo in servos}
    result = []
    for servo_id in expected_ids:
        if servo_id not in found:
            joint = JOINT_BY_ID.get(servo_id, "no joint")
            result.append(
                Problem(
                    f"servo {servo_id} ({joint}) is missing: a loose lead before it, or it has "
                    f"another id (so101-setup assign-id --joint {joint})"
                )
            )
    result += [problem for servo in servos for problem in _servo_problems(servo)]
    versions = sorted({servo.identity.firmware for servo in servos if servo.identity.is_sts3215})
    if len(versions) > 1:
        names = ", ".join(f"{major}.{minor}" for major, minor in versions)
        result.append(
            Problem(
                f"the servos have different firmware ({names}): works here, but LeRobot refuses "
                "it; Feetech's FD program updates them",
                fatal=False,
            )
        )
    return result


def _servo_problems(servo: Servo) -> list[Problem]:
    who, result = f"servo {servo.servo_id}", []
    if servo.is_garbled:
        result.append(
            Problem(
                f"{who}: {servo.damaged} of {servo.asked} replies damaged or missing: two servos "
                "with this id (connect them one at a time and run so101-setup assign-id), or a bad "
                "lead"
            )
        )
    elif servo.damaged:
        result.append(
            Problem(
                f"{who}: {servo.damaged} of {servo.asked} replies late or damaged: the computer is "
                "busy, or a lead is loose",
                fatal=False,
            )
        )
    if not servo.is_garbled and not servo.identity.is_sts3215:
        known = " or ".join(map(str, MODEL_NUMBERS))
        result.append(
            Problem(
                f"{who} has model number {servo.identity.model_number}, expected {known} "
                "(STS3215): its registers may mean something else"
            )
        )
    if servo.baud != BAUD_RATES[0]:
        result.append(
            Problem(
                f"{who} talks at {servo.baud} baud, expected {BAUD_RATES[0]}: so101-setup "
                "assign-id sets that, too"
            )
        )
    if servo.status:
        result.append(Problem(f"{who} complains: {servo.status.words()}", fatal=False))
    return result


def table(servos: Sequence[Servo]) -> list[str]:
    """The servos, a line each, for people."""
    lines = ["  id  joint          model  firmware  position  volts  degC  torque  status"]
    for s in servos:
        joint = JOINT_BY_ID.get(s.servo_id, "-")
        firmware = ".".join(map(str, s.identity.firmware))
        lines.append(
            f"{s.servo_id:4d}  {joint:13s}  {s.identity.model_number:5d}  {firmware:>8s}  "
            f"{s.position:8d}  {s.volts:5.1f}  {s.celsius:4d}  {'on' if s.torque_on else 'off':6s}"
            f"  {s.status.words()}"
        )
    return lines
