"""An emulated arm in virtual time, with the driver's layers on top: nothing waits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES, SO101_LIMITS
from act_core.timing import FakeClock, to_ns
from numpy.typing import ArrayLike
from so101_driver import registers as reg
from so101_driver.arm import So101Arm
from so101_driver.arm_driver import ArmDriver, Cycle
from so101_driver.bus import Bus
from so101_driver.calibration import Calibration
from so101_driver.driver_settings import DriverSettings
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.faults import FaultEvent, FaultScript
from so101_driver.emulator.memory_transport import MemoryTransport
from so101_driver.emulator.servo import EmulatedServo

START_NS = to_ns(1.0)
TARGET = HOME_POSE_RAD + np.array([0.4, -0.3, -0.3, 0.3, 0.5, 0.6])


class EmulatedArm:
    """Servos, a wire, and ways to open it."""

    def __init__(
        self,
        position_rad: ArrayLike = HOME_POSE_RAD,
        faults: FaultScript | None = None,
        servos: Sequence[EmulatedServo] | None = None,
        latency_s: float = 0.0,
    ) -> None:
        self.clock = FakeClock(START_NS)
        self.servos = list(servos) if servos is not None else emulated_servos(position_rad)
        self.wire = EmulatedBus(self.servos, faults=faults, latency_s=latency_s)

    def bus(self, **arguments) -> Bus:
        return Bus(MemoryTransport(self.wire, self.clock), clock=self.clock, **arguments)

    def arm(self, calibration: Calibration | None = None) -> So101Arm:
        return So101Arm(self.bus(), calibration or emulated_calibration())

    def driver(self, **settings) -> ArmDriver:
        return ArmDriver(self.arm, DriverSettings(**settings), clock=self.clock)

    def servo(self, joint: str) -> EmulatedServo:
        return self.servos[JOINT_NAMES.index(joint)]

    def happen(self, kind: str, joint: str | None = None, value: float | None = None) -> None:
        servo = None if joint is None else JOINT_NAMES.index(joint) + 1
        self.wire.happen(FaultEvent(0.0, kind, servo, value))

    def end(self, kind: str, joint: str | None = None) -> None:
        """What happened is over."""
        self.happen(kind, joint, 0.0)

    def run(self, seconds: float) -> None:
        """Physics only."""
        self.clock.advance(seconds)
        self.wire.advance(self.clock.now_ns())

    def positions(self) -> np.ndarray:
        """(6,) [rad], where the joints really are."""
        return np.array([servo.motor.joint.position_rad for servo in self.servos])


def torques(servos: Sequence[EmulatedServo]) -> list[int]:
    """1 for each servo whose torque is on."""
    return [servo.memory[reg.TORQUE_ENABLE] for servo in servos]


class Operator:
    """Calls the driver's cycle on a schedule and commands it, like a node with a policy.

    Every goal that leaves the driver is checked against the limits of the joints.
    """

    def __init__(self, emulated: EmulatedArm, driver: ArmDriver) -> None:
        self.emulated = emulated
        self.driver = driver
        self.sent: list[np.ndarray] = []
        self.events: list[tuple[str, str]] = []
        self._period_ns = to_ns(driver.settings.period_s)
        self._due_ns = emulated.clock.now_ns()

    def cycle(self, target_rad: ArrayLike | None = None) -> Cycle:
        clock = self.emulated.clock
        self._due_ns = max(self._due_ns + self._period_ns, clock.now_ns())
        clock.sleep_until_ns(self._due_ns)
        self.emulated.wire.advance(clock.now_ns())
        if target_rad is not None:
            self.driver.command(JOINT_NAMES, target_rad, clock.now_ns())
        cycle = self.driver.cycle(clock.now_ns())
        if cycle.applied is not None:
            self.sent.append(cycle.applied.position_rad)
        while self.driver.events:
            self.events.append(self.driver.events.popleft())
        return cycle

    def cycles(self, seconds: float, target_rad: ArrayLike | None = None) -> list[Cycle]:
        count = round(seconds / self.driver.settings.period_s)
        return [self.cycle(target_rad) for _ in range(count)]

    def until(self, condition, target_rad: ArrayLike | None = None, seconds: float = 10.0) -> Cycle:
        """Cycles until ``condition(cycle)`` holds."""
        for _ in range(round(seconds / self.driver.settings.period_s)):
            cycle = self.cycle(target_rad)
            if condition(cycle):
                return cycle
        raise AssertionError(f"not within {seconds} s; last: {cycle.hold}, {self.events[-3:]}")

    def texts(self, level: str) -> str:
        return "\n".join(text for kind, text in self.events if kind == level)


def started(emulated: EmulatedArm, **settings) -> Operator:
    """A driver that holds the arm."""
    operator = Operator(emulated, emulated.driver(**settings))
    operator.until(lambda cycle: cycle.applied is not None)
    return operator


def following(cycle) -> bool:
    return cycle.applied is not None and cycle.hold is None


def is_smooth(sent: list[np.ndarray], rate_hz: float = 100.0) -> None:
    """Every goal is inside the limits, and so are the steps between goals."""
    goals = np.array(sent)
    step = np.diff(goals, axis=0) * rate_hz
    assert (goals >= SO101_LIMITS.lower_rad - 1e-9).all()
    assert (goals <= SO101_LIMITS.upper_rad + 1e-9).all()
    assert (np.abs(step) <= SO101_LIMITS.max_velocity_rad_s + 1e-6).all()


def ask(operator: Operator, request) -> str:
    answer = request()
    operator.cycle()
    return answer.result(0)
