"""The leader node on real topics, with a leader arm on a pseudo-terminal and a mock follower."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rclpy
from act_core import topics
from act_core.errors import ConfigurationError
from act_core.robots.so101 import HOME_POSE_RAD
from act_sim.mock_arm_node import MockArmNode
from sensor_msgs.msg import JointState
from so101_driver.emulator.arm import emulated_calibration
from so101_driver.emulator.pty_port import PtyPort
from so101_driver.leader_node import LeaderNode

from tests.cases.test_take_over import Console
from tests.ros_rig import Rig, ros_arguments
from tests.so101_driver.setup.arms import Table

LEADER_RAD = np.array([0.3, -0.2, 0.2, 0.1, -0.1, 0.4])
STATUS = "/leader: teleoperation"


class LeaderRig(Rig):
    """The node, its leader arm and a follower at home."""

    def __init__(self, node: LeaderNode, follower: MockArmNode, console: Console, table: Table):
        super().__init__(node, follower, console)
        self.node, self.console, self.table = node, console, table
        self.leader: list[np.ndarray] = []
        self.sent: list[np.ndarray] = []
        for topic, heard in (
            (topics.LEADER_JOINT_STATES, self.leader),
            (topics.JOINT_COMMANDS_PERSON, self.sent),
        ):
            console.create_subscription(
                JointState, topic.name, lambda m, heard=heard: heard.append(m.position), 1000
            )

    def says(self, text: str) -> bool:
        return text in self.console.text

    def is_followed(self) -> bool:
        """Whether the arm is a person's and goes where the leader goes."""
        return self.console.owner == "person" and self.says("following")

    def squeeze(self) -> None:
        for gripper in (1.2, -0.1, 1.2, -0.1):
            self.table.put("gripper", gripper)
            count = len(self.leader)
            self.wait_for(lambda count=count: len(self.leader) > count + 5)


@contextmanager
def running(tmp_path: Path, **parameters) -> Iterator[LeaderRig]:
    """The node with its leader arm, which is at `LEADER_RAD`, and a follower at home."""
    file = tmp_path / "leader.json"
    emulated_calibration().save(file)
    table = Table()
    table.put_all(LEADER_RAD)
    values = {"port": tmp_path / "arm", "calibration": file, "realtime_priority": 0, **parameters}
    of_leader = {f"leader:{name}": value for name, value in values.items()}
    rclpy.init(args=ros_arguments(**of_leader, **{"mock_arm:command_timeout_s": 1.0}))
    members: list = []
    try:
        with PtyPort(table.wire, tmp_path / "arm"):
            members += [LeaderNode()]
            members += [MockArmNode(), Console(STATUS)]
            try:
                yield LeaderRig(*members, table)
            finally:
                for member in members[:2]:
                    member.close()
    finally:
        for member in members:
            member.destroy_node()
        rclpy.try_shutdown()


def test_the_follower_stays_where_it_is_and_then_moves_as_the_leader_does(tmp_path):
    with running(tmp_path) as rig:
        rig.wait_for(rig.is_followed)
        rig.wait_for(lambda: len(rig.console.applied_all) > 50)
        assert np.allclose(rig.console.applied_all, HOME_POSE_RAD), "no slide, no jump"
        assert rig.leader[-1] == pytest.approx(LEADER_RAD, abs=0.005)
        rig.table.put("shoulder_pan", 0.5)
        rig.wait_for(lambda: abs(rig.console.applied_all[-1][0] - 0.2) < 0.03)
        assert rig.console.applied_all[-1][1:] == pytest.approx(HOME_POSE_RAD[1:])


def test_an_unplugged_leader_is_silence_the_arm_holds_and_a_squeeze_takes_it_again(tmp_path):
    with running(tmp_path) as rig:
        rig.wait_for(rig.is_followed)
        rig.table.wire.port_gone = True
        rig.wait_for(lambda: rig.says("there is no port"))
        rig.wait_for(lambda: rig.console.owner == "nobody")
        assert "person (/leader) owned the arm" in rig.console.owners[-1]["reason"]
        rig.table.wire.port_gone = False
        rig.wait_for(lambda: rig.says("nobody owns the arm"))
        rig.table.put("shoulder_pan", -0.4)
        rig.squeeze()
        rig.wait_for(rig.is_followed)
        assert np.allclose(rig.console.applied_all[-1][:5], HOME_POSE_RAD[:5])


def test_the_estop_stops_it_until_it_is_enabled_again(tmp_path):
    with running(tmp_path) as rig:
        rig.wait_for(rig.is_followed)
        rig.console.call(rig, topics.ESTOP, data=True)
        rig.wait_for(lambda: rig.says("the e-stop is engaged"))
        assert "refused" in rig.console.call(rig, topics.LEADER_ENABLE, data=True).message
        rig.console.call(rig, topics.ESTOP, data=False)
        rig.wait_for(lambda: rig.says("stopped by the e-stop"))
        count = len(rig.sent)
        assert rig.console.call(rig, topics.LEADER_ENABLE, data=True).success
        rig.wait_for(lambda: len(rig.sent) > count)


def test_disabled_it_reads_and_says_nothing_until_a_squeeze(tmp_path):
    with running(tmp_path, enabled=False) as rig:
        rig.wait_for(lambda: len(rig.leader) > 10)
        assert rig.sent == []
        assert rig.says("close its gripper twice, or call leader/enable") or rig.console.text == ""
        rig.squeeze()
        rig.wait_for(rig.is_followed)
        assert rig.console.call(rig, topics.LEADER_ENABLE, data=False).success
        rig.wait_for(lambda: rig.says("not enabled"))


def test_handed_back_it_lets_go(tmp_path):
    with running(tmp_path) as rig:
        rig.wait_for(rig.is_followed)
        assert rig.console.call(rig, topics.CONTROL_RETURN).success
        rig.wait_for(lambda: rig.says("policy owns the arm (handed back by control/return)"))
        assert rig.console.owner == "policy"


def test_a_leader_without_its_clock_says_so(tmp_path):
    with running(tmp_path, use_sim_time=True) as rig:
        rig.wait_for(lambda: rig.says("simulated time has not begun"))
        assert rig.console.level == "warn"


def test_a_calibration_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="no calibration can be read from"):
        with running(tmp_path, calibration=tmp_path / "none.json"):
            pass
