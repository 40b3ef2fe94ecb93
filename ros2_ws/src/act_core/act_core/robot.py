"""A robot as data: its joints, their limits, poses with a name, grippers, sides.

Example, what a recorder or a limiter asks of it::

    robot = find_robot("so101")
    robot.joint_names                 # ('shoulder_pan', ..., 'gripper')
    robot.limits                      # JointLimits of all joints
    robot.grippers                    # ('gripper',)
    robot.pose("home")                # (6,) [rad]
    find_robot("so101_bimanual").side("left").joint_names    # ('left_shoulder_pan', ...)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from act_core.errors import ConfigurationError, suggest
from act_core.foreign_text import clean
from act_core.limits import JointLimits

Vector = NDArray[np.float64]

_PREFIX = re.compile(r"[A-Za-z0-9_./-]*")


@dataclass(frozen=True)
class Joint:
    """One joint. Angles are radians; of a joint that slides, metres stand in their place."""

    name: str
    lower_rad: float
    upper_rad: float
    max_velocity_rad_s: float = 3.0
    max_acceleration_rad_s2: float = 40.0
    is_gripper: bool = False
    side: str = ""  # of a robot with two arms: left or right

    @property
    def range_rad(self) -> float:
        """From the lower to the upper limit."""
        return self.upper_rad - self.lower_rad


@dataclass(frozen=True)
class ServoJoint(Joint):
    """A joint that a servo of its own drives."""

    servo_id: int = 1  # on the bus


@dataclass(frozen=True, eq=False)
class Robot:
    """Joints in the order in which arrays hold them, and what has a name.

    Args:
        name: of the robot.
        joints: J of them.
        poses: by name, the positions of the joints (J,) [rad].
        urdf: the file that describes it for others, where there is one.

    Raises ConfigurationError for no joints, two of one name, limits that cannot be, a pose of
    another length or outside of the limits.
    """

    name: str
    joints: tuple[Joint, ...]
    poses: Mapping[str, Vector] = field(default_factory=dict)
    urdf: Path | None = None
    limits: JointLimits = field(init=False)

    def __post_init__(self) -> None:
        names = self.joint_names
        if not names:
            raise ConfigurationError(f"robot '{self.name}' has no joints")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(f"robot '{self.name}': two joints called {', '.join(twice)}")
        try:
            limits = JointLimits(
                names,
                np.array([joint.lower_rad for joint in self.joints]),
                np.array([joint.upper_rad for joint in self.joints]),
                np.array([joint.max_velocity_rad_s for joint in self.joints]),
                np.array([joint.max_acceleration_rad_s2 for joint in self.joints]),
            )
        except ValueError as error:
            raise ConfigurationError(f"robot '{self.name}': {error}") from error
        object.__setattr__(self, "limits", limits)
        poses = {name: self._checked_pose(name, pose) for name, pose in self.poses.items()}
        object.__setattr__(self, "poses", poses)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the joints, in order."""
        return tuple(joint.name for joint in self.joints)

    @property
    def grippers(self) -> tuple[str, ...]:
        """Names of the joints that open and close a hand."""
        return tuple(joint.name for joint in self.joints if joint.is_gripper)

    @property
    def sides(self) -> tuple[str, ...]:
        """Sides in the order in which their joints come; empty for a robot with one arm."""
        return tuple(dict.fromkeys(joint.side for joint in self.joints if joint.side))

    def index(self, joint: str) -> int:
        """Where a joint stands in the arrays; ConfigurationError with the names that exist."""
        if joint not in self.joint_names:
            raise ConfigurationError(suggest("joint", joint, self.joint_names))
        return self.joint_names.index(joint)

    def joint(self, name: str) -> Joint:
        """The joint of that name; ConfigurationError with the names that exist."""
        return self.joints[self.index(name)]

    def pose(self, name: str) -> Vector:
        """The pose (J,) [rad] of that name, not to be written to; ConfigurationError with the names
        that exist."""
        if name not in self.poses:
            raise ConfigurationError(suggest("pose", name, self.poses))
        return self.poses[name]

    def side(self, side: str) -> Robot:
        """The arm of one side as a robot of its own, joints called as before."""
        if side not in self.sides:
            raise ConfigurationError(suggest("side", side, self.sides))
        chosen = [i for i, joint in enumerate(self.joints) if joint.side == side]
        poses = {name: pose[chosen] for name, pose in self.poses.items()}
        return Robot(f"{self.name}_{side}", tuple(self.joints[i] for i in chosen), poses)

    def prefixed(self, prefix: str, side: str = "") -> Robot:
        """The same robot with ``prefix`` before the name of each joint, on that side.

        Raises ConfigurationError for a prefix that no name can have.
        """
        if not _PREFIX.fullmatch(prefix):
            raise ConfigurationError(
                f"the prefix of the joints is '{clean(prefix)}', expected letters, digits, _ . / -"
            )
        joints = tuple(
            replace(joint, name=f"{prefix}{joint.name}", side=side or joint.side)
            for joint in self.joints
        )
        urdf = None if prefix else self.urdf  # its joints are called otherwise
        return Robot(f"{prefix}{self.name}", joints, self.poses, urdf)

    def _checked_pose(self, name: str, pose: Iterable[float]) -> Vector:
        values = np.array(pose, dtype=np.float64)
        if values.shape != (len(self.joints),):
            raise ConfigurationError(
                f"robot '{self.name}': pose '{name}' has {values.size} values, expected one for "
                f"each of {', '.join(self.joint_names)}"
            )
        inside = (values >= self.limits.lower_rad) & (values <= self.limits.upper_rad)
        if not inside.all():  # false for NaN, too
            joint = self.joints[int(np.argmin(inside))]
            raise ConfigurationError(
                f"robot '{self.name}': pose '{name}' has {joint.name} at "
                f"{values[np.argmin(inside)]:g}, outside of {joint.lower_rad:g} to "
                f"{joint.upper_rad:g}"
            )
        values.setflags(write=False)
        return values


def side_by_side(name: str, arms: Mapping[str, Robot]) -> Robot:
    """Several arms as one robot: of each, joints are called ``<side>_<joint>``. A pose is one that
    all arms have."""
    sides = {side: arm.prefixed(f"{side}_", side) for side, arm in arms.items()}
    shared = set.intersection(*(set(arm.poses) for arm in arms.values())) if arms else set()
    return Robot(
        name,
        tuple(joint for arm in sides.values() for joint in arm.joints),
        {
            pose: np.concatenate([arm.poses[pose] for arm in sides.values()])
            for pose in sorted(shared)
        },
    )
