"""The six calibrated joints on a bus: radians in and out, torque, settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from act_core.robots.so101 import JOINT_NAMES
from numpy.typing import ArrayLike, NDArray

from so101_driver import registers as reg
from so101_driver.bus import Bus
from so101_driver.bus_errors import ArmError, BusError, NoReplyError, PortError
from so101_driver.calibration import Calibration, JointConversion, Vector
from so101_driver.registers import Register, Status

FEEDBACK = (reg.PRESENT_POSITION, reg.PRESENT_VELOCITY, reg.PRESENT_LOAD)
HEALTH = (
    reg.TORQUE_ENABLE, reg.PRESENT_LOAD, reg.PRESENT_VOLTAGE, reg.PRESENT_TEMPERATURE, reg.STATUS,
    reg.PRESENT_CURRENT,
)  # fmt: skip

_NOT_HEARD = (0,) * len(FEEDBACK)
# One damaged packet in 256 has a right checksum by chance. What torque is switched on with must not
# hang on one reading: two in a row have to be so close. (5 rad/s, faster than the servo, moves a
# joint by 33 counts in a control period; two readings are a fraction of one apart.)
AGREES_COUNTS = 33


class ArmState(NamedTuple):
    """All joints at one time; arrays (6,) in the order of `JOINT_NAMES`."""

    position_rad: Vector
    velocity_rad_s: Vector  # in steps of 0.077 rad/s: what the servo measures
    load: Vector  # share of the motor's full duty, -1 to 1
    status: tuple[Status, ...]
    heard: NDArray[np.bool_]  # (6,) whose servos answered; what is said of the others means nothing


class HeldGoals(NamedTuple):
    """What the servos hold; arrays (6,)."""

    goals_rad: Vector
    torque: NDArray[np.bool_]  # whether it is on
    heard: NDArray[np.bool_]  # whose servos answered; what is said of the others means nothing


class ServoHealth(NamedTuple):
    """How one servo is."""

    torque: bool
    volts: float
    celsius: int
    status: Status
    amperes: float
    load: float  # share of the motor's full duty, -1 to 1; positive as the joint's angle is


@dataclass(frozen=True)
class ServoSettings:
    """What is set in every servo; the defaults are LeRobot's for the SO-101 follower
    (huggingface/lerobot, robots/so_follower/so_follower.py), so that policies transfer."""

    p: int = 16  # half of the factory's: less shaking
    d: int = 32
    i: int = 0
    acceleration: int = 254  # x 100 counts/s^2
    # A gripper that holds something stalls all day: less torque and current keep it from burning.
    gripper_torque_limit: int = 500  # 0.1 %
    gripper_current: int = 250  # x 6.5 mA
    gripper_overload: int = 25  # %

    def eeprom(self, joint: str) -> dict[Register, int]:
        """What is kept in the servo."""
        values = {
            reg.RETURN_DELAY: 0,
            reg.P_COEFFICIENT: self.p,
            reg.D_COEFFICIENT: self.d,
            reg.I_COEFFICIENT: self.i,
            reg.OPERATING_MODE: 0,
            reg.MAXIMUM_ACCELERATION: self.acceleration,
        }
        if joint == "gripper":
            values |= {
                reg.MAX_TORQUE_LIMIT: self.gripper_torque_limit,
                reg.PROTECTION_CURRENT: self.gripper_current,
                reg.OVERLOAD_TORQUE: self.gripper_overload,
            }
        return values

    def ram(self, joint: str) -> dict[Register, int]:
        """What a servo forgets when its power fails."""
        values = {reg.ACCELERATION: self.acceleration}
        if joint == "gripper":
            values[reg.TORQUE_LIMIT] = self.gripper_torque_limit
        return values


class So101Arm:
    """One arm on an open bus. Nothing here moves it but `write_goals` and `enable_torque`.

    Leaving a ``with`` block switches the torque off. Methods raise PortError when the port is gone
    and NoReplyError when a servo stays silent.
    """

    def __init__(
        self, bus: Bus, calibration: Calibration, settings: ServoSettings | None = None
    ) -> None:
        self.bus = bus
        self.calibration = calibration
        self.conversion = JointConversion(calibration)
        # (6,) positive as the joint's angle is.
        self._load_per_count = np.sign(self.conversion.rad_per_count) * reg.LOAD_PER_COUNT
        self.servo_ids = calibration.servo_ids
        self.settings = settings if settings is not None else ServoSettings()

    def __enter__(self) -> So101Arm:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.release()
        except PortError:
            pass  # nobody there to be told
        finally:
            self.bus.close()

    def joint_of(self, servo_id: int) -> str:
        """For people, e.g. ``servo 3 (elbow_flex)``."""
        return f"servo {servo_id} ({JOINT_NAMES[self.servo_ids.index(servo_id)]})"

    # -- every cycle ---------------------------------------------------------------------------

    def read_state(self, deadline_ns: int | None = None) -> ArmState:
        """Where all joints are, with one request. Raises NoReplyError that names those missing."""
        state = self.read_partly(deadline_ns)
        if not state.heard.all():
            silent = [i for i, heard in zip(self.servo_ids, state.heard, strict=True) if not heard]
            raise NoReplyError(silent, "read the joints")
        return state

    def read_partly(self, deadline_ns: int | None = None) -> ArmState:
        """Like `read_state`, but says in ``heard`` who has not answered."""
        reading = self.bus.sync_read(self.servo_ids, FEEDBACK, deadline_ns)
        rows = [reading.values.get(i, _NOT_HEARD) for i in self.servo_ids]
        values = np.array(rows, dtype=np.float64)  # (6, 3)
        return ArmState(
            self.conversion.to_rad(values[:, 0]),
            values[:, 1] * self.conversion.rad_per_count,
            values[:, 2] * self._load_per_count,
            tuple(reading.status.get(i, Status(0)) for i in self.servo_ids),
            np.array([i in reading.values for i in self.servo_ids]),
        )

    def write_goals(
        self, position_rad: ArrayLike, but: NDArray[np.bool_] | None = None
    ) -> NDArray[np.int64]:
        """Sends targets (6,) [rad], not to the joints in ``but`` (6,); returns them in counts,
        rounded and inside the calibration."""
        counts = self.conversion.to_counts(position_rad)
        goals = dict(zip(self.servo_ids, ((int(c),) for c in counts), strict=True))
        if but is not None and but.any():
            goals = {i: goals[i] for i, out in zip(self.servo_ids, but, strict=True) if not out}
        if goals:
            self.bus.sync_write((reg.GOAL_POSITION,), goals)
        return counts

    def read_health(self, joint: str, deadline_ns: int | None = None) -> ServoHealth:
        """How the servo of a joint is."""
        index = JOINT_NAMES.index(joint)
        torque, load, volts, celsius, status, current = self.bus.read_many(
            self.servo_ids[index], HEALTH, deadline_ns
        )
        return ServoHealth(
            torque == 1,
            volts * reg.VOLTS_PER_COUNT,
            celsius,
            Status.of(status),
            current * reg.AMPERES_PER_COUNT,
            load * float(self._load_per_count[index]),
        )

    # -- torque --------------------------------------------------------------------------------

    def enable_torque(self, joints: Sequence[str] = JOINT_NAMES) -> None:
        """Switches on; joints stay where they are, because their goal becomes their position first.

        (After power-up the goal of a servo is 0; some firmwares switch on when a goal is written.)
        """
        for joint in joints:
            servo_id = self.servo_ids[JOINT_NAMES.index(joint)]
            self._goal_where_it_is(joint)
            self.bus.write_checked(servo_id, reg.TORQUE_ENABLE, 1)

    def _goal_where_it_is(self, joint: str) -> None:
        """Writes the joint's position as its goal, and looks whether it is there still.

        Raises ArmError where readings do not agree.
        """
        servo_id, stored = self.servo_ids[JOINT_NAMES.index(joint)], self.calibration[joint]
        here = self.bus.read(servo_id, reg.PRESENT_POSITION)
        for _ in range(5):
            # The servo would clamp it to the same range.
            goal = min(max(here, stored.range_min), stored.range_max)
            self.bus.write_checked(servo_id, reg.GOAL_POSITION, goal)
            before, here = here, self.bus.read(servo_id, reg.PRESENT_POSITION)
            if abs(here - before) <= AGREES_COUNTS:
                return
        raise ArmError(f"{joint}: readings of its position do not agree with each other")

    def slacken(self, joints: Sequence[str]) -> None:
        """Torque off with one packet that nobody answers; see `release` for certainty."""
        self._switch(joints, 0)

    def stiffen(self, joints: Sequence[str]) -> None:
        """Torque on with one packet that nobody answers, at goals that were just sent; see
        `enable_torque` for certainty."""
        self._switch(joints, 1)

    def _switch(self, joints: Sequence[str], value: int) -> None:
        servo_ids = [self.servo_ids[JOINT_NAMES.index(joint)] for joint in joints]
        self.bus.sync_write((reg.TORQUE_ENABLE,), dict.fromkeys(servo_ids, (value,)))

    def release(self, joints: Sequence[str] = JOINT_NAMES) -> tuple[str, ...]:
        """Switches torque off, at once and then again one by one; returns who did not confirm it.

        Raises PortError only.
        """
        servo_ids = {joint: self.servo_ids[JOINT_NAMES.index(joint)] for joint in joints}
        self.slacken(joints)
        unconfirmed = []
        for joint, servo_id in servo_ids.items():
            try:
                self.bus.write_checked(servo_id, reg.TORQUE_ENABLE, 0)
            except PortError:
                raise
            except BusError:
                unconfirmed.append(joint)
        return tuple(unconfirmed)

    def recover(self, joint: str) -> None:
        """Ends a latched overload without cutting the power: torque off, on where the joint is.

        Also after a servo has restarted: its settings are written again.
        """
        self.configure((joint,))
        self.release((joint,))
        self.enable_torque((joint,))

    def read_goals(self) -> tuple[Vector, NDArray[np.bool_]]:
        """Goals (6,) [rad] that the servos hold, and (6,) whether their torque is on.

        Raises NoReplyError.
        """
        held = self.read_goals_partly(None)
        if not held.heard.all():
            silent = [i for i, heard in zip(self.servo_ids, held.heard, strict=True) if not heard]
            raise NoReplyError(silent, "read the goals")
        return held.goals_rad, held.torque

    def read_goals_partly(self, deadline_ns: int | None) -> HeldGoals:
        """Like `read_goals`, but says in ``heard`` who has not answered."""
        registers = (reg.TORQUE_ENABLE, reg.GOAL_POSITION)
        reading = self.bus.sync_read(self.servo_ids, registers, deadline_ns)
        values = np.array([reading.values.get(i, (0, 0)) for i in self.servo_ids])  # (6, 2)
        heard = np.array([i in reading.values for i in self.servo_ids])
        return HeldGoals(self.conversion.to_rad(values[:, 1]), values[:, 0] == 1, heard)

    # -- settings ------------------------------------------------------------------------------

    def configure(self, joints: Sequence[str] = JOINT_NAMES) -> None:
        """Writes `ServoSettings`; what is kept in a servo only where it differs: EEPROM wears."""
        for joint in joints:
            servo_id = self.servo_ids[JOINT_NAMES.index(joint)]
            kept = self.settings.eeprom(joint)
            phase = self.bus.read(servo_id, reg.PHASE)
            # Positions beyond one turn break the calibration (lerobot PR #2476).
            kept[reg.PHASE] = phase & ~reg.MULTI_TURN
            self.write_eeprom(servo_id, kept)
            for register, value in self.settings.ram(joint).items():
                self.bus.write_checked(servo_id, register, value)

    def write_eeprom(self, servo_id: int, values: Mapping[Register, int]) -> None:
        """Writes registers for good, those that differ; the lock is closed again."""
        differing = {r: v for r, v in values.items() if self.bus.read(servo_id, r) != v}
        if not differing:
            return
        self.bus.write_checked(servo_id, reg.LOCK, 0)
        try:
            for register, value in differing.items():
                self.bus.write_checked(servo_id, register, value)
        finally:
            self.bus.write(servo_id, reg.LOCK, 1)
