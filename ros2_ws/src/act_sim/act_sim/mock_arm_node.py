"""Any robot on the topics of the runtime, with nothing behind it: for policies, recorders and
teleoperation of an arm that is not there and has no model.

ros2 run act_sim mock_arm_node --ros-args -p robot:=my_arm.yaml
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from act_core import ros
from act_core.arm_node import ArmNode, ArmSample
from act_core.arm_parameters import OneOfSeveralParameters
from act_core.control_loop import ControlLoop
from act_core.parameters import parameter
from act_core.robots import ROBOT, find_robot

from act_sim.mock_arm import MockArm


@dataclass(frozen=True)
class MockArmParameters(OneOfSeveralParameters):
    """Parameters of the mock arm."""

    robot: str = parameter("so101", ROBOT)
    rate_hz: float = parameter(100.0, "of the control loop", low=1.0, high=1000.0)


class MockArmNode(ArmNode):
    """A `MockArm` behind an `ArmNode`."""

    def __init__(self, **overrides: Any) -> None:
        super().__init__("mock_arm", **overrides)
        p = ros.declare_parameters(self, MockArmParameters)
        robot = find_robot(p.robot).prefixed(p.joint_prefix)
        self._arm = MockArm(robot, 1 / p.rate_hz, p.command_timeout_s, self.stamp_check(p))
        self._effort = np.zeros(len(robot.joints))
        self._loop = ControlLoop(self._tick, p.rate_hz, self._on_error)
        self.serve(
            self._arm, robot.limits, 1 / p.rate_hz, p, self._loop.stats, f"mock of {robot.name}",
            robot.grippers,
        )  # fmt: skip
        self.describe(robot)
        self.get_logger().info(
            f"{robot.name}, {len(robot.joints)} joints at {p.rate_hz:g} Hz, without physics; "
            "waiting for commands"
        )
        self._loop.start()

    def close(self) -> None:
        """Ends the control loop."""
        self._loop.close()

    def _tick(self) -> None:
        now_ns = self.now_ns()
        position, velocity, applied = self._arm.tick()
        sample = ArmSample(now_ns, position, velocity, self._effort)
        self.publish(sample, applied, now_ns, applied.hold)


def main() -> int:
    """Console command ``mock_arm_node``."""
    return ros.run_node(MockArmNode)
