"""A driver in virtual time on a bus where everything goes wrong, by seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES, SO101_LIMITS
from act_core.timing import FakeClock, to_ns
from so101_driver import registers as reg
from so101_driver.arm import So101Arm
from so101_driver.arm_driver import ArmDriver, Cycle
from so101_driver.bus import Bus
from so101_driver.driver_settings import DriverSettings
from so101_driver.emulator.arm import emulated_calibration
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.faults import BACK_TO_NORMAL, EVENTS, RATES, FaultEvent, FaultScript
from so101_driver.emulator.memory_transport import MemoryTransport
from so101_driver.emulator.servo import Firmware

from bench._servo_watch import Motion, watched_arm

HEAVY_RATES = {
    "lost": 0.03, "late": 0.02, "corrupt": 0.05, "split": 0.05, "cut": 0.03, "duplicated": 0.05,
    "noise": 0.05, "unheard": 0.02,
}  # fmt: skip
WHOLE_BUS = {"port_gone"}  # kinds that have no servo of their own
RATE_HZ = 100.0
PERIOD_NS = to_ns(1 / RATE_HZ)
COOL_C = 30.0
# What people do meanwhile, each about so often [s].
DEEDS_EVERY_S = {"estop": 6.0, "torque": 10.0, "recover": 4.0, "restart": 12.0, "pause": 3.0}


@dataclass
class Soak:
    """Runs until so many faults have been injected or so much time has passed.

    The target wanders through the whole range and beyond, in jumps and slowly; faults begin and end
    at random and overlap; people engage the e-stop, switch the torque, ask for recovery, kill the
    driver and start another. Raises whatever the driver lets out.

    seed: of everything. faults_hz: that begin in a second. with_people: who do what they do.
    """

    seed: int = 0
    faults_hz: float = 1 / 6
    with_people: bool = False
    faults: int = 0
    cycles: int = 0
    outside_limits: int = 0  # goals that broke a position limit
    holds: Counter[str] = field(default_factory=Counter)
    resumed: int = 0  # times that it followed again after it had held
    longest_hold_s: float = 0.0

    def __post_init__(self) -> None:
        self._random = np.random.default_rng(self.seed)
        self.clock = FakeClock(to_ns(1.0))
        self._due_ns = self.clock.now_ns()
        servos, self.joints = watched_arm(HOME_POSE_RAD)
        self.wire = EmulatedBus(servos, faults=FaultScript(self.seed))
        quiet = self.with_people and self._random.random() < 0.5
        self.wire.faults.set_rates(HEAVY_RATES if not quiet else dict.fromkeys(RATES, 0.002))
        if self._random.random() < 0.5:  # the supply switches servos off, too
            for servo in servos:
                mask = reg.Status.VOLTAGE | reg.Status.ENCODER | reg.UNLOADING_CONDITION.default
                servo.memory.keep(reg.UNLOADING_CONDITION, int(mask))
        unknown = np.random.default_rng((self.seed, 1)).random(2) < 0.5
        for servo in servos:
            servo.firmware = Firmware(*unknown.tolist())
        self.driver = self._new_driver()
        self._target = HOME_POSE_RAD.copy()
        self._held_cycles = 0
        self._endings: list[tuple[int, FaultEvent]] = []  # cycle
        self._silent_until = 0  # nobody commands

    @property
    def motions(self) -> list[Motion]:
        """What servos did that nobody commanded, at all joints."""
        return [motion for joint in self.joints for motion in joint.motions]

    def run(self, faults: int | None = None, seconds: float | None = None) -> None:
        """Until ``faults`` have been injected, or for ``seconds``."""
        last = None if seconds is None else self.cycles + round(seconds * RATE_HZ)
        while (faults is None or self.faults < faults) and (last is None or self.cycles < last):
            self._cycle()
            self.faults = sum(self.wire.faults.counts.values())

    def _new_driver(self) -> ArmDriver:
        settings = DriverSettings(rate_hz=RATE_HZ, auto_recover=True)
        return ArmDriver(self._open, settings, clock=self.clock)

    def _open(self) -> So101Arm:
        bus = Bus(MemoryTransport(self.wire, self.clock), clock=self.clock)
        return So101Arm(bus, emulated_calibration())

    def _cycle(self) -> None:
        self.cycles += 1
        self._due_ns += PERIOD_NS  # what is late is skipped, as in `act_core.timing`
        self._due_ns = max(self._due_ns, self.clock.now_ns())
        self.clock.sleep_until_ns(self._due_ns)
        self.wire.advance(self.clock.now_ns())
        self._faults()
        if self.with_people:
            self._deeds()
        if self.cycles >= self._silent_until:
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

    def _faults(self) -> None:
        """Events of all kinds begin at random, last from 20 ms to some seconds, and overlap."""
        for cycle, event in list(self._endings):
            if cycle <= self.cycles:
                self._endings.remove((cycle, event))
                self.wire.happen(event)
        lasts_s = float(np.exp(self._random.uniform(np.log(0.02), np.log(4.0))))
        if self._random.random() >= self.faults_hz / RATE_HZ:
            return
        kind = str(self._random.choice(list(EVENTS)))
        servo = None if kind in WHOLE_BUS else int(self._random.integers(1, 7))
        if kind == "supply" and self._random.random() < 0.5:
            servo = None  # all
        value = {
            "hot": 72.0, "supply": float(self._random.choice([3.4, 9.0])),
            "pushed": float(self._random.uniform(-2.0, 2.0)),
        }.get(kind)  # fmt: skip
        if kind == "power_cycle" and self._random.random() < 0.3:
            value = float(self._random.choice([0.0, 2047.0]))
        self.wire.happen(FaultEvent(0.0, kind, servo, value))
        end = COOL_C if kind == "hot" else 0.0
        if kind in BACK_TO_NORMAL or kind == "hot":
            ending = FaultEvent(0.0, kind, servo, end)
            self._endings.append((self.cycles + round(lasts_s * RATE_HZ), ending))

    def _deeds(self) -> None:
        for deed, every_s in DEEDS_EVERY_S.items():
            if self._random.random() >= 1 / (every_s * RATE_HZ):
                continue
            if deed == "estop":
                self.driver.estop(bool(self._random.random() < 0.3))
            elif deed == "torque":
                self.driver.request_torque(bool(self._random.random() < 0.7))
            elif deed == "recover":
                self.driver.request_recovery()
            elif deed == "restart":  # SIGKILL; the servos keep their goals and their torque
                if self.driver.arm is not None:
                    self.driver.arm.bus.close()
                self.driver = self._new_driver()
            else:
                self._silent_until = self.cycles + int(self._random.integers(10, 150))

    def _check(self, cycle: Cycle) -> None:
        now_s = max(joint.time_s for joint in self.joints)
        connected = self.driver.is_in_reach
        for joint, servo in zip(self.joints, self.wire.servos, strict=True):
            if cycle.hold is None:
                joint.commanded_s = now_s
            joint.reach(connected and servo.is_listening)
        if cycle.hold is None:
            self.resumed += self._held_cycles > 0
            self._held_cycles = 0
        else:
            self.holds[cycle.hold.split(":")[0]] += 1
            self._held_cycles += 1
            self.longest_hold_s = max(self.longest_hold_s, self._held_cycles / RATE_HZ)
        if cycle.applied is not None:
            goal = cycle.applied.position_rad
            inside = (goal >= SO101_LIMITS.lower_rad) & (goal <= SO101_LIMITS.upper_rad)
            self.outside_limits += not bool(inside.all())
