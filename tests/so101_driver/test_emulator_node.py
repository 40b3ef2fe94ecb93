"""The emulated bus between a driver's port and a simulation's topics."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from act_core import ros as act_ros
from act_core import topics
from act_core.errors import ConfigurationError
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES
from rclpy.node import Node
from rclpy.parameter import Parameter
from so101_driver.arm import So101Arm
from so101_driver.bus import Bus
from so101_driver.emulator.arm import emulated_calibration
from so101_driver.emulator_node import EmulatorNode
from so101_driver.transport import SerialTransport
from std_srvs.srv import SetBool

from tests.ros_rig import PATIENCE_S

COUNT_RAD = 2 * np.pi / 4096


class Simulation(Node):
    """An arm that is at once where it is told to be, and a driver's torque service."""

    def __init__(self) -> None:
        super().__init__("simulation")
        self.position = np.array(HOME_POSE_RAD)
        self.target: np.ndarray | None = None
        self.commanded = 0
        self.torque: list[bool] = []
        self.refusals = 0  # of the torque service, to come
        self._states = act_ros.publisher(self, topics.JOINT_STATES)
        act_ros.subscription(self, topics.JOINT_COMMANDS, self._on_command)
        act_ros.service(self, topics.DRIVER_TORQUE, self._on_torque)
        self.create_timer(0.01, self._on_timer)

    def _on_timer(self) -> None:
        if self.target is not None:  # 3 rad/s: an arm that leaps was put there by somebody
            self.position = self.position + np.clip(self.target - self.position, -0.03, 0.03)
        now_ns = self.get_clock().now().nanoseconds
        state = act_ros.joint_state(JOINT_NAMES, self.position, now_ns, np.zeros(6))
        self._states.publish(state)

    def _on_command(self, message) -> None:
        self.target = act_ros.read_joints(message, JOINT_NAMES).position
        self.commanded += 1

    def _on_torque(self, request: SetBool.Request, response: SetBool.Response):
        self.torque.append(request.data)
        response.success = self.refusals == 0
        self.refusals = max(0, self.refusals - 1)
        return response


@pytest.fixture
def rig(ros, tmp_path):
    """The node, its simulation and the file name of the port."""
    port = tmp_path / "arm"
    # No priority: the node's thread is the test run's, and later tests would starve their helpers.
    parameters = {"port": str(port), "realtime_priority": 0, "linger_s": 0.0}
    node = EmulatorNode(parameter_overrides=[Parameter(k, value=v) for k, v in parameters.items()])
    simulation = Simulation()
    yield node, simulation, port
    node.close()
    for member in (node, simulation):
        member.destroy_node()


class Driver(threading.Thread):
    """Works on an arm in a thread of its own while the test spins the nodes."""

    def __init__(self, port, work) -> None:
        super().__init__(daemon=True)
        self._port, self._work = port, work
        self.result = None
        self.start()

    def run(self) -> None:
        bus = Bus(SerialTransport(str(self._port)), reply_slack_s=PATIENCE_S)
        self.result = self._work(So101Arm(bus, emulated_calibration()))
        bus.close()


def test_the_port_is_there_once_the_joints_are_known(rig, spin_until):
    node, simulation, port = rig
    assert not port.exists()
    spin_until(lambda: node.bus is not None, node, simulation)
    driver = Driver(port, lambda arm: arm.read_state().position_rad)
    spin_until(lambda: not driver.is_alive(), node, simulation)
    assert driver.result == pytest.approx(HOME_POSE_RAD, abs=COUNT_RAD)
    node.close()
    assert not port.exists()


def test_goals_on_the_wire_become_commands_of_the_simulation(rig, spin_until):
    node, simulation, port = rig
    goal = HOME_POSE_RAD + np.array([0.2, 0.1, -0.1, 0.2, -0.3, 0.4])
    spin_until(lambda: node.bus is not None, node, simulation)

    def move(arm: So101Arm) -> None:
        arm.enable_torque()
        arm.write_goals(goal)

    driver = Driver(port, move)
    spin_until(lambda: not driver.is_alive(), node, simulation)
    spin_until(lambda: np.abs(simulation.position - goal).max() < 2 * COUNT_RAD, node, simulation)


def test_a_new_episode_switches_the_driver_s_torque_off_and_on(rig, spin_until):
    node, simulation, _port = rig
    spin_until(lambda: node.bus is not None, node, simulation)
    spin_until(lambda: node._torque.service_is_ready(), node, simulation)
    simulation.position = HOME_POSE_RAD + 0.4
    spin_until(lambda: simulation.torque == [False, True], node, simulation)
    assert simulation.commanded == 0


def test_a_refused_switching_is_asked_for_again(rig, spin_until):
    node, simulation, _port = rig
    spin_until(lambda: node.bus is not None, node, simulation)
    spin_until(lambda: node._torque.service_is_ready(), node, simulation)
    simulation.refusals = 2
    simulation.position = HOME_POSE_RAD + 0.4
    spin_until(lambda: simulation.torque == [False, False, False, True], node, simulation)


@pytest.mark.parametrize(
    ("joint_states", "text"),
    [
        ({"position": 1.7e308}, "far outside"),
        ({"position": -25.7}, "probably degrees"),
        ({"velocity": 1.7e308}, r"wrist_flex moves at 1.7e\+308 rad/s"),
        ({"velocity": -1000.0}, "wrist_flex moves at -1000 rad/s"),
    ],
)
def test_joints_that_no_arm_can_have_are_refused_and_the_bus_goes_on(
    rig, spin_until, joint_states, text
):
    """Found by the fuzz of all nodes: a finite number overflowed in the servos' registers."""
    node, simulation, port = rig
    spin_until(lambda: node.bus is not None, node, simulation)
    values = {"position": np.array(HOME_POSE_RAD), "velocity": np.zeros(6)}
    for name, value in joint_states.items():
        values[name][3] = value
    with pytest.raises(ValueError, match=text):
        node._arm.report(values["position"], values["velocity"])
    node._on_joints(act_ros.joint_state(JOINT_NAMES, values["position"], 1, values["velocity"]))
    driver = Driver(port, lambda arm: arm.read_state().position_rad)
    spin_until(lambda: not driver.is_alive(), node, simulation)
    assert driver.result == pytest.approx(HOME_POSE_RAD, abs=COUNT_RAD)


def test_a_port_without_a_name_is_refused(ros):
    with pytest.raises(ConfigurationError, match="parameter port is empty"):
        EmulatorNode()
