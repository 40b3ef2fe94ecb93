"""Trajectories as messages and as the action of joint_trajectory_controller.

The action is control_msgs/action/FollowJointTrajectory, which distributions have and the wheels of
PyPI do not: nothing here but `FollowAction` needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rclpy.action import ActionServer, CancelResponse
from rclpy.task import Future
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from act_core import ros
from act_core.foreign_text import clean
from act_core.timing import NS_PER_S, to_ns
from act_core.trajectory import INVALID_GOAL, Asked, State, TrajectoryError
from act_core.trajectory_follower import ABORTED, CANCELED, SUCCEEDED, Outcome, Tolerances

ACTION = "arm_controller/follow_joint_trajectory"
NO_ACTION = (
    "control_msgs is in no wheel of PyPI; on a distribution: sudo apt install "
    "ros-$ROS_DISTRO-control-msgs"
)
FEEDBACK_S = 0.05  # between two messages of feedback, as joint_trajectory_controller has it


class Follower(Protocol):
    """Who follows; see `act_core.trajectory_node.TrajectoryNode`."""

    names: tuple[str, ...]
    tolerances: Tolerances

    def begin(
        self, asked: Asked, tolerances: Tolerances, waiting: Waiting | None = None
    ) -> None: ...


def asked_of(message: JointTrajectory) -> Asked:
    """What a message asks for, unchecked."""
    points = message.points
    return Asked(
        joints=list(message.joint_names),
        seconds=[_seconds(point.time_from_start) for point in points],
        positions=[point.positions for point in points],
        velocities=[point.velocities for point in points],
        accelerations=[point.accelerations for point in points],
        has_effort=any(any(point.effort) for point in points),
        stamp_ns=ros.stamp_ns(message.header.stamp),
    )


class Waiting:
    """An action's goal, which waits for its outcome."""

    def __init__(self, handle: Any, action_type: Any, names: tuple[str, ...]) -> None:
        self._handle = handle
        self._type = action_type
        self._names = list(names)
        self._told_ns = 0
        self.outcome: Future = Future()

    @property
    def is_cancelled(self) -> bool:
        """Whether its client wants no more of it."""
        return bool(self._handle.is_cancel_requested)

    def feedback(self, desired: State, measured: NDArray[np.float64], now_ns: int) -> None:
        """Tells the client where the joints are, every `FEEDBACK_S`."""
        if 0 <= now_ns - self._told_ns < to_ns(FEEDBACK_S):
            return
        self._told_ns = now_ns
        message = self._type.Feedback(joint_names=self._names)
        message.header.stamp = ros.to_stamp(now_ns)
        message.desired = JointTrajectoryPoint(
            positions=desired.position.tolist(), velocities=desired.velocity.tolist()
        )
        message.actual = JointTrajectoryPoint(positions=measured.tolist())
        message.error = JointTrajectoryPoint(positions=(desired.position - measured).tolist())
        self._handle.publish_feedback(message)

    def end(self, outcome: Outcome) -> None:
        """It is over."""
        self.outcome.set_result(outcome)


class FollowAction:
    """The action server. A goal that cannot be followed is accepted and aborted at once: only so
    does its client get the code and the reason.

    Raises ImportError where control_msgs is not installed.
    """

    def __init__(self, node: Any) -> None:
        self._follower: Follower = node
        self._type = import_module("control_msgs.action").FollowJointTrajectory
        self._server = ActionServer(
            node, self._type, ACTION, self._execute,
            cancel_callback=lambda _handle: CancelResponse.ACCEPT,
        )  # fmt: skip

    def close(self) -> None:
        """Takes it out of the graph."""
        self._server.destroy()

    async def _execute(self, handle: Any) -> Any:
        waiting = Waiting(handle, self._type, self._follower.names)
        try:
            self._follower.begin(
                asked_of(handle.request.trajectory), self._tolerances(handle.request), waiting
            )
            outcome: Any = await waiting.outcome
        except TrajectoryError as error:
            outcome = Outcome(ABORTED, error.code, str(error))
        if outcome.state == SUCCEEDED:
            handle.succeed()
        elif outcome.state == CANCELED and handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
        return self._type.Result(error_code=outcome.code, error_string=outcome.text)

    def _tolerances(self, goal: Any) -> Tolerances:
        if getattr(getattr(goal, "multi_dof_trajectory", None), "points", ()):
            raise TrajectoryError(
                INVALID_GOAL, "it has a multi_dof_trajectory: joints are followed"
            )
        time_s = _seconds(goal.goal_time_tolerance)
        path, end = (self._changes(goal, what) for what in ("path_tolerance", "goal_tolerance"))
        return self._follower.tolerances.with_changes(self._follower.names, path, end, time_s)

    def _changes(self, goal: Any, what: str) -> list[tuple[str, float]]:
        entries = getattr(goal, what)
        for entry in entries:
            if entry.velocity > 0.0 or entry.acceleration > 0.0:
                raise TrajectoryError(
                    INVALID_GOAL,
                    f"{what} of {clean(entry.name)} has a velocity or acceleration: only positions "
                    "are looked at",
                )
        return [(entry.name, entry.position) for entry in entries]


def _seconds(duration: Any) -> float:
    return float(duration.sec + duration.nanosec / NS_PER_S)
