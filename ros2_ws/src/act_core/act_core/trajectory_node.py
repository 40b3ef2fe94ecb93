"""Follows trajectories of scripts and planners, on the topics and the action of a controller.

ros2 run act_core trajectory_node
ros2 topic pub --once /arm_controller/joint_trajectory trajectory_msgs/msg/JointTrajectory \\
    '{joint_names: [shoulder_pan], points: [{positions: [0.5], time_from_start: {sec: 2}}]}'

What it sends are ``joint_commands`` like everybody's: the arm's arbiter, e-stop, limiter and
watchdog are behind them, and there is no other way to the servos. docs/ros2_control.md.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from trajectory_msgs.msg import JointTrajectory

from act_core import ros, topics
from act_core.arbiter import POLICY
from act_core.errors import ConfigurationError
from act_core.foreign_text import clean
from act_core.joints import JointMerger
from act_core.limits import clip
from act_core.parameters import parameter
from act_core.robots import ROBOT, find_robot
from act_core.ros_guard import LONGEST_REASON
from act_core.ros_publishers import UNKNOWN, PublisherWatch
from act_core.ros_trajectory import ACTION, NO_ACTION, FollowAction, Waiting, asked_of
from act_core.timing import MonotonicClock, to_ns
from act_core.trajectory import (
    INVALID_GOAL,
    PATH_TOLERANCE_VIOLATED,
    SUCCESSFUL,
    Asked,
    State,
    TrajectoryError,
    planned,
)
from act_core.trajectory_follower import (
    ABORTED,
    CANCELED,
    SUCCEEDED,
    Following,
    Outcome,
    Tolerances,
)

FOLLOWING = "following"
LEVELS = {FOLLOWING: "ok", SUCCEEDED: "ok", CANCELED: "warn", ABORTED: "error"}
HOUSEKEEPING_S = 0.2
SILENT_S = 0.5  # what the arm told longer ago says nothing about now
AUTO, REQUIRED, OFF = "auto", "required", "off"

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class TrajectoryParameters:
    """Parameters of the node."""

    robot: str = parameter("so101", ROBOT)
    rate_hz: float = parameter(100.0, "of the commands", low=10.0, high=1000.0)
    path_tolerance_rad: float = parameter(
        0.5, "that a joint may be from its path; 0: however far", low=0.0
    )
    goal_tolerance_rad: float = parameter(
        0.1, "that a joint may be from its goal (servos sag by some hundredths); 0: however far",
        low=0.0,
    )  # fmt: skip
    goal_time_s: float = parameter(2.0, "that joints may take to be there", low=0.0, high=600.0)
    action: str = parameter(
        AUTO, f"the action {ACTION}: auto (where control_msgs is installed), required or off",
        choices=(AUTO, REQUIRED, OFF),
    )  # fmt: skip

    def tolerances(self, grippers: NDArray[np.bool_]) -> Tolerances:
        """Of all joints (J,). A gripper that holds something is never where it is sent to: its
        tolerances are only those that a goal brings along."""

        def of(value: float) -> Vector:
            return np.where(grippers | (value == 0.0), np.inf, value)

        return Tolerances(
            of(self.path_tolerance_rad), of(self.goal_tolerance_rad), self.goal_time_s
        )


class Told:
    """Where the joints are, or are sent to: the newest that the arm told, and how old that is."""

    def __init__(self, node: Node, topic: topics.Topic, joints: tuple[str, ...]) -> None:
        self._topic = topic
        self._merger = JointMerger(joints)
        self._clock = MonotonicClock()
        self._position: Vector | None = None  # (J,)
        self._at_ns = 0
        ros.subscription(node, topic, self._on_message)

    def problem(self) -> str | None:
        """Why it is not known; None where it is."""
        if self._position is None:
            return f"nothing has come on {self._topic.name}: does the arm's node run, with torque?"
        age_s = (self._clock.now_ns() - self._at_ns) / 1e9
        if age_s > SILENT_S:
            return f"{self._topic.name} has been silent for {age_s:.1f} s"
        return None

    @property
    def position(self) -> Vector:
        """(J,) [rad]; where there is no `problem`."""
        assert self._position is not None
        return self._position

    def _on_message(self, message: JointState) -> None:
        stamp_ns = ros.stamp_ns(message.header.stamp)
        merged = self._merger.add(message.name, message.position, (), stamp_ns)
        if merged is not None:
            self._position, self._at_ns = merged[1].position, self._clock.now_ns()


class TrajectoryNode(Node):
    """One trajectory at a time; a new one takes the place of the old, from where that is.

    While it follows none, it sends nothing: the arm holds, and a policy may have it again. It ends
    a trajectory when the e-stop is engaged, a person takes the arm, somebody else sends
    ``joint_commands``, the arm is silent, or a joint leaves its tolerance; and begins none then.
    """

    def __init__(self, **overrides: Any) -> None:
        super().__init__("arm_controller", **overrides)
        p = self.params = ros.declare_parameters(self, TrajectoryParameters)
        robot = find_robot(p.robot)
        self._limits = robot.limits
        self._names = robot.joint_names
        grippers = np.array([name in robot.grippers for name in self._names])
        self._tolerances = p.tolerances(grippers)
        self._monotonic = MonotonicClock()
        self._following: Following | None = None
        self._waiting: Waiting | None = None  # for what is followed: an action's goal
        self._came = 0  # trajectories, so far
        self._number = 0  # of the one that is or was followed
        self._sent_ns = -to_ns(3600.0)  # monotonic
        self._stranger_ns = -to_ns(3600.0)  # monotonic: when one came that was not from here
        self._estopped = False
        self._owner: tuple[str, str] | None = None  # of the arm, and why
        self._measured = Told(self, topics.JOINT_STATES, self._names)
        self._applied = Told(self, topics.JOINT_COMMANDS_APPLIED, self._names)
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS)
        self._commanders = PublisherWatch(self, topics.JOINT_COMMANDS)
        self._status = ros.publisher(self, topics.TRAJECTORY_STATUS)
        self._commanders.hear(self._on_command)
        ros.subscription(self, topics.ESTOP_STATE, self._on_estop)
        ros.subscription(self, topics.CONTROL_OWNER, self._on_owner)
        ros.subscription(self, topics.TRAJECTORY, self._on_trajectory)
        self.action = self._open_action()
        ros.steady_timer(self, HOUSEKEEPING_S, self._on_housekeeping)
        ros.steady_timer(self, 1 / p.rate_hz, self._on_turn)

    def close(self) -> None:
        """Ends what is followed: the arm holds where it is."""
        self._end(Outcome(CANCELED, INVALID_GOAL, "the node has ended"))
        if self.action is not None:
            self.action.close()

    # -- trajectories ----------------------------------------------------------------------------

    def begin(self, asked: Asked, tolerances: Tolerances, waiting: Waiting | None = None) -> None:
        """Follows it from now on. Raises TrajectoryError where that cannot be; what is followed
        then goes on."""
        self._came += 1
        try:
            problem = self._problem()
            if problem is not None:
                raise TrajectoryError(INVALID_GOAL, problem)
            now_ns = self.get_clock().now().nanoseconds
            if now_ns == 0:
                raise TrajectoryError(INVALID_GOAL, "there is no time yet: nothing is on /clock")
            trajectory = planned(asked, self._limits, self._start(), now_ns)
        except TrajectoryError as error:
            text = f"trajectory {self._came} refused: {error}"
            self.get_logger().error(text)
            self._tell(ABORTED, error.code, text, self._came)
            if self._following is not None:
                self._tell_following(self._following)
            raise
        self._end(Outcome(CANCELED, INVALID_GOAL, f"replaced by trajectory {self._came}"))
        self._number, self._waiting = self._came, waiting
        self._following = Following(trajectory, tolerances, self._names, now_ns)
        self._tell_following(self._following)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the arm's joints."""
        return self._names

    @property
    def tolerances(self) -> Tolerances:
        """Where a goal says nothing else."""
        return self._tolerances

    def _start(self) -> State:
        """Where a trajectory begins: where the arm is sent to. Its joints sag a little below that,
        and would sag as much again if it was sent to where they are."""
        if self._following is not None:
            return self._following.desired
        return State(self._applied.position.copy(), np.zeros(len(self._names)))

    def _problem(self) -> str | None:
        """Why nothing can be followed now."""
        if self._estopped:
            return "the e-stop is engaged"
        if self._owner is not None and self._owner[0] != POLICY:
            owner, reason = self._owner
            return f"the arm is not free, its owner is: {owner} ({reason})"
        for told in (self._measured, self._applied):
            if (problem := told.problem()) is not None:
                return problem
        return self._others()

    def _others(self) -> str | None:
        now_ns = self._monotonic.now_ns()
        is_sending = now_ns - self._sent_ns < to_ns(1.0)
        if self._commanders.is_nameless and (is_sending or now_ns - self._stranger_ns > to_ns(1.0)):
            return None  # two at once are the arm's to refuse
        # The graph does not know its newest members, of which this node may be one.
        others = [n for n in self._commanders.others() if not (is_sending and n == UNKNOWN)]
        if not others:
            return None
        return f"{', '.join(others)} sends joint_commands: stop it first (policy/enable false)"

    def _on_turn(self) -> None:
        following = self._following
        if following is None:
            return
        if self._waiting is not None and self._waiting.is_cancelled:
            self._stop("canceled by its client")
            return
        if (problem := self._problem()) is not None:
            self._end(Outcome(ABORTED, INVALID_GOAL, problem))
            return
        now_ns = self.get_clock().now().nanoseconds
        measured = self._measured.position
        outcome = following.turn(now_ns, measured)
        if outcome is None or outcome.state == SUCCEEDED:
            self._send(following.desired.position, now_ns)
        elif outcome.code == PATH_TOLERANCE_VIOLATED:
            self._send(measured, now_ns)  # something is in the way: it pushes no more
        if outcome is not None:
            self._end(outcome)
        elif self._waiting is not None:
            self._waiting.feedback(following.desired, measured, now_ns)

    def _end(self, outcome: Outcome) -> None:
        if self._following is None:
            return
        waiting, self._waiting, self._following = self._waiting, None, None
        self._tell(outcome.state, outcome.code, outcome.text, self._number)
        if waiting is not None:
            waiting.end(outcome)
        logger = self.get_logger()
        if outcome.state == ABORTED:
            logger.error(f"aborted: {outcome.text}")
        else:
            logger.info(f"{outcome.state}: {outcome.text}")

    def _stop(self, text: str) -> None:
        """Ends what is followed with the arm braking as hard as it may, without a way back."""
        following = self._following
        if following is None:
            return
        position, velocity = following.desired
        way = velocity * np.abs(velocity) / (2 * self._limits.max_acceleration_rad_s2)
        target = clip(position + way, self._limits.lower_rad, self._limits.upper_rad)
        self._send(target, self.get_clock().now().nanoseconds)
        self._end(Outcome(CANCELED, SUCCESSFUL, text))

    def _send(self, target: Vector, now_ns: int) -> None:
        self._commands.publish(ros.joint_state(self._names, target, now_ns))
        self._sent_ns = self._monotonic.now_ns()

    def _tell_following(self, following: Following) -> None:
        text = f"trajectory {self._number}: {following.trajectory.length_s:.2f} s"
        self._tell(FOLLOWING, SUCCESSFUL, text, self._number)

    def _tell(self, state: str, code: int, text: str, number: int) -> None:
        values = {"state": state, "error_code": str(code), "number": str(number)}
        self._status.publish(ros.diagnostic("trajectory", LEVELS[state], text, values))

    # -- what comes -------------------------------------------------------------------------------

    def _on_trajectory(self, message: JointTrajectory) -> None:
        if not message.points:
            self._came += 1
            self._stop("stopped by an empty trajectory")
            return
        with suppress(TrajectoryError):  # it is in the log and on the status
            self.begin(asked_of(message), self._tolerances)

    def _on_command(self) -> None:
        now_ns = self._monotonic.now_ns()
        if self._following is None and now_ns - self._sent_ns > to_ns(SILENT_S):
            self._stranger_ns = now_ns

    def _on_estop(self, message: Bool) -> None:
        self._estopped = message.data

    def _on_owner(self, message: DiagnosticStatus) -> None:
        owner = ros.diagnostic_values(message).get("owner", "")
        self._owner = clean(owner), clean(message.message, LONGEST_REASON)

    def _on_housekeeping(self) -> None:
        self._commanders.look()

    def _open_action(self) -> FollowAction | None:
        wanted = self.params.action
        if wanted == OFF:
            return None
        try:
            return FollowAction(self)
        except ImportError as error:
            text = f"no action {ACTION}: {NO_ACTION} ({error})"
            if wanted == REQUIRED:
                raise ConfigurationError(text) from error
            self.get_logger().info(f"{text}; trajectories are heard on {topics.TRAJECTORY.name}")
            return None


def main() -> int:
    """Console command ``trajectory_node``."""
    return ros.run_node(TrajectoryNode)
