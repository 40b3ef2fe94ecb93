"""A robot of one's own: an arm of seven joints as data, and a driver for it in one file.

python examples/own_robot.py                                   # the driver, with made-up motors
act-teleop --robot examples/own_robot.py:ROBOT                 # keys move it
ros2 run act_record record_node --ros-args -p robot:=examples/own_robot.py:ROBOT
ros2 run act_sim mock_arm_node --ros-args -p robot:=examples/own_robot.py:PAIR    # no driver at all
"""

from __future__ import annotations

import threading

import numpy as np
from act_core import ros
from act_core.arm_node import ArmNode, ArmSample
from act_core.arm_parameters import OneOfSeveralParameters
from act_core.command_gate import CommandGate
from act_core.control_loop import ControlLoop
from act_core.robot import Joint, Robot, side_by_side

ROBOT = Robot(
    "seven",
    (
        Joint("base", -2.9, 2.9, max_velocity_rad_s=1.0),
        Joint("shoulder", -1.8, 1.8, max_velocity_rad_s=1.0),
        Joint("upper_arm", -2.9, 2.9),
        Joint("elbow", -3.1, 0.0),
        Joint("forearm", -2.9, 2.9),
        Joint("wrist", 0.0, 3.7),
        Joint("finger", 0.0, 0.04, max_velocity_rad_s=0.1, is_gripper=True),  # it slides: metres
    ),
    {"home": np.array([0.0, -0.8, 0.0, -2.4, 0.0, 1.6, 0.04])},
)
PAIR = side_by_side("two_sevens", {"left": ROBOT, "right": ROBOT})
RATE_HZ = 100.0


class Motors:
    """In place of the maker's library: motors that are where they were sent."""

    def __init__(self) -> None:
        self._position = ROBOT.pose("home").copy()

    def read(self) -> np.ndarray:
        return self._position.copy()

    def send(self, position: np.ndarray) -> None:
        self._position = position.copy()


class OwnArm(ArmNode):
    """The driver: topics, e-stop, diagnostics and take-over are `ArmNode`'s, limits and watchdog
    the gate's. Left to do: read the motors, send what the gate lets through."""

    def __init__(self, **overrides) -> None:
        super().__init__("own_arm", **overrides)
        p = ros.declare_parameters(self, OneOfSeveralParameters)
        self._motors = Motors()
        robot = ROBOT.prefixed(p.joint_prefix)
        self._gate = CommandGate(
            robot.limits, 1 / RATE_HZ, p.command_timeout_s, self.stamp_check(p)
        )
        self._gate.reset(self._motors.read(), epoch_ns=0)
        self._lock = threading.Lock()
        self._last = self._motors.read()
        self._loop = ControlLoop(self._tick, RATE_HZ, self._on_loop_error)
        self.serve(self, robot.limits, 1 / RATE_HZ, p, self._loop.stats, "own arm", robot.grippers)
        self._loop.start()

    def close(self) -> None:
        self._loop.close()

    def _tick(self) -> None:
        now_ns, here = self.now_ns(), self._motors.read()
        with self._lock:
            applied = self._gate.next()
        self._motors.send(applied.position_rad)
        speed, self._last = (here - self._last) * RATE_HZ, here
        sample = ArmSample(now_ns, here, speed, np.zeros(len(here)))
        self.publish(sample, applied, now_ns, applied.hold)

    def _on_loop_error(self, error: Exception) -> None:
        self.get_logger().error(f"control: {error!r}", throttle_duration_sec=5.0)

    # -- what a backend has: see act_core.arm_node.Backend ----------------------------------------

    def command(self, names, position_rad, stamp_ns, now_ns):
        with self._lock:
            return self._gate.command(names, position_rad, stamp_ns, now_ns)

    def estop(self, engage):
        with self._lock:
            self._gate.estop(engage)

    def hold(self, reason):
        with self._lock:
            self._gate.hold(reason)

    def values(self):
        with self._lock:
            return self._gate.counts()


if __name__ == "__main__":
    raise SystemExit(ros.run_node(OwnArm))
