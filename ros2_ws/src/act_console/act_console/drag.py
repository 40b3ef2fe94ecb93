"""A joint that is dragged in the page: where the arm is sent, and when that ends. No ROS here."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from act_core.robot import Robot
from act_core.timing import NS_PER_S, Clock, MonotonicClock
from numpy.typing import NDArray

Vector = NDArray[np.float64]

SILENT_S = 0.12
"""A page that says nothing for so long has vanished or sleeps. It speaks 20 times a second; the arm
itself waits for 0.2 s."""
PERIOD_S = 0.02
FAR_RAD = 1000.0  # no joint turns so far; NaN and infinity are not below it either
SPEED_RAD_S, GRIPPER_RAD_S = 0.8, 2.0  # as `act_record.jog` has them


class Drag:
    """The targets of an arm that a person drags from a page.

    The page tells the goal again and again while the person holds on; the target follows at
    ``SPEED_RAD_S`` at most. `next` gives None from the moment that the page falls silent, so the
    target stays where it was then: the arm stops although a goal was further on. One page at a time
    has it. Any thread.

    Args:
        robot: whose joints are moved.
        clock: monotonic.
    """

    def __init__(self, robot: Robot, clock: Clock | None = None) -> None:
        self._clock = clock or MonotonicClock()
        self._lock = threading.Lock()
        self._names = robot.joint_names
        self._lower, self._upper = robot.limits.lower_rad, robot.limits.upper_rad
        self._speed = np.array(
            [GRIPPER_RAD_S if name in robot.grippers else SPEED_RAD_S for name in self._names]
        )
        self._page: object = None
        self._heard_ns = 0
        self._goal: Vector | None = None
        self._target: Vector | None = None

    @property
    def holder(self) -> object:
        """The page that drags; None while none does."""
        with self._lock:
            return self._page if self._is_held() else None

    def hold(self, page: object, goal: Sequence[float], here: Vector | None) -> str | None:
        """A page says where to; why that is refused, or None.

        page: tells pages apart.
        goal: (J,) [rad], taken to the joints' limits.
        here: (J,) [rad] where the arm is sent now, from which the motion begins; None: unknown.
        """
        wanted = _finite(goal, len(self._names))
        if wanted is None:
            return f"expected {len(self._names)} finite numbers [rad], got {goal!r:.80}"
        with self._lock:
            if self._is_held() and self._page != page:
                return "another page is dragging the arm: it has to let go first"
            if not self._is_held() or self._target is None:
                if here is None:
                    return "nobody tells where the arm is: it cannot be dragged"
                self._target = np.clip(here, self._lower, self._upper)
            self._page, self._heard_ns = page, self._clock.now_ns()
            self._goal = np.clip(wanted, self._lower, self._upper)
        return None

    def let_go(self, page: object) -> None:
        """A page has let go, or is gone."""
        with self._lock:
            if self._page == page:
                self._page = self._goal = self._target = None

    def next(self) -> Vector | None:
        """(J,) [rad] the target of the next `PERIOD_S`; None where nobody drags any more."""
        with self._lock:
            if not self._is_held() or self._goal is None or self._target is None:
                self._page = self._goal = self._target = None
                return None
            most = self._speed * PERIOD_S
            self._target = self._target + np.clip(self._goal - self._target, -most, most)
            return self._target.copy()

    def _is_held(self) -> bool:
        silent_s = (self._clock.now_ns() - self._heard_ns) / NS_PER_S
        return self._page is not None and silent_s <= SILENT_S


def _finite(values: object, count: int) -> Vector | None:
    """(count,) of numbers that came from elsewhere; None for anything else."""
    if not isinstance(values, list | tuple) or len(values) != count:
        return None
    if not all(type(value) in (int, float) and abs(value) < FAR_RAD for value in values):
        return None
    return np.array(values, dtype=np.float64)
