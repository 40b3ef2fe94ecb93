"""Two arms in one graph: joints with prefixes, one policy or two leaders, one e-stop, one recorder.

Each arm is a node of its own in a namespace of its own; commands, joint states and the e-stop are
shared, as `real_so101.launch.py arms:=2` shares them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
import rclpy
from act_core import partner, ros, topics
from act_core.policy_spec import ActionOutput, JointInput
from act_core.robots import find_robot
from act_policy.policy_node import PolicyNode
from act_record.bag_reader import open_bag
from act_record.contract import read_contract
from act_record.record_node import RecordNode
from act_record.timeline import APPLIED, COMMANDED, Timeline
from act_sim.mock_arm_node import MockArmNode
from rclpy.node import Node
from std_srvs.srv import SetBool

from tests.act_policy.policies import FunctionPolicy, make_spec
from tests.cases.test_who_commands import Commander, Watcher
from tests.ros_rig import Rig, ros_arguments

BOTH = find_robot("so101_bimanual")
GOAL = BOTH.pose("home") + 0.2
SHARED = ("joint_states", "joint_commands", "joint_commands/applied")
SIDES = {"left": "right", "right": "left"}


def mock_arm(side: str) -> MockArmNode:
    """One arm; the left one's e-stop is that of both."""
    shared = SHARED if side == "right" else (*SHARED, "estop", "estop/state")
    remapped = [part for name in shared for part in ("-r", f"{name}:=/{name}")]
    parameters = ros_arguments(
        joint_prefix=f"{side}_", partner=f"/{SIDES[side]}", command_timeout_s=1.0
    )
    return MockArmNode(
        namespace=f"/{side}", cli_args=[*parameters, *remapped], use_global_arguments=False
    )


class Table:
    """Two arms and what watches them."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.arms = {side: self.add(mock_arm(side)) for side in SIDES}
        self.watch = {side: self.add(Watcher(f"/{side}/mock_arm: control")) for side in SIDES}
        self.heard: list = []
        watcher = self.watch["left"]
        ros.subscription(watcher, topics.JOINT_STATES, self.heard.append)
        self.stops = {
            name: watcher.create_client(SetBool, f"{name}/estop") for name in ("", "/right")
        }
        self.members = [*self.arms.values(), *self.watch.values()]

    def add(self, node: Node) -> Node:
        self.stack.callback(self.remove, node)
        return node

    def remove(self, node: Node) -> None:
        if hasattr(node, "close"):
            node.close()
        node.destroy_node()

    def wait_for(self, condition, *others: Node) -> None:
        Rig(*self.members, *others).wait_for(condition)

    def position(self) -> dict[str, float]:
        return {n: p for m in self.heard[-40:] for n, p in zip(m.name, m.position, strict=True)}

    def is_at(self, target) -> bool:
        position = self.position()
        return set(position) == set(BOTH.joint_names) and np.allclose(
            [position[name] for name in BOTH.joint_names], target, atol=1e-3
        )

    def says(self, side: str, text: str) -> bool:
        return text in self.watch[side].text

    def stop(self, name: str, engage: bool, *others: Node):
        answer = self.stops[name].call_async(SetBool.Request(data=engage))
        self.wait_for(answer.done, *others)
        return answer.result()


@pytest.fixture
def table(monkeypatch) -> Iterator[Table]:
    # Patience: a busy machine must not look like an arm that is silent.
    monkeypatch.setattr(partner, "SILENT_S", 2.0)
    rclpy.init()
    try:
        with ExitStack() as stack:
            made = Table(stack)
            made.wait_for(lambda: all(made.says(side, "no command yet") for side in SIDES))
            yield made
    finally:
        rclpy.try_shutdown()


def make_policy(joints=BOTH.joint_names, goal=GOAL) -> PolicyNode:
    spec = make_spec(
        joint_input=JointInput("joint_position", joints),
        output=ActionOutput("action", joints),
        image_inputs=(),
    )
    policy = FunctionPolicy(spec, lambda _: np.tile(goal, (spec.chunk_size, 1)))
    patience = ros_arguments(max_joint_age_s=1.0, max_observation_age_s=2.0)
    return PolicyNode(policy, cli_args=patience, use_global_arguments=False)


def test_one_policy_moves_both_and_one_recorder_keeps_it(table, tmp_path):
    policy = table.add(make_policy())
    recorder = table.add(
        RecordNode(
            use_global_arguments=False,
            cli_args=ros_arguments(robot="so101_bimanual", out=tmp_path, cameras="[]"),
        )
    )
    table.wait_for(lambda: recorder._joints_came, policy, recorder)
    folder = tmp_path / recorder.start()
    policy._set_enabled(True)
    table.wait_for(lambda: table.is_at(GOAL), policy, recorder)
    table.wait_for(lambda: all(table.says(side, "following") for side in SIDES), policy, recorder)
    there_ns = recorder._now_ns()
    table.wait_for(
        lambda: recorder._published_ns[topics.JOINT_STATES] > there_ns, policy, recorder
    )  # it may be behind
    verdict = recorder.stop()
    assert "no joint states" not in verdict.problems, verdict

    bag = open_bag(folder)
    assert tuple(read_contract(bag.attachments())["joints"]) == BOTH.joint_names
    timeline = Timeline.of(bag)
    for samples in (timeline.joints(), timeline.commands[COMMANDED], timeline.commands[APPLIED]):
        assert {sample.names for sample in samples} == {BOTH.joint_names}
    assert np.allclose(timeline.joints()[-1].position, GOAL, atol=0.05)
    # One reading for each pair of messages: no faster than one arm tells of itself.
    assert len(timeline.joints()) <= timeline.counts["joint_states"] / 2


def test_one_stop_stops_both_and_the_policy(table):
    policy = table.add(make_policy())
    table.wait_for(lambda: policy._joints_heard is not None, policy)
    policy._set_enabled(True)
    table.wait_for(lambda: table.is_at(GOAL), policy)
    assert table.stop("", True, policy).success
    for side in SIDES:
        table.wait_for(lambda side=side: table.says(side, "e-stop"), policy)
    table.wait_for(lambda: not policy._enabled, policy)
    # The other arm's own stop does the same, and neither is released by the other's.
    table.wait_for(lambda: table.says("right", "the e-stop of the left arm is engaged"), policy)
    table.stop("/right", True, policy)
    table.wait_for(lambda: table.says("left", "the e-stop of the right arm is engaged"), policy)
    answer = table.stop("", False, policy)
    assert not answer.success
    assert answer.message == "e-stop released here, but the e-stop of the right arm is engaged"
    assert table.says("left", "e-stop")
    table.wait_for(lambda: not table.says("right", "the e-stop of the left arm"), policy)
    assert table.stop("/right", False, policy).success
    for side in SIDES:
        table.wait_for(lambda side=side: table.says(side, "since the e-stop was released"), policy)
    assert not policy._enabled, "a release starts nothing"
    policy._set_enabled(True)
    table.wait_for(lambda: all(table.watch[side].text == "following" for side in SIDES), policy)


def test_an_arm_that_is_gone_is_named_and_the_other_holds(table):
    policy = table.add(make_policy())
    table.wait_for(lambda: policy._joints_heard is not None, policy)
    policy._set_enabled(True)
    table.wait_for(lambda: table.is_at(GOAL), policy)
    gone = table.arms["right"]
    table.members.remove(gone)
    gone.close()
    table.wait_for(lambda: table.says("left", "the right arm has been silent for"), policy)
    watch = table.watch["left"]
    assert watch.level == "warn"

    def policy_says() -> str:
        return str(policy._state().result)

    table.wait_for(
        lambda: "joints missing in the message: right_shoulder_pan" in policy_says(), policy
    )
    # Its commander may be another one, which needs no joint states: the arm holds all the same.
    left = table.add(Commander("leader", BOTH.side("left").pose("home")))
    left.names, left.on = list(BOTH.side("left").joint_names), True
    table.wait_for(lambda: "commands refused" in watch.text or left.heard_by, policy, left)
    before = table.position()["left_elbow_flex"]
    for _ in range(30):
        Rig(*table.members, left)._executor.spin_once(timeout_sec=0.02)
    assert table.position()["left_elbow_flex"] == before


def test_an_arm_that_loses_a_reading_does_not_tell_the_other_one_s_reasons_as_its_own(table):
    """They would be handed to and fro, growing each time: the right arm: the left arm: ..."""
    left, gone = table.arms["left"], table.arms["right"]
    table.members.remove(gone)
    gone.close()
    table.wait_for(lambda: table.says("left", "the right arm has been silent for"))
    told: list[str] = []
    heard = ros.subscription(
        table.watch["left"],
        replace(topics.ARM_STATE, name=f"/left/{topics.ARM_STATE.name}"),
        lambda message: told.append(message.message),
    )
    publish = left.publish
    left.publish = lambda *_: publish(None, None, left.now_ns(), left.status.hold)
    table.wait_for(lambda: len(told) > 20)
    assert set(told) == {""}, "it could move by itself"
    table.watch["left"].destroy_subscription(heard)


def test_two_leaders_command_a_half_each(table):
    halves = []
    for side in SIDES:
        commander = table.add(Commander(f"{side}_leader", BOTH.side(side).pose("home") + 0.2))
        commander.names, commander.on = list(BOTH.side(side).joint_names), True
        halves.append(commander)
    table.wait_for(lambda: table.is_at(GOAL), *halves)
    table.wait_for(lambda: all(table.says(side, "following") for side in SIDES), *halves)
    # A third one that commands a joint of theirs stops both.
    rival = table.add(Commander("rival", BOTH.pose("rest")))
    rival.names, rival.on = list(BOTH.joint_names), True
    text = "3 nodes send joint_commands at once, /left_leader, /right_leader, /rival: refused"
    for side in SIDES:
        table.wait_for(lambda side=side: table.says(side, text), *halves, rival)


def test_a_policy_for_one_arm_moves_none_of_two(table):
    one = find_robot("so101")
    policy = table.add(make_policy(one.joint_names, one.pose("home") + 0.2))
    policy._set_enabled(True)
    expected = "joints missing in the message: shoulder_pan, shoulder_lift, elbow_flex"
    table.wait_for(lambda: expected in str(policy._state().result), policy)
    assert "it has left_shoulder_pan" in str(policy._state().result) or "right_shoulder_pan" in str(
        policy._state().result
    )
    blind = table.add(Commander("blind", one.pose("home") + 0.2))
    blind.on = True
    for side in SIDES:
        table.wait_for(lambda side=side: table.says(side, "'shoulder_pan'"), policy, blind)
        assert f"{side}_shoulder_pan" in table.watch[side].text
    assert table.is_at(BOTH.pose("home"))
