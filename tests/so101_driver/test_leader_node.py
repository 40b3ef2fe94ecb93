"""The leader node on real topics, with a leader arm on a pseudo-terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rclpy
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.robots.so101 import JOINT_NAMES
from rclpy.node import Node
from so101_driver.emulator.arm import emulated_calibration
from so101_driver.emulator.pty_port import PtyPort
from so101_driver.leader_node import LeaderNode
from std_msgs.msg import Bool

from tests.ros_rig import Rig, ros_arguments
from tests.so101_driver.setup.arms import Table

LEADER_RAD = [0.3, -0.2, 0.2, 0.1, -0.1, 0.4]


class Follower(Node):
    """An arm that is at once where it is told to be."""

    def __init__(self) -> None:
        super().__init__("follower", use_global_arguments=False)
        self.position = np.zeros(6)
        self.alive = True
        self.names = JOINT_NAMES
        self.sent = 0
        self.commands: list[np.ndarray] = []
        self.leader: list[np.ndarray] = []
        self.statuses: list = []
        self._states = ros.publisher(self, topics.JOINT_STATES)
        self.estop = ros.publisher(self, topics.ESTOP_STATE)
        ros.subscription(self, topics.JOINT_COMMANDS, self._on_command)
        ros.subscription(
            self, topics.LEADER_JOINT_STATES, lambda m: self.leader.append(np.array(m.position))
        )
        ros.subscription(self, topics.DIAGNOSTICS, lambda m: self.statuses.extend(m.status))
        self.create_timer(0.01, self._on_timer)

    def _on_timer(self) -> None:
        if self.alive:
            now_ns = self.get_clock().now().nanoseconds
            position = self.position[: len(self.names)]
            self._states.publish(ros.joint_state(self.names, position, now_ns))
            self.sent += 1

    def _on_command(self, message) -> None:
        self.position = ros.read_joints(message, JOINT_NAMES).position
        self.commands.append(self.position)


class LeaderRig(Rig):
    """The node, its leader arm and a follower."""

    def __init__(self, node: LeaderNode, follower: Follower, table: Table) -> None:
        super().__init__(node, follower)
        self.node, self.follower, self.table = node, follower, table

    def enable(self, data: bool):
        kind = ros.interface_type(topics.LEADER_ENABLE.type_name)
        client = self.follower.create_client(kind, topics.LEADER_ENABLE.name)
        self.wait_for(client.service_is_ready)
        answer = client.call_async(kind.Request(data=data))
        self.wait_for(answer.done)
        return answer.result()

    def arrived(self) -> bool:
        position = self.follower.position
        return bool(np.abs(position - LEADER_RAD).max() < 0.005)

    def says(self, text: str) -> bool:
        return bool(self.follower.statuses) and text in self.follower.statuses[-1].message


@contextmanager
def running(tmp_path: Path, **parameters) -> Iterator[LeaderRig]:
    """The node with its leader arm, which is at `LEADER_RAD`, and a follower at zero."""
    file = tmp_path / "leader.json"
    emulated_calibration().save(file)
    table = Table()
    table.put_all(LEADER_RAD)
    values = {"port": tmp_path / "arm", "calibration": file, "approach_rad_s": 2.0, **parameters}
    rclpy.init(args=ros_arguments(**values))
    node = follower = None
    try:
        with PtyPort(table.wire, tmp_path / "arm"):
            node = LeaderNode()
            follower = Follower()
            try:
                yield LeaderRig(node, follower, table)
            finally:
                node.close()
    finally:
        for member in (node, follower):
            if member is not None:
                member.destroy_node()
        rclpy.try_shutdown()


def test_the_follower_comes_slowly_and_then_follows(tmp_path):
    with running(tmp_path) as rig:
        rig.wait_for(rig.arrived)
        commands = np.array(rig.follower.commands)
        # 0.02 rad a period and 0.05 at the end; some commands may be overtaken on the way here.
        assert np.abs(np.diff(commands, axis=0)).max() < 0.2, "not one jump"
        rig.wait_for(lambda: rig.says("following"))
        assert rig.follower.leader[-1] == pytest.approx(LEADER_RAD, abs=0.005)
        rig.table.put("shoulder_pan", 0.35)
        rig.wait_for(lambda: abs(rig.follower.position[0] - 0.35) < 0.005)


def test_an_unplugged_leader_is_silence_and_then_an_approach(tmp_path):
    with running(tmp_path) as rig:
        rig.wait_for(rig.arrived)
        rig.table.wire.port_gone = True
        rig.wait_for(lambda: rig.node._guidance.position_rad is None)
        rig.wait_for(lambda: rig.says("there is no port"))
        count, reports = len(rig.follower.commands), len(rig.follower.statuses)
        rig.wait_for(lambda: len(rig.follower.statuses) > reports)
        assert len(rig.follower.commands) == count
        rig.follower.position = np.zeros(6)
        rig.table.wire.port_gone = False
        rig.wait_for(rig.arrived)
        steps = np.diff(np.array(rig.follower.commands[count:]), axis=0)
        assert np.abs(steps).max() < 0.2


def test_the_estop_stops_it_until_it_is_enabled_again(tmp_path):
    with running(tmp_path) as rig:
        rig.wait_for(rig.arrived)
        rig.follower.estop.publish(Bool(data=True))
        rig.wait_for(lambda: rig.says("the e-stop is engaged"))
        assert "refused" in rig.enable(True).message
        rig.follower.estop.publish(Bool(data=False))
        rig.wait_for(lambda: rig.says("stopped by the e-stop"))
        count = len(rig.follower.commands)
        rig.follower.position = np.zeros(6)
        assert rig.enable(True).success
        rig.wait_for(rig.arrived)
        assert len(rig.follower.commands) > count


def test_disabled_it_reads_and_says_nothing(tmp_path):
    with running(tmp_path, enabled=False) as rig:
        rig.wait_for(lambda: len(rig.follower.leader) > 10)
        assert rig.follower.commands == []
        assert rig.enable(True).success
        rig.wait_for(rig.arrived)
        assert rig.enable(False).success
        rig.wait_for(lambda: rig.says("not enabled"))


def test_a_follower_that_is_silent_is_not_commanded(tmp_path):
    with running(tmp_path) as rig:
        rig.wait_for(rig.arrived)
        rig.follower.alive = False
        rig.wait_for(lambda: rig.says("the follower has been silent"))


def test_the_reason_why_a_follower_is_not_heard_is_said(tmp_path):
    with running(tmp_path) as rig:
        rig.follower.names = ["left", "right"]
        rig.wait_for(lambda: rig.says("joint_states refused: joints missing"))
        assert rig.says("it has left, right; waiting for the follower's position")
        rig.follower.names = JOINT_NAMES
        rig.wait_for(rig.arrived)
        rig.wait_for(lambda: rig.follower.statuses[-1].message == "following")
        other = Node("other", use_global_arguments=False)
        states = ros.publisher(other, topics.JOINT_STATES)
        rig.wait_for(lambda: rig.says("2 publishers on joint_states: /follower, /other"))
        assert rig.follower.statuses[-1].level == ros.DIAGNOSTIC_LEVELS["warn"]

        def is_noticed() -> bool:
            states.publish(ros.joint_state(JOINT_NAMES, rig.follower.position, 0))
            return rig.says("2 nodes send joint_states at once, /follower, /other")

        rig.wait_for(is_noticed)
        other.destroy_node()
        rig.wait_for(lambda: rig.follower.statuses[-1].message == "following")


def test_a_leader_without_its_clock_says_so(tmp_path):
    with running(tmp_path, use_sim_time=True) as rig:
        rig.wait_for(lambda: rig.says("simulated time has not begun"))
        assert rig.follower.statuses[-1].level == ros.DIAGNOSTIC_LEVELS["warn"]


def test_a_calibration_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="no calibration can be read from"):
        with running(tmp_path, calibration=tmp_path / "none.json"):
            pass
