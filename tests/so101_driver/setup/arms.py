"""An emulated arm on a table, and a person who does what the console asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from act_core.robot import Robot
from act_core.robots.so101 import JOINT_NAMES, JOINTS, SO101
from act_core.timing import FakeClock
from so101_driver import registers as reg
from so101_driver.bus import Bus
from so101_driver.emulator.arm import emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.faults import FaultScript
from so101_driver.emulator.memory_transport import MemoryTransport
from so101_driver.emulator.servo import EmulatedServo
from so101_driver.so_arm import servo_joints

BY_NAME = {joint.name: joint for joint in JOINTS}


class Table:
    """Servos on a bus in virtual time. Joints stay where a hand puts them."""

    def __init__(
        self,
        servos: Sequence[EmulatedServo] | None = None,
        faults: FaultScript | None = None,
        robot: Robot = SO101,
    ) -> None:
        self._id_of = {joint.name: joint.servo_id for joint in servo_joints(robot)}
        self.clock = FakeClock()
        self.servos = list(servos) if servos is not None else emulated_servos([0.0] * 6)
        for servo in self.servos:
            servo.motor.joint.blocked = True
        self.wire = EmulatedBus(self.servos, faults=faults)
        self.opened: list[int] = []  # baud rates

    def open(self, baud: int = 1_000_000) -> Bus:
        self.opened.append(baud)
        self.wire.baud = baud
        return Bus(MemoryTransport(self.wire, self.clock), clock=self.clock)

    def servo(self, name: str) -> EmulatedServo:
        return next(s for s in self.servos if s.servo_id == self._id_of[name])

    def put(self, name: str, position_rad: float) -> None:
        self.servo(name).motor.joint.position_rad = position_rad

    def put_all(self, position_rad: Sequence[float]) -> None:
        for name, position in zip(JOINT_NAMES, position_rad, strict=True):
            self.put(name, position)

    def held(self, name: str, register: reg.Register) -> int:
        return self.servo(name).memory[register]

    def power_cycle(self) -> None:
        """What is not in the EEPROM is lost."""
        for servo in self.servos:
            servo.power_cycle()
        for _ in range(10):  # until they hear the bus again; the emulator takes small steps only
            self.clock.advance(0.1)
            self.wire.advance(self.clock.now_ns())


MIDDLE_RAD = [(joint.lower_rad + joint.upper_rad) / 2 for joint in JOINTS]


class Person:
    """Answers prompts by the first text in it that is in ``answers``; what is said is kept.

    An answer is what to type, or a function to call before Enter. While ranges are recorded, one
    step of ``motion`` is made each time that the screen changes; then Enter.
    """

    def __init__(
        self,
        answers: dict[str, str | Callable[[], object]] | None = None,
        motion: Sequence[Callable[[], object]] = (),
    ) -> None:
        self.answers = {"goes limp": "", **(answers or {})}
        self.motion = list(motion)
        self.asked: list[str] = []
        self.said: list[str] = []
        self.seen: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def ask(self, prompt: str) -> str:
        self.asked.append(prompt)
        for text, answer in self.answers.items():
            if text in prompt:
                return answer if isinstance(answer, str) else str(answer() or "")
        raise AssertionError(f"nobody knows what to answer to: {prompt}")

    def watch(self, lines: Sequence[str]) -> bool:
        self.seen = list(lines)
        if not self.motion:
            return True
        self.motion.pop(0)()
        return False

    @property
    def heard(self) -> str:
        return "\n".join(self.said)


def through_the_range(table: Table, names: Sequence[str], share: float = 1.0) -> list:
    """Motions that bring joints to both ends of ``share`` of their travel, in small steps."""
    motions = []
    for name in names:
        joint = BY_NAME[name]
        middle = (joint.lower_rad + joint.upper_rad) / 2
        half = share * (joint.upper_rad - joint.lower_rad) / 2
        stations = (-half / 2, -half, 0.0, half / 2, half, 0.0)
        motions += [lambda n=name, p=middle + s: table.put(n, p) for s in stations]
    return motions
