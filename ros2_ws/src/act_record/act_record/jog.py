"""Joints moved by hand: where keys and sticks send the arm, and the smooth way there."""

from __future__ import annotations

import numpy as np
from act_core.errors import ConfigurationError
from act_core.robot import Robot
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]

# Two rows of the keyboard, a column for each joint, and which way their keys move it.
KEY_ROWS = (("qwertyuiop", 1.0), ("asdfghjkl;", -1.0))
GRIPPER_KEY = " "  # opens them, or closes them
STOP_KEY = "x"


class Jog:
    """The targets of an arm whose joints are moved a step for each key, or at the speed of sticks.

    A key that is held repeats and moves the joint on; the target follows at ``speed_rad_s`` at
    most, so that the arm moves evenly. A stick that is pushed halfway moves its joint at half that
    speed. Example at 0.8 rad/s and 50 targets a second, from 0 rad: the key `q` once gives 0.016,
    0.032, 0.048, 0.05, 0.05; a stick at half, let go after three periods, 0.008, 0.016, 0.024,
    0.024.

    Raises ConfigurationError for a robot with more joints than keys in a row.

    Attributes:
        keys: key: index of its joint, direction.
        help: what they do, for a person.
    """

    def __init__(
        self,
        robot: Robot,
        step_rad: float = 0.05,
        speed_rad_s: float = 0.8,
        gripper_rad_s: float = 2.0,
    ) -> None:
        names = robot.joint_names
        row = KEY_ROWS[0][0]
        if len(names) > len(row):
            raise ConfigurationError(
                f"robot '{robot.name}' has {len(names)} joints, and keys move {len(row)}"
                + (f": choose a side, {' or '.join(robot.sides)}" if robot.sides else "")
            )
        self.keys = {
            key: (joint, direction)
            for row, direction in KEY_ROWS
            for joint, key in enumerate(row[: len(names)])
        }
        forwards, backwards = (" ".join(row[: len(names)]) for row, _ in KEY_ROWS)
        self.help = (
            f"{forwards}: {' '.join(names)}, forwards\n"
            f"{backwards}: the same, backwards   space: gripper open or closed   "
            f"{STOP_KEY}: stop   Ctrl-C: quit"
        )
        self._lower, self._upper = robot.limits.lower_rad, robot.limits.upper_rad
        self._grippers = [robot.index(name) for name in robot.grippers]
        self._step_rad = step_rad
        self._speed = np.full(len(names), speed_rad_s)
        self._speed[self._grippers] = gripper_rad_s
        self._goal: Vector | None = None
        self._target: Vector | None = None
        self._pushed = np.zeros(len(names))  # (J,) of each joint's speed

    @property
    def moving(self) -> bool:
        """Whether anybody has hit a key or pushed a stick since the last `release`."""
        return self._goal is not None

    def release(self) -> None:
        """Forgets everything: the next key or push starts from where the arm then is."""
        self._goal = self._target = None
        self._pushed = np.zeros_like(self._pushed)

    def key(self, key: str, measured: ArrayLike) -> bool:
        """Takes in a key; ``measured`` (J,) [rad] is where the arm is. False for an unknown key."""
        key = key.lower()
        if key not in (*self.keys, GRIPPER_KEY, STOP_KEY):
            return False
        goal, target = self._begun(measured)
        if key == STOP_KEY:
            goal[:] = target
        elif key == GRIPPER_KEY:
            for joint in self._grippers:
                middle = (self._lower[joint] + self._upper[joint]) / 2
                is_open = goal[joint] > middle
                goal[joint] = self._lower[joint] if is_open else self._upper[joint]
        else:
            joint, direction = self.keys[key]
            wanted = goal[joint] + direction * self._step_rad
            goal[joint] = np.clip(wanted, self._lower[joint], self._upper[joint])
        return True

    def push(self, pushed: ArrayLike, measured: ArrayLike) -> None:
        """Takes in how far the sticks are pushed, which holds until the next call.

        pushed: (J,) -1..1, the share of each joint's speed at which it moves.
        measured: (J,) [rad] where the arm is.
        """
        self._pushed = np.clip(np.asarray(pushed, np.float64), -1.0, 1.0)
        if self._pushed.any():
            self._begun(measured)

    def next(self, period_s: float) -> Vector | None:
        """(J,) [rad] the target of the next period; None before the first key or push."""
        if self._goal is None or self._target is None:
            return None
        most = self._speed * period_s
        self._goal = np.clip(self._goal + self._pushed * most, self._lower, self._upper)
        self._target = self._target + np.clip(self._goal - self._target, -most, most)
        return self._target.copy()

    def _begun(self, measured: ArrayLike) -> tuple[Vector, Vector]:
        """Goal and target, which start from where the arm is."""
        if self._goal is None or self._target is None:
            self._target = np.clip(np.asarray(measured, np.float64), self._lower, self._upper)
            self._goal = self._target.copy()
        return self._goal, self._target
