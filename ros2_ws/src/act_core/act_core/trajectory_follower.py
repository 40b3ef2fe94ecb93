"""Follows one trajectory in time, and says when it is done or has failed. No ROS here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_core.errors import suggest
from act_core.foreign_text import clean
from act_core.timing import NS_PER_S
from act_core.trajectory import (
    GOAL_TOLERANCE_VIOLATED,
    INVALID_GOAL,
    INVALID_JOINTS,
    PATH_TOLERANCE_VIOLATED,
    SUCCESSFUL,
    State,
    Trajectory,
    TrajectoryError,
)

Vector = NDArray[np.float64]

# Of time from one turn to the next, at most so much counts: after a pause of the machine or a step
# of the clock, the trajectory goes on where it was, later, and leaves nothing out.
MOST_STEP_S = 0.1

SUCCEEDED, ABORTED, CANCELED = "succeeded", "aborted", "canceled"


class Outcome(NamedTuple):
    """How it ended. state: SUCCEEDED, ABORTED or CANCELED; code: of FollowJointTrajectory."""

    state: str
    code: int
    text: str


class Tolerances(NamedTuple):
    """How far joints (J,) [rad] may be from where they should be; infinity: however far.

    goal_time_s: that they may take, after the trajectory's end, to be there.
    """

    path_rad: Vector
    goal_rad: Vector
    goal_time_s: float

    def with_changes(
        self,
        joints: Sequence[str],
        path: Sequence[tuple[str, float]],
        goal: Sequence[tuple[str, float]],
        goal_time_s: float,
    ) -> Tolerances:
        """As the fields of FollowJointTrajectory's goal change them: 0 leaves one as it is, below 0
        does away with it. Raises TrajectoryError for joints of another arm and for NaN."""
        changed = []
        for what, present, changes in (
            ("path", self.path_rad, path), ("goal", self.goal_rad, goal),
        ):  # fmt: skip
            values = present.copy()
            for name, value in changes:
                if name not in joints:
                    text = suggest("joint", clean(name), joints)
                    raise TrajectoryError(INVALID_JOINTS, f"{what}_tolerance: {text}")
                if np.isnan(value):
                    raise TrajectoryError(
                        INVALID_GOAL, f"{what}_tolerance of {name} is {value}, expected radians"
                    )
                if value != 0.0:
                    values[list(joints).index(name)] = value if value > 0.0 else np.inf
            changed.append(values)
        time_s = goal_time_s if goal_time_s > 0.0 else self.goal_time_s
        return Tolerances(changed[0], changed[1], np.inf if goal_time_s < 0.0 else time_s)


class Following:
    """A trajectory that is followed.

    Time goes by at most `MOST_STEP_S` a turn, and never back. Example, turns every 10 ms: a process
    that was stopped for 3 s loses 2.9 s; the arm held meanwhile and goes on along the same way.

    Args:
        trajectory: of the J joints.
        tolerances: see there.
        joints: their names.
        now_ns: time of any clock; `turn` gets the same.
    """

    def __init__(
        self, trajectory: Trajectory, tolerances: Tolerances, joints: Sequence[str], now_ns: int
    ) -> None:
        self.trajectory = trajectory
        self._tolerances = tolerances
        self._joints = tuple(joints)
        self._last_ns = now_ns
        self.elapsed_s = 0.0
        self.desired: State = trajectory.at(0.0)

    def turn(self, now_ns: int, measured_rad: Vector) -> Outcome | None:
        """One control period with the joints (J,) at ``measured_rad``; the outcome when it is over.

        What is to be sent is ``desired`` then, also with the last turn.
        """
        step_s = (now_ns - self._last_ns) / NS_PER_S
        self._last_ns = now_ns
        self.elapsed_s += min(max(step_s, 0.0), MOST_STEP_S)
        self.desired = self.trajectory.at(self.elapsed_s)
        away = np.abs(measured_rad - self.desired.position)
        late_s = self.elapsed_s - self.trajectory.length_s
        if late_s < 0.0:
            if (away <= self._tolerances.path_rad).all():
                return None
            text = f"{self._worst(away, self._tolerances.path_rad)} from its path"
            return Outcome(ABORTED, PATH_TOLERANCE_VIOLATED, f"{text} at {self.elapsed_s:.2f} s")
        if (away <= self._tolerances.goal_rad).all():
            worst = int(np.argmax(away))
            text = f"there; the furthest joint, {self._joints[worst]}, is {away[worst]:.3f} rad off"
            return Outcome(SUCCEEDED, SUCCESSFUL, text)
        if late_s <= self._tolerances.goal_time_s:
            return None
        text = f"{self._worst(away, self._tolerances.goal_rad)} from its goal"
        return Outcome(
            ABORTED, GOAL_TOLERANCE_VIOLATED, f"{text} {self._tolerances.goal_time_s:g} s after it"
        )

    def _worst(self, away: Vector, tolerance: Vector) -> str:
        joint = int(np.argmax(away - tolerance))
        return f"{self._joints[joint]} is {away[joint]:.2f} rad (at most {tolerance[joint]:g}) away"
