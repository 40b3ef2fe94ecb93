"""The driver node on real topics, on a real port: bytes at one end, messages at the other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import rclpy
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES
from act_core.timing import to_ns
from rclpy.node import Node
from so101_driver import registers as reg
from so101_driver.driver_node import DriverNode
from so101_driver.emulator.arm import emulated_calibration, emulated_servos
from so101_driver.emulator.bus import EmulatedBus
from so101_driver.emulator.faults import FaultEvent
from so101_driver.emulator.pty_port import PtyPort

from tests.ros_rig import PATIENCE_S, ros_arguments, spinning, wait_until

NODE = "import sys; from so101_driver.driver_node import main; sys.exit(main())"


class Client(Node):
    """Remembers the newest message of each topic of the driver."""

    def __init__(self) -> None:
        super().__init__("client", use_global_arguments=False)
        self.newest: dict[str, object] = {}
        self.levels: dict[str, tuple[bytes, str]] = {}
        for topic in (topics.JOINT_STATES, topics.JOINT_COMMANDS_APPLIED, topics.ESTOP_STATE):
            ros.subscription(self, topic, lambda m, name=topic.name: self.newest.update({name: m}))
        ros.subscription(self, topics.DIAGNOSTICS, self._on_diagnostics)
        self.commands = ros.publisher(self, topics.JOINT_COMMANDS)

    def _on_diagnostics(self, message) -> None:
        for status in message.status:
            values = ros.diagnostic_values(status)
            self.levels[status.name] = (status.level, status.message)
            self.newest[status.name] = values

    def call(self, service: topics.Service, **fields):
        kind = ros.interface_type(service.type_name)
        client = self.create_client(kind, service.name)
        assert client.wait_for_service(PATIENCE_S)
        return client.call(kind.Request(**fields), timeout_sec=PATIENCE_S)

    def command_until(self, target, condition) -> None:
        def step() -> bool:
            self.commands.publish(ros.joint_state(JOINT_NAMES, target, 0))
            return condition()

        wait_until(step)

    @property
    def position(self) -> np.ndarray:
        return np.array(self.newest[topics.JOINT_STATES.name].position)

    @property
    def applied(self) -> np.ndarray:
        return np.array(self.newest[topics.JOINT_COMMANDS_APPLIED.name].position)


@pytest.fixture
def emulator(tmp_path) -> Iterator[PtyPort]:
    emulated_calibration().save(tmp_path / "arm.json")
    servos = emulated_servos(HOME_POSE_RAD)
    for servo in servos:
        servo.motor.joint.load_nm = 0.0  # it stays up until torque is on
    with PtyPort(EmulatedBus(servos), tmp_path / "port") as port:
        yield port


def arguments(emulator: PtyPort, **parameters) -> list[str]:
    values = {
        "port": emulator.path,
        "calibration": emulator.path.parent / "arm.json",
        "rate_hz": 50.0,  # emulator and node share one interpreter here
        "guard": False,
        "exit_policy": "release",
        "realtime_priority": 0,
        **parameters,
    }
    return ros_arguments(**values)


@contextmanager
def running(emulator: PtyPort, **parameters) -> Iterator[tuple[DriverNode, Client]]:
    rclpy.init(args=arguments(emulator, **parameters))
    node, client = DriverNode(), Client()
    try:
        with spinning(node, client):
            wait_until(lambda: client.commands.get_subscription_count() > 0)
            yield node, client
    finally:
        node.close()
        for member in (client, node):
            member.destroy_node()
        rclpy.try_shutdown()


def torques(emulator: PtyPort) -> list[int]:
    return [servo.memory[reg.TORQUE_ENABLE] for servo in emulator.bus.servos]


def test_states_commands_and_what_was_applied(emulator):
    with running(emulator) as (_, client):
        wait_until(lambda: topics.JOINT_COMMANDS_APPLIED.name in client.newest)
        state = client.newest[topics.JOINT_STATES.name]
        assert tuple(state.name) == JOINT_NAMES
        assert np.abs(client.position - HOME_POSE_RAD).max() < 0.15
        assert len(state.velocity) == len(state.effort) == 6
        now_ns = client.get_clock().now().nanoseconds
        assert abs(now_ns - ros.stamp_ns(state.header.stamp)) < to_ns(5.0)
        target = HOME_POSE_RAD + 0.3
        client.command_until(target, lambda: np.allclose(client.applied, target))
        client.command_until(target, lambda: np.abs(client.position - target).max() < 0.15)
        emulator.bus.servos[1].motor.joint.load_nm = 0.5
        client.command_until(
            target, lambda: client.newest[topics.JOINT_STATES.name].effort[1] < -0.3
        )  # fmt: skip
    assert torques(emulator) == [0] * 6, "the exit policy"


def test_the_estop_stops_and_latches(emulator):
    with running(emulator) as (node, client):
        wait_until(lambda: topics.JOINT_COMMANDS_APPLIED.name in client.newest)
        assert client.call(topics.ESTOP, data=True).message == "e-stop engaged"
        wait_until(lambda: client.newest[topics.ESTOP_STATE.name].data is True)
        client.command_until(
            HOME_POSE_RAD + 0.5, lambda: "refused_estop" in node.driver.values()
        )  # fmt: skip
        assert np.abs(client.applied - HOME_POSE_RAD).max() < 0.1
        assert client.call(topics.ESTOP, data=False).success
        target = HOME_POSE_RAD + 0.1
        client.command_until(target, lambda: np.allclose(client.applied, target))


def test_the_log_tells_of_a_refusal_and_of_a_limit(emulator, capfd):
    logged: list[str] = []

    def is_logged(text: str) -> bool:
        logged.append(capfd.readouterr().err)
        return text in "".join(logged)

    with running(emulator) as (_, client):
        wait_until(lambda: topics.JOINT_COMMANDS_APPLIED.name in client.newest)
        past = HOME_POSE_RAD + np.array([0, 0, 0, 0, 0, 3.0])
        client.command_until(past, lambda: is_logged("gripper: position limit, wanted"))
        assert client.call(topics.ESTOP, data=True).success
        client.command_until(past, lambda: is_logged("command refused: e-stop engaged"))


def test_torque_and_recovery_are_services(emulator):
    with running(emulator, torque=False) as (_, client):
        wait_until(lambda: topics.JOINT_STATES.name in client.newest)
        assert torques(emulator) == [0] * 6
        answer = client.call(topics.DRIVER_RECOVER)
        assert (answer.success, answer.message) == (False, "torque is off: switch it on instead")
        assert client.call(topics.DRIVER_TORQUE, data=True).success
        assert torques(emulator) == [1] * 6
        answer = client.call(topics.DRIVER_RECOVER)
        assert answer.message == "there is no latched fault to recover from"
        assert client.call(topics.DRIVER_TORQUE, data=False).message == "torque is off"
        # Each period its goals follow it, which switches this firmware on until it is off again.
        wait_until(lambda: torques(emulator) == [0] * 6)


def test_diagnostics_tell_what_is_wrong(emulator):
    with running(emulator) as (_, client):
        wait_until(lambda: "/so101_driver: gripper" in client.newest)
        wait_until(lambda: client.levels["/so101_driver: control"][1] == "no command yet")
        values = client.newest["/so101_driver: gripper"]
        assert set(values) == {
            "temperature_c", "voltage_v", "current_a", "load_percent", "torque", "status",
        }  # fmt: skip
        assert values["torque"] == "on"
        assert int(client.newest["/so101_driver: bus"]["transactions"]) > 10
        assert "lateness_p99.9_ms" in client.newest["/so101_driver: control"]
        emulator.bus.servos[2].motor.temperature_c = 75.0
        # Its status bit says so, or a look at its temperature, whichever comes first.
        texts = ("elbow_flex: the servo is too hot", "elbow_flex: 75 degC: waiting")
        wait_until(lambda: client.levels["/so101_driver: control"][1].startswith(texts))
        assert client.levels["/so101_driver: control"][0] == ros.DIAGNOSTIC_LEVELS["error"]


def test_a_pulled_cable_is_reported_and_outlived(emulator):
    with running(emulator) as (_, client):
        wait_until(lambda: topics.JOINT_COMMANDS_APPLIED.name in client.newest)
        emulator.bus.happen(FaultEvent(0.0, "port_gone"))
        wait_until(lambda: client.levels.get("/so101_driver: bus", (b"", ""))[1] == "not connected")
        emulator.bus.happen(FaultEvent(0.0, "port_gone", value=0.0))
        target = HOME_POSE_RAD + 0.1
        client.command_until(target, lambda: np.allclose(client.applied, target))


def test_a_missing_calibration_ends_the_start_with_its_reason(emulator, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    with pytest.raises(ConfigurationError, match="unknown follower calibration 'my_arm'"):
        with running(emulator, calibration="my_arm"):
            pass
    rclpy.try_shutdown()


CRASHING = f"""
from so101_driver.driver_node import DriverNode
DriverNode._reports = lambda self: 1 / (not self._cycle or self._cycle.applied is None) and []
{NODE}
"""


@pytest.mark.parametrize(
    ("program", "number", "policy"),
    [
        (NODE, signal.SIGINT, "release"),
        (NODE, signal.SIGTERM, "rest"),
        (NODE, signal.SIGKILL, "release"),
        (CRASHING, None, "release"),
    ],
    ids=["SIGINT", "SIGTERM", "SIGKILL", "exception"],
)
def test_however_the_process_ends_the_torque_is_seen_to(emulator, program, number, policy):
    goals = []  # the first one is sent once the guard knows that the arm is driven
    sync_write = emulator.bus._sync_write
    emulator.bus._sync_write = lambda packet: (goals.append(packet), sync_write(packet))
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments(emulator, guard=True, exit_policy=policy)],
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_until(lambda: torques(emulator) == [1] * 6 and goals)
        if number is not None:
            process.send_signal(number)
        wait_until(lambda: torques(emulator) == [0] * 6)
        _, errors = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
    expected = {None: 1, signal.SIGKILL: -signal.SIGKILL}
    assert process.returncode == expected.get(number, 0)
    if number is None:
        assert "ZeroDivisionError" in errors
    if number == signal.SIGTERM:
        assert "end: the arm is at rest; torque is off" in errors
        rest = emulator.bus.servos[1].motor.joint.position_rad
        assert rest < HOME_POSE_RAD[1] - 0.4
