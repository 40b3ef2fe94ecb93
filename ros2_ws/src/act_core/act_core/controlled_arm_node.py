"""An arm that ros2_control, or any other software, moves, on the topics of the runtime.

ros2 run act_core controlled_arm_node --ros-args -r __ns:=/act -p robot:=my_arm.yaml \\
    -p measured:=/joint_states -p output:=trajectory \\
    -p output_topic:=/joint_trajectory_controller/joint_trajectory

It stands between ``joint_commands`` and a controller: arbiter, e-stop, watchdog and limiter are the
same as of every arm here, and what is left goes out as ``output`` says. docs/ros2_control.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from act_core import ros, topics
from act_core.arm_node import ArmNode, ArmSample
from act_core.arm_parameters import NONE, TRAJECTORY, ArmParameters
from act_core.control_loop import ControlLoop
from act_core.controlled_arm import ControlledArm
from act_core.errors import ConfigurationError
from act_core.joints import JointMerger
from act_core.parameters import parameter
from act_core.robots import ROBOT, find_robot


@dataclass(frozen=True)
class ControlledArmParameters(ArmParameters):
    """Parameters of the node."""

    robot: str = parameter("so101", ROBOT)
    measured: str = parameter("/joint_states", "topic on which the other software tells the joints")
    rate_hz: float = parameter(100.0, "of the control loop", low=1.0, high=1000.0)


class ControlledArmNode(ArmNode):
    """A `ControlledArm` behind an `ArmNode`."""

    def __init__(self, **overrides: Any) -> None:
        super().__init__("controlled_arm", **overrides)
        p = ros.declare_parameters(self, ControlledArmParameters)
        if p.output == NONE:
            raise ConfigurationError(
                f"parameter output is {NONE}: nothing would move; expected {TRAJECTORY} or array"
            )
        own = self.resolve_topic_name(topics.JOINT_STATES.name)
        if self.resolve_topic_name(p.measured) == own:
            raise ConfigurationError(
                f"parameter measured is {p.measured}, where this node tells the joints itself: "
                "give it a namespace of its own, -r __ns:=/act"
            )
        robot = find_robot(p.robot)
        period_s = 1 / p.rate_hz
        self._arm = ControlledArm(robot.limits, period_s, p.command_timeout_s, self.stamp_check(p))
        self._merger = JointMerger(robot.joint_names)
        self._newest: ArmSample | None = None  # not told yet
        self._effort: NDArray[np.float64] = np.zeros(len(robot.joints))
        self._loop = ControlLoop(self._tick, p.rate_hz, self._on_error)
        self.serve(
            self._arm, robot.limits, period_s, p, self._loop.stats, f"{robot.name} by {p.output}",
            robot.grippers,
        )  # fmt: skip
        self.describe(robot)
        measured = topics.Topic(p.measured, topics.JOINT_STATES.type_name, topics.STATE)
        ros.subscription(self, measured, self._on_measured)
        self.get_logger().info(
            f"{robot.name}, {len(robot.joints)} joints at {p.rate_hz:g} Hz, as {p.output}; waits "
            f"for {p.measured}"
        )
        self._loop.start()

    def close(self) -> None:
        """Ends the control loop: nothing is sent afterwards, and the controller keeps its goal."""
        self._loop.close()

    def _on_measured(self, message: JointState) -> None:
        stamp_ns = ros.stamp_ns(message.header.stamp)
        merged = self._merger.add(message.name, message.position, message.velocity, stamp_ns)
        if merged is None:
            return
        told_ns, reading = merged
        self._arm.measured(reading.position)
        velocity = np.zeros_like(self._effort) if reading.velocity is None else reading.velocity
        self._newest = ArmSample(told_ns, reading.position, velocity, self._effort)

    def _tick(self) -> None:
        now_ns = self.now_ns()
        turn = self._arm.turn(now_ns)
        sample, self._newest = self._newest, None  # each measurement is told once, at its own rate
        self.publish(sample, turn.applied, now_ns, turn.why, failing=turn.applied is None)


def main() -> int:
    """Console command ``controlled_arm_node``."""
    return ros.run_node(ControlledArmNode)
