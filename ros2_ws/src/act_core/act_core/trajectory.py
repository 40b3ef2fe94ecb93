"""A trajectory in joint space as a message asks for it, checked and interpolated. No ROS here.

Letters: J joints of the arm, K of them in a message, P points of a message, S segments between
knots. Times are seconds after the trajectory's beginning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_core.errors import suggest
from act_core.foreign_text import clean, clean_list
from act_core.limits import JointLimits, far_outside
from act_core.stamps import duration
from act_core.timing import NS_PER_S

Vector = NDArray[np.float64]

# As control_msgs/action/FollowJointTrajectory numbers them.
SUCCESSFUL, INVALID_GOAL, INVALID_JOINTS, OLD_HEADER_TIMESTAMP = 0, -1, -2, -3
PATH_TOLERANCE_VIOLATED, GOAL_TOLERANCE_VIOLATED = -4, -5

MOST_POINTS = 10_000  # 100 s at 100 Hz; MoveIt sends some dozens
LONGEST_S = 3600.0
LATEST_START_S = 60.0  # in the future; more is another clock
START_RAD = 0.1  # from where the arm is sent to a point that is due at once: a servo's sag
LIMIT_RAD = 0.01  # past a position limit, as rounded URDFs have it; the limiter clips it
FAST_SHARE = 1.02  # of a velocity limit: planners time their paths to the limit itself
REST_RAD_S = 0.01  # a slower last point counts as at rest
SAMPLES = np.linspace(0.0, 1.0, 11)  # of a curved segment, to find its fastest and furthest place


class TrajectoryError(ValueError):
    """What is asked for cannot be followed. ``code``: of FollowJointTrajectory's result."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Asked(NamedTuple):
    """A trajectory_msgs/JointTrajectory, as it came.

    velocities and accelerations: of each point, empty where it has none. stamp_ns: ROS time of its
    beginning; 0: now.
    """

    joints: Sequence[str]
    seconds: Sequence[float]  # P
    positions: Sequence[Sequence[float]]  # P of K [rad]
    velocities: Sequence[Sequence[float]] = ()  # P of K or of none [rad/s]
    accelerations: Sequence[Sequence[float]] = ()  # P of K or of none [rad/s^2]
    has_effort: bool = False
    stamp_ns: int = 0


class State(NamedTuple):
    """Of all joints at one time: (J,) rad and rad/s."""

    position: Vector
    velocity: Vector


class Trajectory:
    """Polynomials between knots, as joint_trajectory_controller has them: straight lines where only
    positions are known, cubic with velocities, quintic with accelerations as well.

    Args:
        seconds: (S + 1,) of the knots, rising from 0.
        position: (S + 1, J) [rad].
        velocity, acceleration: likewise, or None; no acceleration without velocity.
    """

    def __init__(
        self,
        seconds: Vector,
        position: Vector,
        velocity: Vector | None = None,
        acceleration: Vector | None = None,
    ) -> None:
        self.seconds, self.position = seconds, position
        self.is_curved = velocity is not None
        length = np.diff(seconds)[:, None]
        self._factors = _polynomials(length, position, velocity, acceleration)

    @property
    def length_s(self) -> float:
        """From the beginning to the last knot."""
        return float(self.seconds[-1])

    def at(self, seconds: float) -> State:
        """The state at that time; at rest at the first knot before, at the last one afterwards."""
        if seconds >= self.length_s:
            return State(self.position[-1].copy(), np.zeros(self.position.shape[1]))
        segment = max(0, int(np.searchsorted(self.seconds, seconds, side="right")) - 1)
        since = max(0.0, seconds - float(self.seconds[segment]))
        powers = since ** np.arange(6)
        rising = np.arange(1, 6) * since ** np.arange(5)
        factors = self._factors[segment]
        return State(powers @ factors, rising @ factors[1:])

    def extremes(self) -> tuple[Vector, Vector]:
        """Of each segment, the positions (S, N, J) and speeds (S, N, J) at `SAMPLES`."""
        since = np.diff(self.seconds)[:, None] * SAMPLES  # (S, N)
        powers = since[:, :, None] ** np.arange(6)
        rising = np.arange(1, 6) * since[:, :, None] ** np.arange(5)
        return powers @ self._factors, rising @ self._factors[:, 1:]


def planned(asked: Asked, limits: JointLimits, start: State, now_ns: int) -> Trajectory:
    """The trajectory of all joints that leads from where the arm is sent to along what is asked.

    Joints that it does not name stay where they are. Points whose time is over by ``now_ns`` of ROS
    time are left out, as joint_trajectory_controller does; the rest begins at the arm. A stamp that
    is still to come means to wait there.

    start: what is sent to the arm now, and how that moves.

    Raises TrajectoryError for joints of another arm, for numbers, times and units that cannot be
    meant, and for what this arm's limits do not allow: it would go another way than the one that
    was asked for.
    """
    columns = _columns(asked, limits.names)
    seconds = _checked_times(asked)
    positions = _numbers(asked.positions, "positions", asked.joints)
    derivatives = _derivatives(asked)
    _check_positions(positions, limits.part(columns))
    wait_s = 0.0
    if asked.stamp_ns:
        offset_s = (asked.stamp_ns - now_ns) / NS_PER_S
        if offset_s > LATEST_START_S:
            raise TrajectoryError(
                INVALID_GOAL,
                f"it begins {duration(offset_s)} from now, at most {LATEST_START_S:.0f} s: another "
                "clock, or a stamp that was not meant",
            )
        wait_s = max(0.0, offset_s)
        seconds = seconds + min(0.0, offset_s)
        left = seconds >= 0.0 if offset_s >= 0.0 else seconds > 0.0
        if not left.any():
            raise TrajectoryError(
                OLD_HEADER_TIMESTAMP,
                f"all of it is over: the last point was due {duration(-float(seconds[-1]))} ago",
            )
        seconds, positions = seconds[left], positions[left]
        derivatives = [None if d is None else d[left] for d in derivatives]
    velocities, accelerations = derivatives
    if velocities is not None and np.abs(velocities[-1]).max() > REST_RAD_S:
        raise TrajectoryError(
            INVALID_GOAL, "the last point has a velocity, expected 0: the arm stops there"
        )
    whole = _of_all_joints(seconds, positions, velocities, accelerations, columns, start, limits)
    knots = [np.array(rows) for rows in whole if rows is not None]
    if wait_s:
        knots = _after(wait_s, knots)
    trajectory = Trajectory(*knots)
    _check_motion(trajectory, limits)
    return trajectory


def _columns(asked: Asked, names: Sequence[str]) -> list[int]:
    if not asked.joints:
        raise TrajectoryError(INVALID_JOINTS, f"it names no joints, expected {', '.join(names)}")
    for name in asked.joints:
        if name not in names:
            raise TrajectoryError(INVALID_JOINTS, suggest("joint", clean(name), names))
    if len(set(asked.joints)) != len(asked.joints):
        raise TrajectoryError(INVALID_JOINTS, f"one joint twice: {clean_list(asked.joints)}")
    return [list(names).index(name) for name in asked.joints]


def _checked_times(asked: Asked) -> Vector:
    count = len(asked.seconds)
    if not 0 < count <= MOST_POINTS:
        raise TrajectoryError(INVALID_GOAL, f"{count} points, expected 1 to {MOST_POINTS}")
    seconds = np.array(asked.seconds, dtype=np.float64)
    if not (np.isfinite(seconds).all() and seconds[0] >= 0.0 and (np.diff(seconds) > 0.0).all()):
        wrong = int(np.argmin(np.diff(seconds, prepend=-1e-9) > 0.0))
        before = f" after {seconds[wrong - 1]:g} s" if wrong else ""
        raise TrajectoryError(
            INVALID_GOAL,
            f"point {wrong} is due at {seconds[wrong]:g} s{before}, expected times that rise",
        )
    if seconds[-1] > LONGEST_S:
        raise TrajectoryError(
            INVALID_GOAL, f"it takes {duration(float(seconds[-1]))}, at most {LONGEST_S:.0f} s"
        )
    if asked.has_effort:
        raise TrajectoryError(INVALID_GOAL, "it has efforts, expected positions: leave them out")
    return seconds


def _numbers(rows: Sequence[Sequence[float]], what: str, joints: Sequence[str]) -> Vector:
    """(P, K); TrajectoryError where a row has another length or a number is not finite."""
    for index, row in enumerate(rows):
        if len(row) != len(joints):
            raise TrajectoryError(
                INVALID_GOAL,
                f"point {index} has {len(row)} {what} for {len(joints)} joints: "
                f"{clean_list(joints)}",
            )
    values = np.array([list(row) for row in rows], dtype=np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        point, column = (int(index) for index in bad[0])
        raise TrajectoryError(
            INVALID_GOAL,
            f"point {point}: {clean(joints[column])} is {values[point, column]} in its {what}, "
            "expected a finite number",
        )
    return values


def _derivatives(asked: Asked) -> list[Vector | None]:
    found: list[Vector | None] = []
    for what, rows in (("velocities", asked.velocities), ("accelerations", asked.accelerations)):
        with_them = [index for index, row in enumerate(rows) if len(row)]
        if not with_them:
            found.append(None)
            continue
        if len(with_them) != len(asked.seconds):
            lacking = next(i for i in range(len(asked.seconds)) if i not in set(with_them))
            raise TrajectoryError(
                INVALID_GOAL, f"point {lacking} has no {what}, others do: give all or none"
            )
        found.append(_numbers(rows, what, asked.joints))
    if found[0] is None and found[1] is not None:
        raise TrajectoryError(INVALID_GOAL, "it has accelerations but no velocities: give both")
    return found


def _check_positions(positions: Vector, limits: JointLimits) -> None:
    for index, row in enumerate(positions):
        if (wrong := far_outside(row, limits)) is not None:
            raise TrajectoryError(INVALID_GOAL, f"point {index}: {wrong}")
        past = np.maximum(limits.lower_rad - row, row - limits.upper_rad)
        worst = int(np.argmax(past))
        if past[worst] > LIMIT_RAD:
            raise TrajectoryError(
                INVALID_GOAL,
                f"point {index}: {limits.names[worst]} at {row[worst]:.3f} rad, expected "
                f"{limits.lower_rad[worst]:.3f} to {limits.upper_rad[worst]:.3f}",
            )


def _of_all_joints(
    seconds: Vector,
    positions: Vector,
    velocities: Vector | None,
    accelerations: Vector | None,
    columns: list[int],
    start: State,
    limits: JointLimits,
) -> tuple[Vector, Vector, Vector | None, Vector | None]:
    """Knots of all joints, the first of them where the arm is sent to now."""
    rows = np.tile(start.position, (len(seconds) + 1, 1))
    rows[1:, columns] = positions
    given = (velocities, accelerations)
    moves = [None if values is None else np.zeros_like(rows) for values in given]
    for whole, values in zip(moves, given, strict=True):
        if whole is not None and values is not None:
            whole[1:, columns] = values
    if moves[0] is not None:
        moves[0][0] = start.velocity
    if seconds[0] > 0.0:
        return np.concatenate([[0.0], seconds]), rows, moves[0], moves[1]
    away = np.abs(rows[1] - start.position)
    worst = int(np.argmax(away))
    needed = float((away / limits.max_velocity_rad_s).max())
    if away[worst] > START_RAD:
        raise TrajectoryError(
            INVALID_GOAL,
            f"its first point is due at once, but {limits.names[worst]} is {away[worst]:.2f} rad "
            f"away from it: give it a time_from_start of {math.ceil(needed * 100) / 100} s or more",
        )
    if len(seconds) == 1:  # a trajectory has a length
        return np.array([0.0, max(needed, 1e-3)]), rows, moves[0], moves[1]
    rest = [None if move is None else move[1:] for move in moves]
    return seconds, rows[1:], rest[0], rest[1]


def _after(wait_s: float, knots: list[Vector]) -> list[Vector]:
    """The same knots, after a wait at the first of them."""
    seconds, position, *moves = knots
    return [
        np.concatenate([[0.0], seconds + wait_s]),
        np.concatenate([position[:1], position]),
        *(np.concatenate([move[:1], np.zeros_like(move[:1]), move[1:]]) for move in moves),
    ]


def _check_motion(trajectory: Trajectory, limits: JointLimits) -> None:
    position, velocity = trajectory.extremes()
    speed = np.abs(velocity).max(axis=1)  # (S, J)
    share = speed / limits.max_velocity_rad_s
    segment, joint = (int(i) for i in np.unravel_index(np.argmax(share), share.shape))
    if share[segment, joint] > FAST_SHARE:
        length = float(np.diff(trajectory.seconds)[segment])
        raise TrajectoryError(
            INVALID_GOAL,
            f"{limits.names[joint]} would move at {speed[segment, joint]:.2f} rad/s before "
            f"{trajectory.seconds[segment + 1]:.2f} s, at most "
            f"{limits.max_velocity_rad_s[joint]:g}: give it {length * share[segment, joint]:.2f} s "
            f"in place of {length:.2f}",
        )
    if not trajectory.is_curved:
        return
    # Between points that are inside; the arm itself may be a little outside at first.
    lower = np.minimum(limits.lower_rad, trajectory.position.min(axis=0)) - LIMIT_RAD
    upper = np.maximum(limits.upper_rad, trajectory.position.max(axis=0)) + LIMIT_RAD
    past = np.maximum(lower - position, position - upper).max(axis=1)
    segment, joint = (int(i) for i in np.unravel_index(np.argmax(past), past.shape))
    if past[segment, joint] > 0.0:
        raise TrajectoryError(
            INVALID_GOAL,
            f"{limits.names[joint]} would swing past its limit between two points, before "
            f"{trajectory.seconds[segment + 1]:.2f} s: its velocities do not fit its positions",
        )


def _polynomials(
    length: Vector, position: Vector, velocity: Vector | None, acceleration: Vector | None
) -> Vector:
    """Factors (S, 6, J) of the powers of the time since a segment's beginning; length: (S, 1)."""
    factors = np.zeros((len(length), 6, position.shape[1]))
    begin, gap = position[:-1], np.diff(position, axis=0)
    factors[:, 0] = begin
    if velocity is None:
        factors[:, 1] = gap / length
        return factors
    v0, v1 = velocity[:-1], velocity[1:]
    factors[:, 1] = v0
    if acceleration is None:
        factors[:, 2] = (3 * gap / length - 2 * v0 - v1) / length
        factors[:, 3] = (v0 + v1 - 2 * gap / length) / length**2
        return factors
    a0, a1 = acceleration[:-1], acceleration[1:]
    factors[:, 2] = a0 / 2
    factors[:, 3] = (20 * gap - (8 * v1 + 12 * v0) * length - (3 * a0 - a1) * length**2) / (
        2 * length**3
    )
    factors[:, 4] = (-30 * gap + (14 * v1 + 16 * v0) * length + (3 * a0 - 2 * a1) * length**2) / (
        2 * length**4
    )
    factors[:, 5] = (12 * gap - 6 * (v1 + v0) * length + (a1 - a0) * length**2) / (2 * length**5)
    return factors
