"""The control table of the STS3215 servo: every register that is used here, once.

Two-byte values are little endian; negative numbers are sign and magnitude, not two's complement.
Sources: Feetech's memory table of the STS series as published with
vassar-robotics/feetech-servo-sdk (docs/reference/memory_tables/sts_memory_table.md), and LeRobot's
table of the same servo (huggingface/lerobot, src/lerobot/motors/feetech/tables.py).
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

COUNTS_PER_TURN = 4096
MIDDLE_COUNT = 2047  # of a turn, as LeRobot's calibration counts it: int(4095 / 2)
TABLE_SIZE = 87  # addresses 0 to 86 exist
MODEL_NUMBERS = (777, 2563)  # STS3215; the second is what newer batches answer (rustypot #113)

MULTI_TURN = 1 << 4  # bit of PHASE: positions go on beyond one turn

# Baud rates by the code in BAUD_RATE. Feetech's table goes on with 76800, 57600 and 38400,
# LeRobot's with 57600, 38400 and 19200: only these five are beyond doubt.
BAUD_RATES: tuple[int, ...] = (1_000_000, 500_000, 250_000, 128_000, 115_200)


class Area(enum.Enum):
    """Where a register lives."""

    READ_ONLY = "read-only"
    EEPROM = "EEPROM"  # kept without power, if LOCK was 0 when it was written
    RAM = "RAM"


@dataclass(frozen=True)
class Register:
    """One value of the control table."""

    name: str
    address: int
    size: int  # bytes, 1 or 2
    area: Area
    default: int = 0
    sign_bit: int | None = None  # the bit that makes a number negative
    unit: str = ""

    @property
    def end(self) -> int:
        """The address behind its last byte."""
        return self.address + self.size

    @property
    def lowest(self) -> int:
        """The smallest value that it can hold."""
        return 0 if self.sign_bit is None else 1 - (1 << self.sign_bit)

    @property
    def highest(self) -> int:
        """The largest value that it can hold."""
        bits = 8 * self.size if self.sign_bit is None else self.sign_bit
        return (1 << bits) - 1

    def encode(self, value: int) -> bytes:
        """The bytes of ``value``; raises ValueError where it does not fit."""
        if not self.lowest <= value <= self.highest:
            raise ValueError(
                f"{self.name}: {value} does not fit, expected {self.lowest} to {self.highest}"
            )
        if value < 0 and self.sign_bit is not None:
            value = -value | 1 << self.sign_bit
        return value.to_bytes(self.size, "little")

    def decode(self, data: bytes | bytearray) -> int:
        """The value of its bytes."""
        value = int.from_bytes(data, "little")
        if self.sign_bit is None:
            return value
        magnitude = value & (1 << self.sign_bit) - 1
        return -magnitude if value >> self.sign_bit & 1 else magnitude


class Status(enum.IntFlag):
    """What a servo complains about: the error byte of its replies and its register STATUS."""

    VOLTAGE = 1  # supply outside MIN_VOLTAGE_LIMIT to MAX_VOLTAGE_LIMIT
    ENCODER = 2
    OVERHEAT = 4  # above MAX_TEMPERATURE_LIMIT
    OVERCURRENT = 8
    OVERLOAD = 32

    @classmethod
    def of(cls, byte: int) -> Status:
        """What a servo's byte says; bits without a meaning here are left out."""
        return cls(byte & _MEANINGFUL)

    def words(self) -> str:
        """For people, e.g. ``overheat, overload``; ``ok`` without a complaint."""
        return ", ".join(str(flag.name).lower() for flag in Status if flag in self) or "ok"


_MEANINGFUL = sum(Status)
_RO, _EEP, _RAM = Area.READ_ONLY, Area.EEPROM, Area.RAM

# fmt: off
FIRMWARE_MAJOR = Register("firmware_major", 0, 1, _RO, 3)
FIRMWARE_MINOR = Register("firmware_minor", 1, 1, _RO, 10)
ENDIANNESS = Register("endianness", 2, 1, _RO, 0)
MODEL_NUMBER = Register("model_number", 3, 2, _RO, 777)
ID = Register("id", 5, 1, _EEP, 1)
BAUD_RATE = Register("baud_rate", 6, 1, _EEP, 0, unit="code, see BAUD_RATES")
RETURN_DELAY = Register("return_delay", 7, 1, _EEP, 0, unit="2 us")
RESPONSE_LEVEL = Register("response_level", 8, 1, _EEP, 1, unit="0: answers reads only, 1: all")
MIN_POSITION_LIMIT = Register("min_position_limit", 9, 2, _EEP, 0, unit="counts")
MAX_POSITION_LIMIT = Register("max_position_limit", 11, 2, _EEP, 4095, unit="counts")
MAX_TEMPERATURE_LIMIT = Register("max_temperature_limit", 13, 1, _EEP, 70, unit="degC")
MAX_VOLTAGE_LIMIT = Register("max_voltage_limit", 14, 1, _EEP, 80, unit="0.1 V")
MIN_VOLTAGE_LIMIT = Register("min_voltage_limit", 15, 1, _EEP, 40, unit="0.1 V")
MAX_TORQUE_LIMIT = Register("max_torque_limit", 16, 2, _EEP, 1000, unit="0.1 %")
PHASE = Register("phase", 18, 1, _EEP, 12, unit="bits; 4: multi-turn")
UNLOADING_CONDITION = Register("unloading_condition", 19, 1, _EEP, 44, unit="mask of Status")
LED_ALARM_CONDITION = Register("led_alarm_condition", 20, 1, _EEP, 47, unit="mask of Status")
P_COEFFICIENT = Register("p_coefficient", 21, 1, _EEP, 32)
D_COEFFICIENT = Register("d_coefficient", 22, 1, _EEP, 32)
I_COEFFICIENT = Register("i_coefficient", 23, 1, _EEP, 0)
MINIMUM_STARTUP_FORCE = Register("minimum_startup_force", 24, 1, _EEP, 16, unit="0.1 %")
INTEGRAL_LIMIT = Register("integral_limit", 25, 1, _EEP, 0)
CW_DEAD_ZONE = Register("cw_dead_zone", 26, 1, _EEP, 1, unit="counts")
CCW_DEAD_ZONE = Register("ccw_dead_zone", 27, 1, _EEP, 1, unit="counts")
PROTECTION_CURRENT = Register("protection_current", 28, 2, _EEP, 500, unit="6.5 mA")
ANGULAR_RESOLUTION = Register("angular_resolution", 30, 1, _EEP, 1)
HOMING_OFFSET = Register("homing_offset", 31, 2, _EEP, 0, sign_bit=11, unit="counts")
OPERATING_MODE = Register("operating_mode", 33, 1, _EEP, 0, unit="0: position")
PROTECTIVE_TORQUE = Register("protective_torque", 34, 1, _EEP, 20, unit="%")
PROTECTION_TIME = Register("protection_time", 35, 1, _EEP, 200, unit="10 ms")
OVERLOAD_TORQUE = Register("overload_torque", 36, 1, _EEP, 80, unit="%")
VELOCITY_P = Register("velocity_p", 37, 1, _EEP, 10)
OVERCURRENT_TIME = Register("overcurrent_time", 38, 1, _EEP, 200, unit="10 ms")
VELOCITY_I = Register("velocity_i", 39, 1, _EEP, 200)
TORQUE_ENABLE = Register("torque_enable", 40, 1, _RAM, 0, unit="0 off, 1 on")
ACCELERATION = Register("acceleration", 41, 1, _RAM, 0, unit="100 counts/s^2, 0: most")
GOAL_POSITION = Register("goal_position", 42, 2, _RAM, 0, sign_bit=15, unit="counts")
GOAL_TIME = Register("goal_time", 44, 2, _RAM, 0, sign_bit=10)
GOAL_VELOCITY = Register("goal_velocity", 46, 2, _RAM, 0, sign_bit=15, unit="counts/s, 0: most")
TORQUE_LIMIT = Register("torque_limit", 48, 2, _RAM, 1000, unit="0.1 %")
LOCK = Register("lock", 55, 1, _RAM, 1, unit="0: EEPROM writes are kept")
PRESENT_POSITION = Register("present_position", 56, 2, _RO, sign_bit=15, unit="counts")
PRESENT_VELOCITY = Register("present_velocity", 58, 2, _RO, sign_bit=15, unit="counts/s")
PRESENT_LOAD = Register("present_load", 60, 2, _RO, sign_bit=10, unit="0.1 % duty")
PRESENT_VOLTAGE = Register("present_voltage", 62, 1, _RO, unit="0.1 V")
PRESENT_TEMPERATURE = Register("present_temperature", 63, 1, _RO, unit="degC")
ASYNC_WRITE = Register("async_write", 64, 1, _RO, unit="1: a REG_WRITE waits")
STATUS = Register("status", 65, 1, _RO, unit="bits of Status")
MOVING = Register("moving", 66, 1, _RO)
GOAL_ECHO = Register("goal_echo", 67, 2, _RO, unit="counts")
PRESENT_CURRENT = Register("present_current", 69, 2, _RO, sign_bit=15, unit="6.5 mA")
MOVING_THRESHOLD = Register("moving_threshold", 80, 1, _EEP, 2, unit="50 counts/s")
VELOCITY_WINDOW = Register("velocity_window", 81, 1, _EEP, 20, unit="ms")
VELOCITY_UNIT = Register("velocity_unit", 82, 1, _EEP, 50, unit="counts/s")
MINIMUM_VELOCITY = Register("minimum_velocity", 83, 1, _EEP, 1)
MAXIMUM_VELOCITY = Register("maximum_velocity", 84, 1, _EEP, 150, unit="50 counts/s")
MAXIMUM_ACCELERATION = Register("maximum_acceleration", 85, 1, _EEP, 100, unit="100 counts/s^2")
ACCELERATION_FACTOR = Register("acceleration_factor", 86, 1, _EEP, 1)
# fmt: on

REGISTERS: tuple[Register, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Register)
)
BY_NAME: dict[str, Register] = {register.name: register for register in REGISTERS}

AMPERES_PER_COUNT = 0.0065  # of PRESENT_CURRENT and PROTECTION_CURRENT
VOLTS_PER_COUNT = 0.1  # of PRESENT_VOLTAGE and its limits
LOAD_PER_COUNT = 0.001  # of PRESENT_LOAD: share of full duty


def span(registers: Sequence[Register]) -> tuple[int, int]:
    """Address and number of the bytes from the first of ``registers`` to the last.

    They are in the order of their addresses; gaps are read along. Raises ValueError otherwise.
    """
    if not registers:
        raise ValueError("no registers given")
    for before, after in itertools.pairwise(registers):
        if after.address < before.end:
            raise ValueError(
                f"{after.name} (address {after.address}) must stand before {before.name} "
                f"(address {before.address}): registers in the order of their addresses"
            )
    return registers[0].address, registers[-1].end - registers[0].address


def unpack(registers: Sequence[Register], data: bytes) -> tuple[int, ...]:
    """The values of ``registers`` from the bytes of their `span`."""
    start = registers[0].address
    return tuple(r.decode(data[r.address - start : r.end - start]) for r in registers)
