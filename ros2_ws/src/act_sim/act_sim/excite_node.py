"""Moves the arm so that its servos can be identified, if the motion is safe, and ends.

The motion is planned from where the arm stands and simulated first; one that would touch the table,
the arm itself or the end of a joint's travel is refused before anything moves. Everything else on
the table has to be taken away: nobody tells this node of it.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.timing import NS_PER_S, MonotonicClock, to_ns
from numpy.typing import NDArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from act_sim.clearance import find_hit
from act_sim.excitation import Plan, plan_excitation
from act_sim.excite_parameters import ExciteParameters
from act_sim.identified_arm import JOINT_NAMES

RATE_HZ = 100.0
SILENT_S = 0.3  # joint states older than this end the motion
ARM_PATIENCE_S = 30.0  # for the first joint states
STILL_RAD = 0.05  # the arm may move less than this while the plan is made
LEFT_BEHIND_RAD, LEFT_BEHIND_S = 0.7, 0.5  # further behind its command, a joint is blocked or held


def safe_plan(start_rad: NDArray[np.float64], params: ExciteParameters) -> Plan:
    """The motion from where the arm stands (6,). Raises ConfigurationError, with what it would hit,
    if that is anything."""
    plan = plan_excitation(
        start_rad,
        duration_s=params.duration_s,
        amplitude=params.amplitude,
        rate_hz=RATE_HZ,
        seed=params.motion_seed,
    )
    hit = find_hit(plan.target_rad, RATE_HZ, params.table_height_m)
    if hit is not None:
        raise ConfigurationError(
            f"{hit}. A smaller amplitude, another motion_seed, or the arm in another pose at first "
            "may do"
        )
    return plan


class ExciteNode(Node):
    """Plans, checks, moves; an engaged e-stop, silence and a joint that is stuck end it at once."""

    def __init__(self, **overrides: Any) -> None:
        super().__init__("excite", **overrides)
        self.params = ros.declare_parameters(self, ExciteParameters)
        self._monotonic = MonotonicClock()
        self._born_ns = self._monotonic.now_ns()
        self._position: NDArray[np.float64] | None = None
        self._heard_ns = 0
        self._planner = ThreadPoolExecutor(1, "planner")
        self._planning: Future[Plan] | None = None
        self._planned_from: NDArray[np.float64] | None = None
        self._plan: Plan | None = None
        self._begun_ns: int | None = None
        self._behind_ns: int | None = None
        self._told = 0
        self.finished = False
        self.succeeded = False
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS)
        ros.subscription(self, topics.JOINT_STATES, self._on_joints)
        ros.subscription(self, topics.ESTOP_STATE, self._on_estop)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0 / RATE_HZ, self._on_timer, clock=steady)
        self.get_logger().info("waiting for the arm's joint states")

    def close(self) -> None:
        """Leaves the plan alone; the arm holds, since no commands come any more."""
        self._planner.shutdown(wait=False, cancel_futures=True)

    # -- messages in ---------------------------------------------------------------------------

    def _on_joints(self, message: JointState) -> None:
        try:
            self._position = ros.read_joints(message, JOINT_NAMES).position
        except ValueError as error:
            self.get_logger().warning(f"joint_states refused: {error}", throttle_duration_sec=5.0)
            return
        self._heard_ns = self._monotonic.now_ns()

    def _on_estop(self, message: Bool) -> None:
        if message.data:
            self._end(False, "the e-stop is engaged")

    # -- motion --------------------------------------------------------------------------------

    def _on_timer(self) -> None:
        now_ns = self._monotonic.now_ns()
        if self.finished:
            return
        if self._position is None:
            if now_ns - self._born_ns > to_ns(ARM_PATIENCE_S):
                self._end(False, f"no joint states within {ARM_PATIENCE_S:g} s")
        elif self._planning is None:
            self._planned_from = self._position
            self._planning = self._planner.submit(safe_plan, self._position, self.params)
            self.get_logger().info("planning the motion and simulating it; nothing moves yet")
        elif self._plan is None:
            self._take_plan(self._planning)
        elif self._begun_ns is None:
            self._begin(self._plan, now_ns)
        else:
            self._go_on(self._plan, now_ns)

    def _take_plan(self, planning: Future[Plan]) -> None:
        if not planning.done():
            return
        try:
            self._plan = planning.result()
        except ConfigurationError as error:
            self._end(False, f"refused, nothing was moved: {error}")

    def _begin(self, plan: Plan, now_ns: int) -> None:
        if self._position is None or self._planned_from is None:
            return
        moved = float(np.abs(self._position - self._planned_from).max())
        if moved > STILL_RAD:
            self._end(False, f"the arm was moved by {moved:.2f} rad meanwhile: start again")
            return
        self._begun_ns = now_ns
        self.get_logger().info(
            f"nothing is in the way: moving for {plan.duration_s:.0f} s; keep clear. "
            "Ctrl-C or the e-stop ends it"
        )

    def _go_on(self, plan: Plan, now_ns: int) -> None:
        if self._begun_ns is None or self._position is None:
            return
        if now_ns - self._heard_ns > to_ns(SILENT_S):
            self._end(False, f"no joint states for {SILENT_S:g} s")
            return
        elapsed_s = (now_ns - self._begun_ns) / NS_PER_S
        row = int(elapsed_s * plan.rate_hz)
        if row >= len(plan.target_rad):
            self._end(True, "the whole motion was made")
            return
        target = plan.target_rad[row]
        behind = np.abs(target - self._position)
        if behind.max() < LEFT_BEHIND_RAD:
            self._behind_ns = None
        elif self._behind_ns is None:
            self._behind_ns = now_ns
        elif now_ns - self._behind_ns > to_ns(LEFT_BEHIND_S):
            joint = JOINT_NAMES[int(np.argmax(behind))]
            self._end(False, f"{joint} does not follow: something is in its way, or it is held")
            return
        stamp_ns = self.get_clock().now().nanoseconds
        self._commands.publish(ros.joint_state(JOINT_NAMES, target, stamp_ns))
        if elapsed_s >= self._told + 10:
            self._told += 10
            self.get_logger().info(f"{self._told} of {plan.duration_s:.0f} s")

    def _end(self, succeeded: bool, text: str) -> None:
        if self.finished:
            return
        self.finished, self.succeeded = True, succeeded
        if succeeded:
            self.get_logger().info(text)
        else:
            self.get_logger().error(text)


def main() -> int:
    """Console command ``excite_node``."""
    nodes: list[ExciteNode] = []

    def create() -> ExciteNode:
        nodes.append(ExciteNode())
        return nodes[0]

    code = ros.run_node(create)
    return code or int(not (nodes and nodes[0].succeeded))
