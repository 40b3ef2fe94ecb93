"""Records how far each joint goes while a person moves it by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from act_core.robot import Robot
from act_core.robot import ServoJoint as Joint

from so101_driver import registers as reg
from so101_driver.bus import Bus
from so101_driver.bus_errors import NoReplyError
from so101_driver.calibration import RAD_PER_COUNT
from so101_driver.registers import COUNTS_PER_TURN
from so101_driver.setup.console import Console
from so101_driver.so_arm import servo_joints

FULL_SWEEP = 0.8  # of the model's travel: less was not moved to both ends
LOST_IN_A_ROW = 50  # readings; then something is unplugged
AGREES_COUNTS = 33  # between two readings one after the other, at 5 rad/s; see `so101_driver.arm`


class Range(NamedTuple):
    """Where a joint has been [counts]."""

    lowest: int
    highest: int

    @property
    def width(self) -> int:
        return self.highest - self.lowest


class SeamError(Exception):
    """A joint went over the end of its encoder's turn."""


class Sweep:
    """Lowest and highest position of some servos. A reading that would widen a range is made anew:
    one damaged packet in 256 has a right checksum by chance.

    Raises SeamError when a joint jumps by more than half a turn between two readings: then its
    middle was not in the middle, and its range would be nonsense (lerobot #3586, #3587).
    """

    def __init__(self, servo_ids: Iterable[int]) -> None:
        self.ranges: dict[int, Range] = {}
        self._servo_ids = tuple(servo_ids)
        self._last: dict[int, int] = {}
        self._lost = 0

    def read(self, bus: Bus) -> None:
        """Takes in one reading. Raises NoReplyError when servos have been silent for long."""
        reading = bus.sync_read(self._servo_ids, (reg.PRESENT_POSITION,))
        self._lost = self._lost + 1 if reading.missing else 0
        if self._lost >= LOST_IN_A_ROW:
            raise NoReplyError(reading.missing, "reading the positions")
        for servo_id, (position,) in reading.values.items():
            if self._is_known(servo_id, position) or self._is_confirmed(bus, servo_id, position):
                self._take_in(servo_id, position)

    def _is_known(self, servo_id: int, position: int) -> bool:
        here = self.ranges.get(servo_id)
        return here is not None and here.lowest <= position <= here.highest

    @staticmethod
    def _is_confirmed(bus: Bus, servo_id: int, position: int) -> bool:
        try:
            return abs(bus.read(servo_id, reg.PRESENT_POSITION) - position) <= AGREES_COUNTS
        except NoReplyError:
            return False

    def _take_in(self, servo_id: int, position: int) -> None:
        last = self._last.get(servo_id, position)
        if abs(position - last) > COUNTS_PER_TURN // 2:
            raise SeamError(
                f"servo {servo_id} jumped from {last} to {position} counts, over the end of its "
                "encoder's turn: its middle position was not in the middle of its travel"
            )
        self._last[servo_id] = position
        before = self.ranges.get(servo_id, Range(position, position))
        self.ranges[servo_id] = Range(min(before.lowest, position), max(before.highest, position))

    def lines(self, joints: Sequence[Joint]) -> list[str]:
        """A table of where the joints are and have been, for people."""
        lines = ["joint          lowest     now  highest    moved  of the arm's"]
        for joint in joints:
            servo_id = joint.servo_id
            if servo_id in self.ranges:
                lowest, highest = self.ranges[servo_id]
                moved, travel = degrees(highest - lowest), travel_deg(joint)
                lines.append(
                    f"{joint.name:13s}  {lowest:6d}  {self._last[servo_id]:6d}  {highest:7d}  "
                    f"{moved:5.0f}\N{DEGREE SIGN}  {travel:11.0f}\N{DEGREE SIGN}"
                )
        return lines

    def too_short(self, joints: Sequence[Joint]) -> list[str]:
        """Joints that were not moved through their travel, with how far they were."""
        texts = []
        for joint in joints:
            here = self.ranges.get(joint.servo_id, Range(0, 0))
            moved, travel = degrees(here.width), travel_deg(joint)
            if moved < FULL_SWEEP * travel:
                texts.append(f"{joint.name} moved {moved:.0f} of about {travel:.0f} degrees")
        return texts


def degrees(counts: float) -> float:
    """Counts as degrees."""
    return counts * 360 / COUNTS_PER_TURN


def travel_deg(joint: Joint) -> float:
    """How far the joint goes in the arm's model."""
    return degrees((joint.upper_rad - joint.lower_rad) / RAD_PER_COUNT)


def sweep(bus: Bus, console: Console, joints: Sequence[Joint]) -> Sweep:
    """Asks to move the joints to both ends, and records until Enter is hit.

    A joint that was not moved far enough is named, and the recording goes on; typing ``keep`` takes
    it as it is (an arm whose travel is blocked on purpose).
    """
    recording = Sweep(joint.servo_id for joint in joints)
    while True:
        console.say("Move every joint slowly to both ends of its travel, then press Enter.")
        recording.read(bus)
        while not console.watch(recording.lines(joints)):
            recording.read(bus)
        short = recording.too_short(joints)
        if not short:
            return recording
        console.say("Not moved to both ends: " + "; ".join(short) + ".")
        if console.ask("Enter to go on moving, or type keep to take it as it is:") == "keep":
            return recording


def swept_joints(robot: Robot) -> tuple[Joint, ...]:
    """Of the arm, those that a person moves to both ends; wrist_roll gets a full turn."""
    return tuple(joint for joint in servo_joints(robot) if joint.name != "wrist_roll")
