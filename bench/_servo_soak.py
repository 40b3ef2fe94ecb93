"""A driver in virtual time on a bus where everything goes wrong, by seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from act_core.so101 import HOME_POSE_RAD, JOINT_NAMES, SO101_LIMITS
from act_core.timing import FakeClock, to_ns
from so101_driver.arm import So101Arm
from so101_driver.arm_driver import ArmDriver, Cycle
from so101_driver.bus import Bus
from so101_driver.driver_settings import DriverSettings
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.faults import FaultEvent, FaultScript
from so101_driver.emulator.memory_transport import MemoryTransport

RATES = {
    "lost": 0.03, "late": 0.02, "corrupt": 0.05, "split": 0.05, "cut": 0.03, "duplicated": 0.05,
    "noise": 0.05, "unheard": 0.02,
}  # fmt: skip
EVENTS = ("dead", "blocked", "power_cycle", "supply", "hot", "port_gone")
EVENT_EVERY_S, EVENT_LASTS_S = 6.0, 1.5
RATE_HZ = 100.0
ROUNDING = 1e-6  # rad/s, of float sums


@dataclass
class Soak:
    """Runs until so many faults have been injected, and checks every goal that is sent.

    The target wanders through the whole range and beyond, in jumps and slowly. Raises whatever the
    driver lets out.
    """

    seed: int = 0
    faults: int = 0
    cycles: int = 0
    outside_limits: int = 0  # goals that broke a position or velocity limit
    holds: Counter[str] = field(default_factory=Counter)
    resumed: int = 0  # times that it followed again after it had held
    longest_hold_s: float = 0.0

    def __post_init__(self) -> None:
        self.clock = FakeClock(to_ns(1.0))
        self.wire = EmulatedBus(emulated_servos(HOME_POSE_RAD), faults=FaultScript(self.seed))
        self.wire.faults.set_rates(RATES)
        self.driver = ArmDriver(
            self._open, DriverSettings(rate_hz=RATE_HZ, auto_recover=True), clock=self.clock
        )
        self._random = np.random.default_rng(self.seed)
        self._target = HOME_POSE_RAD.copy()
        self._last: np.ndarray | None = None
        self._held_cycles = 0
        self._ending: FaultEvent | None = None

    def run(self, faults: int) -> None:
        """Until ``faults`` have been injected."""
        while self.faults < faults:
            self._cycle()
            self.faults = sum(self.wire.faults.counts.values())

    def _open(self) -> So101Arm:
        bus = Bus(MemoryTransport(self.wire, self.clock), clock=self.clock)
        return So101Arm(bus, emulated_calibration())

    def _cycle(self) -> None:
        self.cycles += 1
        self.clock.sleep_until_ns(to_ns(1.0 + self.cycles / RATE_HZ))
        self.wire.advance(self.clock.now_ns())
        self._events()
        self.driver.command(JOINT_NAMES, self._wanted().tolist(), self.clock.now_ns())
        self._check(self.driver.cycle(self.clock.now_ns()))
        self.driver.events.clear()

    def _wanted(self) -> np.ndarray:
        if self._random.random() < 0.01:
            span = SO101_LIMITS.upper_rad - SO101_LIMITS.lower_rad
            self._target = SO101_LIMITS.lower_rad + self._random.uniform(-0.2, 1.2, 6) * span
        if self._random.random() < 0.001:
            return np.full(6, np.nan)
        return self._target + 0.1 * np.sin(self.cycles / 40)

    def _events(self) -> None:
        if self.cycles % round(EVENT_EVERY_S * RATE_HZ) == 0:
            kind = str(self._random.choice(EVENTS))
            servo = int(self._random.integers(1, 7))
            value = {"hot": 72.0, "supply": 3.4}.get(kind)
            self.wire.happen(FaultEvent(0.0, kind, servo, value))
            if kind == "hot":
                self._ending = FaultEvent(0.0, kind, servo, 30.0)
            elif kind != "power_cycle":
                self._ending = FaultEvent(0.0, kind, servo, 0.0)
        lasted = self.cycles % round(EVENT_EVERY_S * RATE_HZ) == round(EVENT_LASTS_S * RATE_HZ)
        if lasted and self._ending is not None:
            self.wire.happen(self._ending)
            self._ending = None

    def _check(self, cycle: Cycle) -> None:
        if cycle.hold is None:
            self.resumed += self._held_cycles > 0
            self._held_cycles = 0
        else:
            self.holds[cycle.hold.split(":")[0]] += 1
            self._held_cycles += 1
            self.longest_hold_s = max(self.longest_hold_s, self._held_cycles / RATE_HZ)
        if cycle.applied is None:
            self._last = None
            return
        goal = cycle.applied.position_rad
        inside = (goal >= SO101_LIMITS.lower_rad) & (goal <= SO101_LIMITS.upper_rad)
        slow = np.full(6, True)
        if self._last is not None and cycle.state is not None:
            speed = np.abs(goal - self._last) * RATE_HZ
            slow = speed <= SO101_LIMITS.max_velocity_rad_s + ROUNDING
            # While it holds, a goal may jump to where its joint really is: that moves nothing.
            here = np.array([servo.motor.joint.position_rad for servo in self.wire.servos])
            slow |= (np.abs(goal - here) < 0.05) & (cycle.hold is not None)
        self.outside_limits += not bool((inside & slow).all())
        self._last = goal
