"""A person takes the arm over, through real topics: who owns it is told to everybody, latched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import rclpy
from act_core import ros, topics
from act_core.robots.so101 import SO101
from act_sim.mock_arm_node import MockArmNode
from act_sim.sim_node import SimNode
from rclpy.node import Node
from sensor_msgs.msg import JointState

from tests.cases.test_who_commands import Watcher
from tests.ros_rig import Rig, ros_arguments

PERIOD_NS = 10_000_000  # of the arm
HOME = SO101.pose("home")
FAR = HOME + np.array([0.9, -0.3, 0.2, -0.5, 0.8, 0.7])


class Source(Node):
    """Sends a pose on a topic 100 times a second while it is on, and goes where ``way`` leads."""

    def __init__(self, name: str, topic: topics.Topic, target) -> None:
        super().__init__(name, use_global_arguments=False)
        self.on, self.target = False, np.array(target)
        self.way: list[np.ndarray] = []  # poses to come, one for each message
        self.topic = ros.publisher(self, topic)
        self.create_timer(0.01, self.send)

    def send(self) -> None:
        if self.on:
            self.target = self.way.pop(0) if self.way else self.target
            now_ns = self.get_clock().now().nanoseconds
            self.topic.publish(ros.joint_state(SO101.joint_names, self.target, now_ns))


class Console(Watcher):
    """Hears everything and calls services."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.owners: list[dict[str, str]] = []
        self.applied_all: list[np.ndarray] = []
        self.applied_ns: list[int] = []  # when each was for
        ros.subscription(self, topics.CONTROL_OWNER, self._on_owner)
        self.create_subscription(  # all of them, however busy the machine is
            JointState,
            topics.JOINT_COMMANDS_APPLIED.name,
            self._on_applied,
            1000,
        )

    def _on_applied(self, message) -> None:
        self.applied_all.append(np.array(message.position))
        self.applied_ns.append(ros.stamp_ns(message.header.stamp))

    def _on_owner(self, message) -> None:
        self.owners.append({**ros.diagnostic_values(message), "reason": message.message})

    @property
    def owner(self) -> str:
        return self.owners[-1]["owner"] if self.owners else ""

    def call(self, rig: Rig, service: topics.Service, **request):
        kind = ros.interface_type(service.type_name)
        client = self.create_client(kind, service.name)
        rig.wait_for(client.service_is_ready)
        answer = client.call_async(kind.Request(**request))
        rig.wait_for(answer.done)
        return answer.result()


def later(console: Console, periods: int):
    """A condition: so many more periods have passed."""
    count = len(console.applied_all)
    return lambda: len(console.applied_all) >= count + periods


@contextmanager
def arm(kind=MockArmNode, status="/mock_arm: control", **parameters) -> Iterator[tuple]:
    # Patience: a busy machine must not look like a device that is silent.
    rclpy.init(args=ros_arguments(command_timeout_s=1.0, **parameters))
    node, console = kind(), Console(status)
    policy = Source("policy", topics.JOINT_COMMANDS, HOME)
    leader = Source("leader", topics.JOINT_COMMANDS_PERSON, FAR)
    pad = Source("pad", topics.JOINT_COMMANDS_PERSON, FAR)
    members = (node, console, policy, leader, pad)
    try:
        rig = Rig(*members)
        rig.wait_for(lambda: all(s.topic.get_subscription_count() for s in (policy, leader, pad)))
        policy.on = True
        rig.wait_for(lambda: console.text == "following")
        yield rig, console, policy, leader, pad
    finally:
        node.close()
        for member in members:
            member.destroy_node()
        rclpy.try_shutdown()


def test_a_person_takes_over_by_sending_and_hands_back_by_a_service():
    with arm() as (rig, console, policy, leader, _pad):
        rig.wait_for(lambda: console.owner == "policy")
        leader.on = True
        rig.wait_for(lambda: console.owner == "person")
        assert console.owners[-1]["who"] == "/leader"
        assert console.owners[-1]["reason"] == "taken over by /leader"
        assert console.owners[-1]["before"] == "policy"
        policy.target = HOME + 0.3
        count = len(console.applied_all)
        rig.wait_for(later(console, 30))
        assert np.abs(np.array(console.applied_all[count:]) - HOME).max() < 1e-9
        leader.way = [leader.target + 0.01 * k * np.eye(6)[0] for k in range(1, 26)]
        rig.wait_for(lambda: console.applied_all[-1][0] > HOME[0] + 0.15)
        assert console.applied_all[-1][1:] == pytest.approx(HOME[1:])
        answer = console.call(rig, topics.CONTROL_RETURN)
        assert answer.success
        leader.on = False
        rig.wait_for(lambda: console.owner == "policy")
        rig.wait_for(lambda: console.goes_to(policy.target))
        steps = np.abs(np.diff(np.array(console.applied_all), axis=0)).max(axis=1)
        periods = np.maximum(1.0, np.diff(console.applied_ns) / PERIOD_NS)  # some are skipped
        assert (steps / periods).max() < 0.03, (
            "10 mrad of the hand, a little of the fading, lost ones"
        )


def test_the_owner_is_told_to_whoever_comes_late():
    with arm() as (rig, console, _policy, leader, _pad):
        leader.on = True
        rig.wait_for(lambda: console.owner == "person")
        late = Console("/mock_arm: control")
        try:
            both = Rig(late)
            both.wait_for(lambda: late.owner == "person")
        finally:
            late.destroy_node()


def test_two_persons_at_once_hold_the_arm_and_the_status_says_who():
    with arm() as (rig, console, _policy, leader, pad):
        leader.on = True
        rig.wait_for(lambda: console.owner == "person")
        pad.on = True
        rig.wait_for(lambda: console.owner == "nobody")
        assert console.owners[-1]["reason"].startswith(
            "person (/leader) owned the arm, and /pad wanted the same joints as well"
        )
        rig.wait_for(lambda: "person (/leader) owned the arm" in console.text)
        assert console.level == "warn"


def test_a_device_that_dies_leaves_the_arm_holding_although_the_policy_goes_on():
    with arm() as (rig, console, policy, leader, _pad):
        leader.on = True
        rig.wait_for(lambda: console.owner == "person")
        policy.target = HOME + 0.3
        leader.on = False
        rig.wait_for(lambda: console.owner == "nobody")
        assert "/leader has sent nothing for 1 s" in console.owners[-1]["reason"]
        rig.wait_for(later(console, 20))
        assert np.allclose(console.applied_all[-1], HOME)
        assert console.call(rig, topics.CONTROL_RETURN).success
        rig.wait_for(lambda: console.goes_to(policy.target))


def test_no_take_over_during_the_e_stop():
    with arm() as (rig, console, _policy, leader, _pad):
        console.call(rig, topics.ESTOP, data=True)
        leader.on = True
        rig.wait_for(lambda: "nobody can take the arm over" in console.text)
        assert console.owner == "policy"
        assert not console.call(rig, topics.CONTROL_TAKE).success
        console.call(rig, topics.ESTOP, data=False)
        rig.wait_for(lambda: "has to let go and engage again" in console.text)
        assert console.owner == "policy"


def test_an_e_stop_while_a_person_drives_says_who_drove():
    with arm() as (rig, console, _policy, leader, _pad):
        leader.on = True
        rig.wait_for(lambda: console.owner == "person")
        console.call(rig, topics.ESTOP, data=True)
        rig.wait_for(lambda: console.owner == "nobody")
        assert (
            "person (/leader) owned the arm, and the e-stop was engaged"
            in (console.owners[-1]["reason"])
        )


def test_a_new_episode_of_the_simulation_is_the_policy_s():
    parameters = {"task": "reach", "cameras": "[]"}
    with arm(SimNode, "/act_sim: control", **parameters) as (rig, console, _policy, leader, _pad):
        leader.on = True
        rig.wait_for(lambda: console.owner == "person")
        console.call(rig, topics.SIM_RESET)
        rig.wait_for(lambda: console.owner == "policy")
        assert console.owners[-1]["reason"] == "a new episode"
        rig.wait_for(later(console, 20))
        assert console.owner == "policy", "the device that went on sending took nothing over"


def test_the_expert_of_a_simulation_owns_it_under_its_own_name():
    rclpy.init(args=ros_arguments(task="reach", cameras="[]", expert=True))
    node, console = SimNode(), Console("/act_sim: control")
    try:
        rig = Rig(node, console)
        rig.wait_for(lambda: console.owner == "expert")
    finally:
        node.close()
        for member in (node, console):
            member.destroy_node()
        rclpy.try_shutdown()


def test_a_policy_that_gets_nowhere_is_told_of_and_may_be_held():
    with arm(stuck="hold") as (rig, console, policy, leader, _pad):
        policy.target = HOME + 0.1
        rig.wait_for(lambda: console.owner == "nobody")
        reason = console.owners[-1]["reason"]
        assert "policy owned the arm, and the arm has not moved for 3 s: it holds" in reason
        leader.on = True
        rig.wait_for(lambda: console.owner == "person")
