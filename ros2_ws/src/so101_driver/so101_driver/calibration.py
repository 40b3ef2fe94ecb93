"""Servo counts to radians and back, and LeRobot's calibration files, read and written unchanged.

A calibration belongs to one arm. ``homing_offset`` and the range are stored in the servos too; they
report positions with the offset subtracted, so that a joint in the middle of its travel is at about
2047 counts. Source: huggingface/lerobot, src/lerobot/motors/motors_bus.py and robots/so_follower.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
from act_core.errors import ConfigurationError, suggest
from act_core.files import write_file
from act_core.foreign_file import expanded, parse_json, read_text, shown_path
from act_core.foreign_text import clean
from act_core.limits import JointLimits, clip
from act_core.robot import Robot
from act_core.robots.so101 import JOINT_NAMES, SO101
from numpy.typing import ArrayLike, NDArray

from so101_driver import calibration_checks
from so101_driver.registers import COUNTS_PER_TURN, HOMING_OFFSET

Vector = NDArray[np.float64]

RAD_PER_COUNT = 2 * math.pi / COUNTS_PER_TURN
SMALLEST_RANGE = 100  # counts, 9 degrees: less is a joint that was not moved during calibration

LARGEST_FILE = 1 << 20  # bytes; LeRobot's has about a thousand
LARGEST_ID = 200  # bytes of a name

HOW_TO_CALIBRATE = "`so101-setup calibrate` makes one; a path to a file will do as well"

# LeRobot's folder names: today's, which both arms share, and those up to its release 0.4.2.
FOLDERS = {
    "follower": ("robots/so_follower", "robots/{}_follower"),
    "leader": ("teleoperators/so_leader", "teleoperators/{}_leader"),
}
SO_ARM100 = "so_arm100"
LEROBOT = {SO101.name: "so101", SO_ARM100: "so100"}  # what it calls these arms


def folders(role: str, robot: Robot = SO101) -> list[Path]:
    """Where LeRobot keeps calibrations of that role: today's folder, and the older one of that arm.
    An arm of one's own may be made of either."""
    today, older = FOLDERS[role]
    names = [LEROBOT[robot.name]] if robot.name in LEROBOT else list(LEROBOT.values())
    return [calibration_root() / folder for folder in (today, *map(older.format, names))]


def check_whose(path: Path, robot: Robot = SO101) -> None:
    """Raises ConfigurationError for a file in the folder of the other of the two arms."""
    whose = re.fullmatch("(so10[01])_(follower|leader)", path.parent.name)
    own = LEROBOT.get(robot.name)
    if whose is None or own is None or whose[1] == own:
        return
    right = next(name for name, called in LEROBOT.items() if called == whose[1])
    raise ConfigurationError(
        f"{shown_path(path)} is of an {right}, expected one of an {robot.name}; if the arm is that "
        f"one: robot:={right}. {HOW_TO_CALIBRATE}"
    )


@dataclass(frozen=True)
class JointCalibration:
    """One joint, as LeRobot stores it. Raises ConfigurationError for numbers that cannot be."""

    id: int
    drive_mode: int  # 1: the joint turns the other way
    homing_offset: int  # counts; what the servo subtracts from its encoder's count
    range_min: int  # counts, as the servo reports them: the ends of travel
    range_max: int

    def __post_init__(self) -> None:
        for name in (each.name for each in fields(self)):
            value = getattr(self, name)
            if type(value) is not int:
                raise ConfigurationError(f"{name} is {value!r:.60}, expected a whole number")
        if not 0 <= self.id <= 253:
            raise ConfigurationError(f"id is {self.id}, expected 0 to 253")
        if self.drive_mode not in (0, 1):
            raise ConfigurationError(f"drive_mode is {self.drive_mode}, expected 0 or 1")
        if not HOMING_OFFSET.lowest <= self.homing_offset <= HOMING_OFFSET.highest:
            raise ConfigurationError(
                f"homing_offset is {self.homing_offset}, expected {HOMING_OFFSET.lowest} to "
                f"{HOMING_OFFSET.highest}"
            )
        if not 0 <= self.range_min <= self.range_max < COUNTS_PER_TURN:
            raise ConfigurationError(
                f"the range is {self.range_min} to {self.range_max}, expected two counts from 0 to "
                f"{COUNTS_PER_TURN - 1}, the smaller first (a joint that went over the end of its "
                "encoder's turn was not in its middle at first: calibrate again)"
            )
        if self.range_max - self.range_min < SMALLEST_RANGE:
            raise ConfigurationError(
                f"the range is {self.range_max - self.range_min} counts wide, less than "
                f"{SMALLEST_RANGE}: the joint was not moved to both ends during calibration"
            )


@dataclass(frozen=True)
class Calibration(Mapping[str, JointCalibration]):
    """All six joints by name. Raises ConfigurationError for missing or unknown ones.

    robot: the arm that it is of, which says how far its joints go.
    """

    joints: Mapping[str, JointCalibration]
    robot: Robot = field(default=SO101, compare=False)

    def __post_init__(self) -> None:
        for name in self.joints:
            if name not in JOINT_NAMES:
                raise ConfigurationError(suggest("joint", name, JOINT_NAMES))
        missing = [name for name in JOINT_NAMES if name not in self.joints]
        if missing:
            raise ConfigurationError(f"joints missing in the calibration: {', '.join(missing)}")
        ids = [joint.id for joint in self.joints.values()]
        if len(set(ids)) != len(ids):
            raise ConfigurationError(f"two joints have the same servo id: {ids}")

    def __getitem__(self, name: str) -> JointCalibration:
        return self.joints[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.joints)

    def __len__(self) -> int:
        return len(self.joints)

    @property
    def servo_ids(self) -> tuple[int, ...]:
        """In the order of `JOINT_NAMES`."""
        return tuple(self.joints[name].id for name in JOINT_NAMES)

    def dumps(self) -> str:
        """As LeRobot writes it, byte for byte."""
        return json.dumps({name: asdict(joint) for name, joint in self.joints.items()}, indent=4)

    def save(self, path: Path) -> None:
        """Writes LeRobot's file, whole or not at all; the folder is made where there is none."""
        write_file(path, self.dumps())


def loads(text: str, source: str = "calibration", robot: Robot = SO101) -> Calibration:
    """A calibration of ``robot`` from LeRobot's JSON. ConfigurationError names ``source``."""
    try:
        content = parse_json(text, finite=False)
    except ConfigurationError as error:
        raise ConfigurationError(f"{source} {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{source}: expected an object with a key for each joint")
    known = [field.name for field in fields(JointCalibration)]
    try:
        calibration_checks.check_layout(content)
    except ConfigurationError as error:
        raise ConfigurationError(f"{source}: {error}") from error
    joints = {}
    for name, values in content.items():
        try:
            if not isinstance(values, dict):
                raise ConfigurationError(f"expected an object with {', '.join(known)}")
            for key in values:
                if key not in known:
                    raise ConfigurationError(suggest("key", key, known))
            missing = [key for key in known if key not in values]
            if missing:
                raise ConfigurationError(f"{', '.join(missing)} missing")
            joints[name] = JointCalibration(**values)
        except ConfigurationError as error:
            raise ConfigurationError(f"{source}: {clean(name)}: {error}") from error
    try:
        calibration = Calibration(joints, robot)
        calibration_checks.check_travel(calibration, robot)
        return calibration
    except ConfigurationError as error:
        raise ConfigurationError(f"{source}: {error}") from error


def load(path: Path, robot: Robot = SO101) -> Calibration:
    """Reads LeRobot's file of ``robot``. ConfigurationError where there is none, or damaged."""
    source = shown_path(path)
    try:
        text = read_text(path, LARGEST_FILE)
    except ConfigurationError as error:
        raise ConfigurationError(f"no calibration can be read from {source}: it {error}") from error
    return loads(text, source, robot)


def calibration_root() -> Path:
    """Where LeRobot keeps its calibrations on this machine, by its own environment variables."""
    if folder := os.environ.get("HF_LEROBOT_CALIBRATION"):
        return expanded(folder)
    cache = os.environ.get("HF_HOME", "~/.cache/huggingface")
    home = os.environ.get("HF_LEROBOT_HOME", f"{cache}/lerobot")
    return expanded(home) / "calibration"


def path_to_write(name: str, role: str = "follower", robot: Robot = SO101) -> Path:
    """Where a calibration of that name belongs; ``role`` is follower or leader.

    That is where it is already; else LeRobot's folder of today, or its older one where only that
    exists: then an older LeRobot is in use, which looks nowhere else. Raises ConfigurationError for
    a name that `find` would take for a path, or that no file can have.
    """
    if not _is_id(name):
        raise ConfigurationError(
            f"'{clean(name)}' cannot be the name of a calibration, expected a short name without "
            "'/', such as my_arm: the folder and .json come by themselves"
        )
    today, older = folders(role, robot)[:2]
    for folder in (today, older):
        if (folder / f"{name}.json").is_file():
            return folder / f"{name}.json"
    return (older if older.is_dir() and not today.is_dir() else today) / f"{name}.json"


def find(name: str, role: str = "follower", robot: Robot = SO101) -> Path:
    """The file of the calibration ``name``: a path, or an id in one of LeRobot's folders.

    Raises ConfigurationError with the ids that exist, and for a file of the other of the two arms.
    """
    if not name:
        raise ConfigurationError(
            f"no calibration is named; known: {_known_text(role, robot)}. {HOW_TO_CALIBRATE}"
        )
    if "/" in name or name.endswith(".json"):
        check_whose(expanded(name), robot)
        return expanded(name)
    own = folders(role, robot)
    for folder in own if _is_id(name) else ():
        if (path := folder / f"{name}.json").is_file():
            return path
    for called in LEROBOT.values() if _is_id(name) else ():
        path = calibration_root() / FOLDERS[role][1].format(called) / f"{name}.json"
        if path.is_file():
            check_whose(path, robot)
    searched = " and ".join(map(str, own))
    raise ConfigurationError(
        f"{suggest(f'{role} calibration', name, known_ids(role, robot))} (searched {searched}). "
        f"{HOW_TO_CALIBRATE}"
    )


def known_ids(role: str = "follower", robot: Robot = SO101) -> list[str]:
    """Ids of the calibrations that LeRobot's folders hold."""
    found = {path.stem for folder in folders(role, robot) for path in folder.glob("*.json")}
    return sorted(found)


def _is_id(name: str) -> bool:
    fits = name.isprintable() and 0 < len(name.encode()) <= LARGEST_ID
    return fits and "/" not in name and not name.startswith(".") and not name.endswith(".json")


def _known_text(role: str, robot: Robot) -> str:
    return ", ".join(known_ids(role, robot)) or f"none in {calibration_root()}"


class JointConversion:
    """Counts of six servos to radians and back; arrays (6,) in the order of `JOINT_NAMES`.

    Body joints: zero is the middle of the calibrated range, one count is 2 pi / 4096. (LeRobot
    divides by 4095 where it speaks of degrees: 0.02 % more.)

    Gripper: the calibrated range is the joint's whole travel, of the SO-101 -0.1745 rad closed to
    1.7453 rad open. That is LeRobot's 0 to 100 %, so that policies and data sets agree about
    "closed", however wide the fingers of one arm happen to open.

    Example, with LeRobot's defaults (2048 counts in the middle of 1024 to 3072): a shoulder at 3072
    counts is at pi / 2 rad.
    """

    def __init__(self, calibration: Calibration) -> None:
        ordered = [calibration[name] for name in JOINT_NAMES]
        self.servo_ids = calibration.servo_ids
        self._lowest = np.array([joint.range_min for joint in ordered], dtype=np.float64)
        self._highest = np.array([joint.range_max for joint in ordered], dtype=np.float64)
        self._middle = (self._lowest + self._highest) / 2
        sign = np.array([-1.0 if joint.drive_mode else 1.0 for joint in ordered])
        self.rad_per_count = sign * RAD_PER_COUNT
        self._zero_rad = np.zeros(len(ordered))
        self._model = calibration.robot.limits
        for index, joint in enumerate(calibration.robot.joints):
            if joint.is_gripper:
                travel = self._highest[index] - self._lowest[index]
                self.rad_per_count[index] = sign[index] * joint.range_rad / travel
                self._zero_rad[index] = (joint.lower_rad + joint.upper_rad) / 2

    def to_rad(self, counts: ArrayLike) -> Vector:
        """Positions (6,) [rad] of reported positions (6,) [counts]."""
        return self._zero_rad + (np.asarray(counts) - self._middle) * self.rad_per_count

    def to_counts(self, position_rad: ArrayLike) -> NDArray[np.int64]:
        """Goal positions (6,) [counts]: the nearest, inside the calibrated range."""
        counts = self._middle + (np.asarray(position_rad) - self._zero_rad) / self.rad_per_count
        return np.rint(clip(counts, self._lowest, self._highest)).astype(np.int64)

    def limits(self, model: JointLimits | None = None) -> JointLimits:
        """The limits of the model (None: of the robot), narrowed to where this arm was calibrated
        to go.

        (A stored range may be wider than the arm: wrist_roll is often written as a full turn.)
        """
        ends = np.stack([self.to_rad(self._lowest), self.to_rad(self._highest)])
        model = self._model if model is None else model
        return JointLimits(
            model.names,
            np.maximum(model.lower_rad, ends.min(axis=0)),
            np.minimum(model.upper_rad, ends.max(axis=0)),
            model.max_velocity_rad_s,
            model.max_acceleration_rad_s2,
        )
