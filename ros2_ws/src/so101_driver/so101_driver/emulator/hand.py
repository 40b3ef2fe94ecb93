"""Hands on an emulated arm: what a person does to joints that are limp, for a rehearsal.

A hand moves a joint only while its servo has no torque, as a person does; one with torque is the
servo's. Hands are chosen by name: ``so101-emulator --hand sweep``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from act_core.robot import Robot
from act_core.robots.so101 import JOINT_NAMES, JOINTS, SO101

from so101_driver import registers as reg
from so101_driver.emulator.arm import GRAVITY_NM, emulated_servos, stops_rad
from so101_driver.emulator.joint import Drive, LocalJoint
from so101_driver.emulator.motor import STEP_S
from so101_driver.emulator.servo import EmulatedServo

HAND_RAD_S = 3.0  # a hand that hurries; a joint that falls is faster
SWEEP_S = 4.0  # to both ends and back
ARRIVED_RAD = 0.005
LOOKS_EVERY = 10  # steps: a hundred times a second is smooth enough for a hand
ROWS = (("qwerty", 1.0), ("asdfgh", -1.0))  # a column for each joint, as `act-teleop` has them
KEY_RAD = 0.05

KEYS_HELP = (
    f"{' '.join(ROWS[0][0])}: {' '.join(JOINT_NAMES)}, forwards\n"
    f"{' '.join(ROWS[1][0])}: the same, backwards   space: gripper open or closed   Ctrl-C: end"
)


class HandJoint(LocalJoint):
    """A joint that a hand holds while it is limp.

    Attributes:
        held_rad: where the hand wants it; None: nobody touches it.
    """

    held_rad: float | None = None

    @property
    def stops_rad(self) -> tuple[float, float]:
        """Where it ends."""
        return self._lower, self._upper

    def step(self, drive: Drive, dt_s: float) -> None:
        if drive.powered:
            self.held_rad = None  # it is the servo's: the hand has let go
        if self.held_rad is None or self.blocked:
            super().step(drive, dt_s)
            return
        most = HAND_RAD_S * dt_s
        way = min(max(self.held_rad - self.position_rad, -most), most)
        stopped = min(max(self.position_rad + way, self._lower), self._upper)
        self.velocity_rad_s = (stopped - self.position_rad) / dt_s
        self.position_rad = stopped


def servos_for_a_hand(robot: Robot = SO101) -> list[EmulatedServo]:
    """An emulated arm whose joints can be held, at rest."""
    return emulated_servos(
        joints=[
            HandJoint(*stops_rad(index, robot), float(rest), GRAVITY_NM[index])
            for index, rest in enumerate(robot.pose("rest"))
        ],
        robot=robot,
    )


class Hand(Protocol):
    """What a hand does; `EmulatedBus` calls it."""

    def step(self) -> None:
        """Lets `STEP_S` pass, before the joints do."""
        ...


class SweepHand:
    """Does what `so101-setup calibrate` asks for, as it asks.

    Where a calibration has begun (offsets of 0), it puts every joint into the middle of its travel;
    once the middles are stored, it moves the joints from end to end until the limits are stored.
    The joints of a calibrated arm it moves a third of that way, evenly, as somebody does who plays
    with a leader. It sees the servos' registers in place of the words on a person's screen.

    Args:
        servos: of the arm; joints other than `HandJoint` are left alone.
        say: takes what a person who watches would see.
    """

    def __init__(
        self, servos: Sequence[EmulatedServo], say: Callable[[str], None] = lambda text: None
    ) -> None:
        self._servos = list(servos)
        self._say = say
        self._time_s = 0.0
        self._steps = 0
        self._doing = ""

    def step(self) -> None:
        self._steps += 1
        if self._steps % LOOKS_EVERY == 0:
            self._look()

    def _look(self) -> None:
        memories = [servo.memory for servo in self._servos]
        middle_is_stored = any(memory[reg.HOMING_OFFSET] for memory in memories)
        has_limits = any(memory[reg.MIN_POSITION_LIMIT] for memory in memories)
        if middle_is_stored and has_limits:
            self._use()
        else:
            self._sweep(1.0 if middle_is_stored else 0.0)

    def _use(self) -> None:
        """Moves an arm that is calibrated."""
        self._sweep(1 / 3)

    def _sweep(self, share: float) -> None:
        doing = {0.0: "to the middle", 1.0: "from end to end"}.get(share, "back and forth")
        if not any(joint for joint in self._joints()):
            doing = ""
        elif doing != self._doing.removesuffix(": there"):
            self._time_s = 0.0
            self._tell(doing)
        self._time_s += LOOKS_EVERY * STEP_S
        sine = math.sin(2 * math.pi * self._time_s / SWEEP_S)
        for joint in self._joints():
            lower, upper = joint.stops_rad
            joint.held_rad = (lower + upper) / 2 + share * sine * (upper - lower) / 2
        if share == 0.0 and self._doing == doing and self._has_arrived():
            self._tell(f"{doing}: there")

    def _joints(self) -> Iterator[HandJoint]:
        """Those that are limp."""
        for servo in self._servos:
            joint = servo.motor.joint
            if isinstance(joint, HandJoint) and not servo.motor.settings.powered:
                yield joint

    def _has_arrived(self) -> bool:
        return all(
            joint.held_rad is not None and abs(joint.held_rad - joint.position_rad) < ARRIVED_RAD
            for joint in self._joints()
        )

    def _tell(self, doing: str) -> None:
        self._doing = doing
        self._say(f"the hand: {doing}")


class KeysHand:
    """Moves joints by keys that are hit in the emulator's terminal.

    keys: gives those that were hit since it was asked last.
    """

    def __init__(self, servos: Sequence[EmulatedServo], keys: Callable[[], str]) -> None:
        self._joints = [servo.motor.joint for servo in servos]
        self._keys = keys
        self._steps = 0
        self._moves = {key: (index, sign) for row, sign in ROWS for index, key in enumerate(row)}

    def step(self) -> None:
        for joint in self._joints:  # a hand that has been let go does not let the arm fall
            if isinstance(joint, HandJoint) and joint.held_rad is None:
                joint.held_rad = joint.position_rad
        self._steps += 1
        if self._steps % LOOKS_EVERY == 0:
            for key in self._keys():
                self._hit(key.lower())

    def _hit(self, key: str) -> None:
        gripper = len(JOINTS) - 1
        index, sign = self._moves.get(key, (gripper, 0.0))
        joint = self._joints[index]
        if not isinstance(joint, HandJoint) or joint.held_rad is None:
            return
        lower, upper = joint.stops_rad
        if key == " ":
            joint.held_rad = lower if joint.held_rad > (lower + upper) / 2 else upper
        else:
            joint.held_rad = min(max(joint.held_rad + sign * KEY_RAD, lower), upper)
