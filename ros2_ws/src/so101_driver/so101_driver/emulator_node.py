"""The emulated servo bus in front of a simulated arm: `sim_node`, in a namespace of its own.

    driver_node -- bytes on a pseudo-terminal --> emulator_node -- joint_commands --> sim_node
                <------------------------------                 <-- joint_states ----

The driver on the other end of the bytes cannot tell it from an arm.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.parameters import parameter
from act_core.realtime import prepare_process, request_fifo
from act_core.timing import MonotonicClock, to_ns
from rclpy.client import Client
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool

from so101_driver.emulator.arm import emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.faults import FaultScript, load_script
from so101_driver.emulator.pty_port import PtyPort
from so101_driver.emulator.remote_arm import RemoteArm
from so101_driver.so_arm import ARM, find_arm

RETRY_S = 0.5


@dataclass(frozen=True)
class EmulatorParameters:
    """Parameters of the emulator node."""

    port: str = parameter("", "file name of the port that it offers")
    realtime_priority: int = parameter(
        60, "SCHED_FIFO of the servos, above the driver's: hardware never waits; 0: none",
        low=0, high=99,
    )  # fmt: skip
    linger_s: float = parameter(
        1.0, "the bus stays so long at the end: hardware does not go before its driver", low=0.0
    )
    robot: str = parameter("so101", f"the arm that is emulated: {ARM}")
    joint_prefix: str = parameter("", "before the name of each joint, e.g. left_")
    faults: str = parameter("", "YAML script of faults; see so101_driver/emulator/faults.py")


class EmulatorNode(Node):
    """Passes positions of the simulation to the servos and their setpoints back.

    ``joint_states`` and ``joint_commands`` here are the simulation's: remap them. When the
    simulation begins another episode, its arm is suddenly elsewhere, as if somebody had put it
    there; as a person would, this switches the driver's torque off and on for it.
    """

    def __init__(self, **overrides: Any) -> None:
        super().__init__("so101_emulator", **overrides)
        p = self.params = ros.declare_parameters(self, EmulatorParameters)
        if not p.port:
            raise ConfigurationError("parameter port is empty, expected a file name for the port")
        self._faults = load_script(Path(p.faults)) if p.faults else FaultScript()
        self._robot = find_arm(p.robot)
        self._arm = RemoteArm(self._robot.limits)
        self._joints = self._robot.prefixed(p.joint_prefix).joint_names
        self._serving = ExitStack()
        self.bus: EmulatedBus | None = None  # None until the joints' positions are known
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS)
        self._switching: list[bool] = []  # what the driver's torque is still to be switched to
        self._asked: Any = None  # the answer that is waited for
        self._torque: Client[Any, Any] = self.create_client(SetBool, topics.DRIVER_TORQUE.name)
        ros.subscription(self, topics.JOINT_STATES, self._on_joints)
        self.create_timer(RETRY_S, self._switch_torque)
        if p.realtime_priority:
            prepare_process()
        request_fifo(p.realtime_priority // 2)  # this thread, which will spin
        self.get_logger().info("waiting for the simulated arm")

    def close(self) -> None:
        """Takes the port away, after those who use it had time to end."""
        if self.bus is not None:
            clock = MonotonicClock()
            clock.sleep_until_ns(clock.now_ns() + to_ns(self.params.linger_s))
        self._serving.close()

    def _on_joints(self, message: JointState) -> None:
        try:
            reading = ros.read_joints(message, self._joints)
            speed = reading.velocity if reading.velocity is not None else [0.0] * len(self._joints)
            placed = self._arm.report(reading.position, speed)
        except ValueError as error:
            self.get_logger().warning(f"not this arm: {error}", throttle_duration_sec=5.0)
            return
        if self.bus is None:
            servos = emulated_servos(joints=self._arm.joints, robot=self._robot)
            self.bus = EmulatedBus(servos, faults=self._faults)
            p = self.params
            self._serving.enter_context(PtyPort(self.bus, Path(p.port), p.realtime_priority))
            self.get_logger().info(f"six servos on {self.params.port}")
        if placed:
            self._switching = [False, True]
            self._switch_torque()
        targets = self._arm.targets()
        if targets is not None:
            now_ns = self.get_clock().now().nanoseconds
            self._commands.publish(ros.joint_state(self._joints, targets, now_ns))

    def _switch_torque(self) -> None:
        """Asks for the next switching; the timer repeats what was refused or got lost."""
        answered = self._asked is None or self._asked.done()
        if self._switching and answered and self._torque.service_is_ready():
            self._asked = self._torque.call_async(SetBool.Request(data=self._switching[0]))
            self._asked.add_done_callback(self._on_switched)

    def _on_switched(self, answer: Any) -> None:
        if self._switching and answer.result().success:
            self._switching.pop(0)
            self._switch_torque()


def main() -> int:
    """Console command ``emulator_node``."""
    return ros.run_node(EmulatorNode)
