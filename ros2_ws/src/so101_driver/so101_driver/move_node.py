"""Moves the arm slowly to a pose, through the same topic as everybody, and ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from act_core import ros, topics
from act_core.clock_watch import ClockWatch
from act_core.errors import ConfigurationError
from act_core.incidents import Incidents
from act_core.parameters import parameter
from act_core.policy_json import SPEC_FILE, read_spec
from act_core.policy_units import check_units
from act_core.robots.so101 import JOINT_NAMES, SO101
from act_core.timing import MonotonicClock, to_ns
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from so101_driver.approach import Approach
from so101_driver.so_arm import ARM, find_arm

RATE_HZ = 50.0
SETTLE_S = 1.0  # at the pose, before it ends: the joints are behind their targets


@dataclass(frozen=True)
class MoveParameters:
    """Parameters of the move node. A bundle comes before positions, positions before a pose."""

    robot: str = parameter("so101", f"the arm: {ARM}")
    pose: str = parameter("home", "where to", choices=tuple(SO101.poses))
    position: tuple[float, ...] = parameter((), "six positions [rad]")
    start_of: str = parameter("", "folder of a policy bundle: to where its episodes start")
    speed_rad_s: float = parameter(0.5, "of every joint", low=0.01, high=2.0)
    timeout_s: float = parameter(
        20.0, "give up when the arm is not there by then", low=1.0, high=3600.0
    )

    def target(self) -> NDArray[np.float64]:
        """(6,) [rad]. Raises ConfigurationError for a wrong number of positions, positions outside
        the arm's limits, and a bundle that does not say where it starts."""
        arm = find_arm(self.robot)
        wanted = start_of(Path(self.start_of)) if self.start_of else self.position
        if not wanted:
            return arm.pose(self.pose)
        if len(wanted) != len(JOINT_NAMES):
            raise ConfigurationError(
                f"position has {len(wanted)} values, expected {len(JOINT_NAMES)}: "
                f"{', '.join(JOINT_NAMES)}"
            )
        limits = arm.limits
        for name, at, low, high in zip(
            JOINT_NAMES, wanted, limits.lower_rad, limits.upper_rad, strict=True
        ):
            if not low <= at <= high:
                raise ConfigurationError(f"{name}: {at} rad, expected {low} to {high}")
        return np.array(wanted)


def start_of(bundle: Path) -> tuple[float, ...]:
    """The middle of the range where a policy's episodes start, in the order of `JOINT_NAMES` [rad].

    Raises ConfigurationError for a folder that is no bundle, one of another unit or other joints,
    and one that does not say where it starts.
    """
    spec = read_spec(bundle)
    check_units(spec)
    if spec.start is None:
        raise ConfigurationError(f"{bundle}/{SPEC_FILE} has no 'start'")
    ends = zip(spec.joint_input.joints, spec.start.lower, spec.start.upper, strict=True)
    middle = {name: (low + high) / 2 for name, low, high in ends}
    missing = [name for name in JOINT_NAMES if name not in middle]
    if missing:
        raise ConfigurationError(
            f"the policy in {bundle} has no {', '.join(missing)}; it has {', '.join(middle)}"
        )
    return tuple(middle[name] for name in JOINT_NAMES)


class MoveNode(Node):
    """Brings the arm to a pose, slowly.

    An engaged e-stop, and joint states that do not come, end it without a motion.
    """

    def __init__(self, **overrides: Any) -> None:
        super().__init__("move", **overrides)
        self.params = ros.declare_parameters(self, MoveParameters)
        self._target = self.params.target()
        self._approach = Approach(
            self._target, find_arm(self.params.robot).limits, 1.0 / RATE_HZ, self.params.speed_rad_s
        )
        self._monotonic = MonotonicClock()
        self._deadline_ns = self._monotonic.now_ns() + to_ns(self.params.timeout_s)
        self._there_since_ns: int | None = None
        self._position: NDArray[np.float64] | None = None
        self._incidents = Incidents()
        self._clock_watch = ClockWatch()
        self.finished = False
        self.succeeded = False
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS)
        ros.subscription(self, topics.JOINT_STATES, self._on_joints)
        ros.subscription(self, topics.ESTOP_STATE, self._on_estop)
        ros.steady_timer(self, 1.0 / RATE_HZ, self._on_timer)

    def _on_joints(self, message: JointState) -> None:
        try:
            self._position = ros.read_joints(message, JOINT_NAMES).position
        except ValueError as error:
            self._incidents.saw("joint_states", f"joint_states refused: {error}")
            return
        self._approach.measured(self._position, self._monotonic.now_ns())

    def _on_estop(self, message: Bool) -> None:
        if message.data:
            self._end(False, "the e-stop is engaged")

    def _on_timer(self) -> None:
        if self.finished:
            return
        for line in self._incidents.lines():
            self.get_logger().warning(line)
        now_ns = self._monotonic.now_ns()
        guidance = self._approach.next(now_ns)
        stamp_ns = self.get_clock().now().nanoseconds
        clock_problem = self._clock_watch.look(stamp_ns)
        if now_ns > self._deadline_ns:
            why = clock_problem or guidance.why
            self._end(False, f"not there within {self.params.timeout_s:g} s: {why}")
            return
        if guidance.position_rad is not None and clock_problem is None:
            self._commands.publish(ros.joint_state(JOINT_NAMES, guidance.position_rad, stamp_ns))
        if not guidance.is_there:
            self._there_since_ns = None
        elif self._there_since_ns is None:
            self._there_since_ns = now_ns
        elif now_ns - self._there_since_ns > to_ns(SETTLE_S) and self._position is not None:
            distance = float(np.abs(self._position - self._target).max())
            self._end(True, f"there; the furthest joint is {distance:.3f} rad from its target")

    def _end(self, succeeded: bool, text: str) -> None:
        self.finished, self.succeeded = True, succeeded
        if succeeded:
            self.get_logger().info(text)
        else:
            self.get_logger().error(text)


def main() -> int:
    """Console command ``move_node``."""
    nodes: list[MoveNode] = []

    def create() -> MoveNode:
        nodes.append(MoveNode())
        return nodes[0]

    code = ros.run_node(create)
    return code or int(not (nodes and nodes[0].succeeded))
