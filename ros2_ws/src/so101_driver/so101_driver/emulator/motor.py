"""Position loop at 1 kHz and motor protection of one emulated servo. Positions are counts.

Source of both: the clean-room firmware 0o8o0-blip/sts3215-firmware (pid.c, motion.c, motor.c).
Force comes back by itself, at the goal that the servo still has, when the supply, the temperature
or the angle sensor is right again: those only set the duty to 0. After too much current it does
not: that writes TORQUE_ENABLE.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from so101_driver import registers as reg
from so101_driver.emulator.joint import RESISTANCE, TORQUE_CONSTANT, Drive, JointModel
from so101_driver.emulator.memory import ServoMemory
from so101_driver.registers import Status

STEP_S = 0.001
WINDOW = 20  # steps that velocity and the D term look back, register VELOCITY_WINDOW
HIGHEST_DUTY = 970  # 0.1 %: the bridge goes no further
COOLED_K = 5  # below the limit it is no longer too hot
OVERLOAD_MOTION = 50  # counts: a motor that turned further is not stalled
SUPPLY_OHM = 0.2  # cable and supply: the voltage drops under load
# A motor that holds 1 A (2.7 W) gets some 30 K warmer, within minutes.
AMBIENT_C, KELVIN_PER_WATT, THERMAL_TIME_S = 25.0, 11.0, 300.0
_VOLTAGE, _ENCODER, _OVERHEAT, _OVERCURRENT, _OVERLOAD = map(int, Status)
_STOPS = _OVERHEAT | _VOLTAGE | _ENCODER  # bits that set the duty to 0
RAD_TO_COUNTS = reg.COUNTS_PER_TURN / (2 * math.pi)


class Settings(NamedTuple):
    """What the motor needs of the registers, looked up when they are written, not in every step."""

    powered: bool
    goal: int
    speed: float  # counts/s
    acceleration: float  # counts/s^2
    p: int
    d: int
    i: int
    integral_limit: int
    startup: int
    dead_zones: tuple[int, int]  # for negative and positive errors
    highest_duty: int
    overload_duty: int
    protective_duty: int
    protection_s: float
    overcurrent_a: float
    overcurrent_s: float
    hottest_c: int
    volts: tuple[float, float]  # lowest and highest allowed
    unloads: int  # mask of Status
    zero: float  # position where the joint is at 0 rad
    one_turn: bool  # positions are modulo one turn


def settings(memory: ServoMemory, zero_count: float) -> Settings:
    """The motor's settings by the registers of its servo."""
    m = memory
    fastest = m[reg.MAXIMUM_VELOCITY] * m[reg.VELOCITY_UNIT]
    wanted = abs(m[reg.GOAL_VELOCITY])
    units = m[reg.ACCELERATION] or m[reg.MAXIMUM_ACCELERATION] * m[reg.ACCELERATION_FACTOR]
    return Settings(
        powered=m[reg.TORQUE_ENABLE] == 1 and m[reg.OPERATING_MODE] == 0,
        goal=m[reg.GOAL_POSITION],
        speed=float(min(wanted, fastest) if wanted else fastest),
        acceleration=100.0 * max(units, 1),
        p=m[reg.P_COEFFICIENT],
        d=m[reg.D_COEFFICIENT],
        i=m[reg.I_COEFFICIENT],
        integral_limit=4 * m[reg.INTEGRAL_LIMIT],
        startup=m[reg.MINIMUM_STARTUP_FORCE],
        dead_zones=(m[reg.CW_DEAD_ZONE], m[reg.CCW_DEAD_ZONE]),
        highest_duty=min(m[reg.TORQUE_LIMIT], HIGHEST_DUTY),
        overload_duty=10 * m[reg.OVERLOAD_TORQUE],
        protective_duty=10 * m[reg.PROTECTIVE_TORQUE],
        protection_s=0.01 * m[reg.PROTECTION_TIME],
        overcurrent_a=m[reg.PROTECTION_CURRENT] * reg.AMPERES_PER_COUNT,
        overcurrent_s=0.01 * m[reg.OVERCURRENT_TIME],
        hottest_c=m[reg.MAX_TEMPERATURE_LIMIT],
        volts=(
            m[reg.MIN_VOLTAGE_LIMIT] * reg.VOLTS_PER_COUNT,
            m[reg.MAX_VOLTAGE_LIMIT] * reg.VOLTS_PER_COUNT,
        ),
        unloads=m[reg.UNLOADING_CONDITION],
        zero=zero_count - m[reg.HOMING_OFFSET],
        one_turn=not m[reg.PHASE] & reg.MULTI_TURN,
    )


class Motor:
    """Drives a joint towards a goal and protects itself."""

    def __init__(self, joint: JointModel, settings: Settings) -> None:
        self.joint = joint
        self.settings = settings
        self.supply_v = 7.4
        self.volts = self.supply_v
        self.temperature_c = AMBIENT_C
        self.amperes = 0.0
        self.duty = 0  # 0.1 %
        self._frozen: int | None = None  # what a failed angle sensor goes on to say
        self.reset()

    def reset(self) -> None:
        """As after power-up."""
        # Bits of Status: as plain numbers, which are fast. A sensor that failed is not repaired.
        self._status = 0 if self._frozen is None else _ENCODER
        self.release()
        self._positions: deque[int] = deque([self.position], maxlen=WINDOW + 1)

    def release(self) -> None:
        """Forgets what switching the torque off forgets; the setpoint is where the joint is."""
        self._setpoint, self._setpoint_speed = float(self.position), 0.0
        self._errors: deque[float] = deque(maxlen=WINDOW)
        self._integral = 0.0
        self._overload_sign = 0  # of the duty that led to an overload; 0: there is none
        self._stall_s, self._stall_position = 0.0, self.position
        self._overcurrent_s = 0.0
        self.tripped = False  # switched off by too much current
        self._status &= ~(_OVERLOAD | _OVERCURRENT)

    @property
    def status(self) -> Status:
        """What the servo complains about."""
        return Status(self._status)

    @status.setter
    def status(self, status: int) -> None:
        self._status = int(status)

    @property
    def position(self) -> int:
        """As the servo reports it: encoder less homing offset."""
        if self._frozen is not None:
            return self._frozen
        count = round(self.settings.zero + self.joint.position_rad * RAD_TO_COUNTS)
        return count % reg.COUNTS_PER_TURN if self.settings.one_turn else count

    @property
    def speed(self) -> int:
        """Counts/s: those moved in the last 20 ms, times 50."""
        return 50 * (self._positions[-1] - self._positions[0])

    def fail_encoder(self, on: bool) -> None:
        """The angle sensor fails, or works again."""
        self._frozen = self.position if on else None
        self._flag(_ENCODER, on)

    def trip(self) -> None:
        """As by too much current for too long."""
        self._flag(_OVERCURRENT, True)
        self.tripped = bool(self.settings.unloads & _OVERCURRENT)

    def step(self) -> None:
        """Lets `STEP_S` pass."""
        s, position = self.settings, self.position
        self._positions.append(position)
        duty = 0
        if s.powered:
            self._move_setpoint()
            duty = self._limit_overload(self._position_loop(position), position)
        if self._status & s.unloads & _STOPS:
            duty = 0
        self.duty = duty
        self._measure_current()
        target_rad = (self._setpoint - s.zero) / RAD_TO_COUNTS
        if not s.powered:
            target_rad = self.joint.position_rad
        self.joint.step(Drive(s.powered, duty / 1000, self.volts, target_rad), STEP_S)
        self._watch()

    def _move_setpoint(self) -> None:
        """A trapezoid towards the goal."""
        s = self.settings
        distance = s.goal - self._setpoint
        if distance == 0.0 and self._setpoint_speed == 0.0:
            return
        # The speed from which it still stops in time, in steps of STEP_S.
        brake = s.acceleration * STEP_S
        reachable = math.sqrt(brake * brake / 4 + 2 * s.acceleration * abs(distance)) - brake / 2
        speed = math.copysign(min(s.speed, reachable), distance)
        self._setpoint_speed += min(max(speed - self._setpoint_speed, -brake), brake)
        move = self._setpoint_speed * STEP_S
        if abs(distance) <= max(abs(move), 0.5):
            self._setpoint, self._setpoint_speed = float(s.goal), 0.0
        else:
            self._setpoint += move

    def _position_loop(self, position: int) -> int:
        """Duty [0.1 %] = P e / 4 + D (change of e in 20 ms) / 8 + I (sum of e) / 500 +- start."""
        s = self.settings
        error = self._setpoint - position
        error = math.copysign(max(0.0, abs(error) - s.dead_zones[error > 0]), error)
        change = error - self._errors[0] if len(self._errors) == WINDOW else 0.0
        self._errors.append(error)
        duty = s.p * error / 4 + s.d * change / 8
        if s.i:
            self._integral += error
            if s.integral_limit:
                limit = s.integral_limit
                self._integral = min(max(self._integral, -limit), limit)
            duty += s.i * self._integral / 500
        if error:
            duty += math.copysign(s.startup, error)
        return round(min(max(duty, -s.highest_duty), s.highest_duty))

    def _limit_overload(self, duty: int, position: int) -> int:
        """Too much duty for too long without motion leaves only a part of it."""
        s = self.settings
        too_much = abs(duty) > s.overload_duty
        if not too_much or duty * self._overload_sign < 0:
            self._overload_sign = 0
        if not too_much or abs(position - self._stall_position) > OVERLOAD_MOTION:
            self._stall_s, self._stall_position = 0.0, position
        else:
            self._stall_s += STEP_S
        if self._stall_s >= s.protection_s:
            self._overload_sign = 1 if duty > 0 else -1
        self._flag(_OVERLOAD, self._overload_sign != 0)
        if self._overload_sign and s.unloads & _OVERLOAD:
            return min(max(duty, -s.protective_duty), s.protective_duty)
        return duty

    def _measure_current(self) -> None:
        """Too much of it for too long switches the torque off."""
        s = self.settings
        self.volts = self.supply_v - SUPPLY_OHM * abs(self.amperes)
        back_emf = TORQUE_CONSTANT * self.joint.velocity_rad_s
        # The bridge is open while there is no duty.
        driven = (self.duty / 1000 * self.volts - back_emf) / RESISTANCE
        self.amperes = driven if self.duty else 0.0
        if abs(self.amperes) < s.overcurrent_a:
            self._overcurrent_s = 0.0
            return
        self._overcurrent_s += STEP_S
        if self._overcurrent_s >= s.overcurrent_s:
            self.trip()

    def _watch(self) -> None:
        s = self.settings
        final_c = AMBIENT_C + KELVIN_PER_WATT * self.amperes**2 * RESISTANCE
        self.temperature_c += (final_c - self.temperature_c) * STEP_S / THERMAL_TIME_S
        cool = COOLED_K if self._status & _OVERHEAT else 0
        self._flag(_OVERHEAT, self.temperature_c > s.hottest_c - cool)
        self._flag(_VOLTAGE, not s.volts[0] <= self.volts <= s.volts[1])

    def _flag(self, flag: int, on: bool) -> None:
        self._status = self._status | flag if on else self._status & ~flag
