"""One arm, one commander: others are noticed and named, and the arm holds until one is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import rclpy
from act_core import ros, topics
from act_core.robots.so101 import HOME_POSE_RAD, JOINT_NAMES
from act_sim.sim_node import SimNode
from rclpy.node import Node

from tests.ros_rig import Rig, ros_arguments


class Commander(Node):
    """Sends a pose 50 times a second while it is on; its stamps are off by ``offset_s``."""

    def __init__(self, name: str, target=HOME_POSE_RAD) -> None:
        super().__init__(name, use_global_arguments=False)
        self.on = False
        self.target = np.array(target)
        self.offset_s = 0.0
        self.names = list(JOINT_NAMES)
        self._commands = ros.publisher(self, topics.JOINT_COMMANDS)
        self.create_timer(0.02, self._send)

    @property
    def heard_by(self) -> int:
        return self._commands.get_subscription_count()

    def _send(self) -> None:
        if self.on:
            stamp_ns = self.get_clock().now().nanoseconds + round(1e9 * self.offset_s)
            self._commands.publish(ros.joint_state(self.names, self.target, stamp_ns))


class Watcher(Node):
    """The newest status of the arm's control loop, and the newest joint states and targets."""

    def __init__(self, status: str = "/act_sim: control") -> None:
        super().__init__("watcher", use_global_arguments=False)
        self._status = status
        self.level, self.text = "none", ""
        self.values: dict[str, str] = {}
        self.state = self.applied = None
        ros.subscription(self, topics.DIAGNOSTICS, self._on_diagnostics)
        ros.subscription(self, topics.JOINT_STATES, lambda m: setattr(self, "state", m))
        ros.subscription(self, topics.JOINT_COMMANDS_APPLIED, lambda m: setattr(self, "applied", m))

    def goes_to(self, target) -> bool:
        return self.applied is not None and np.allclose(self.applied.position, target)

    def _on_diagnostics(self, message) -> None:
        levels = {level: name for name, level in ros.DIAGNOSTIC_LEVELS.items()}
        for status in message.status:
            if status.name == self._status:
                self.level, self.text = levels[status.level], status.message
                self.values = ros.diagnostic_values(status)


def more(watcher: Watcher, value: str, count: int = 20):
    """A condition: the status counts so many more than now."""
    now = int(watcher.values[value])
    return lambda: int(watcher.values[value]) > now + count


@contextmanager
def simulation(*commanders: str, **parameters) -> Iterator[tuple]:
    values = {"task": "reach", "cameras": "[]", "rate_hz": 50, **parameters}
    rclpy.init(args=ros_arguments(**values))
    node, watcher = SimNode(), Watcher()
    others = [Commander(name) for name in commanders]
    try:
        rig = Rig(node, watcher, *others)
        rig.wait_for(lambda: all(other.heard_by for other in others))
        yield rig, watcher, *others
    finally:
        node.close()
        for member in (node, watcher, *others):
            member.destroy_node()
        rclpy.try_shutdown()


def test_two_that_command_are_named_and_the_arm_holds_until_one_is_left():
    with simulation("policy", "leader") as (rig, watcher, policy, leader):
        policy.on = True
        # One that stands by does no harm, but is told of.
        standing_by = "2 publishers on joint_commands: /leader, /policy"
        rig.wait_for(lambda: (watcher.level, watcher.text) == ("warn", standing_by))
        rig.wait_for(
            lambda: watcher.applied and np.allclose(watcher.applied.position, policy.target)
        )
        leader.target = HOME_POSE_RAD + 0.4
        leader.on = True
        text = "2 nodes send joint_commands at once, /leader, /policy: refused"
        rig.wait_for(lambda: watcher.level == "warn" and watcher.text.startswith(text))
        rig.wait_for(lambda: "no command for" in watcher.text)
        before = watcher.values["commands"]
        rig.wait_for(more(watcher, "refused"))
        assert watcher.values["commands"] == before, "neither of them is followed"
        policy.on = False
        rig.wait_for(lambda: watcher.goes_to(leader.target))


def test_told_so_it_follows_whoever_speaks():
    with simulation("policy", "leader", several_commanders=True) as (rig, watcher, *both):
        for commander in both:
            commander.on = True
        text = "2 nodes send joint_commands at once, /leader, /policy: followed in turn"
        rig.wait_for(lambda: (watcher.level, watcher.text) == ("warn", text))
        rig.wait_for(more(watcher, "commands"))


def test_one_that_has_gone_is_forgotten():
    with simulation("policy", "leader") as (rig, watcher, policy, leader):
        policy.on = True
        rig.wait_for(lambda: "2 publishers on joint_commands" in watcher.text)
        leader.destroy_node()
        rig.wait_for(lambda: (watcher.level, watcher.text) == ("ok", "following"))


def test_the_reason_of_a_refusal_is_in_the_status_and_goes_with_its_cause():
    with simulation("policy") as (rig, watcher, policy):
        policy.on = True
        rig.wait_for(lambda: (watcher.level, watcher.text) == ("ok", "following"))
        for offset_s, text in (
            (3600.0, "stamped 1.0 h ahead: the sender's clock is ahead of this node's"),
            (-3600.0, "stamped 1.0 h ago"),
            (-1.7e9, "looks like uptime or simulated time"),
        ):
            policy.offset_s = offset_s
            rig.wait_for(lambda text=text: watcher.level == "warn" and text in watcher.text)
            policy.offset_s = 0.0
            rig.wait_for(lambda: watcher.level == "ok")
        policy.target = np.array([25.7, -55.6, 51.5, 0.0, 0.0, 3.0])
        rig.wait_for(lambda: "probably degrees" in watcher.text)
        held = np.array(watcher.applied.position)
        rig.wait_for(more(watcher, "refused"))
        assert np.abs(np.array(watcher.applied.position) - held).max() < 0.05
        policy.target = HOME_POSE_RAD
        rig.wait_for(lambda: (watcher.level, watcher.text) == ("ok", "following"))


def test_names_of_strangers_reach_the_status_clean():
    with simulation("policy") as (rig, watcher, policy):
        policy.names = ["\x1b[31m" + 5000 * "x", *JOINT_NAMES[1:]]
        policy.on = True
        rig.wait_for(lambda: "unknown joint" in watcher.text)
        assert watcher.text.isprintable()
        assert len(watcher.text) < 300


def test_joint_states_have_efforts_and_the_frame_that_was_asked_for():
    with simulation("policy", frame_id="base_link") as (rig, watcher, policy):
        policy.target = HOME_POSE_RAD + 0.2
        policy.on = True
        # Two bent joints are held up against gravity; the servos give 3.35 N m at most.
        rig.wait_for(lambda: watcher.state and np.abs(watcher.state.effort[1:3]).max() > 0.05)
        rig.wait_for(lambda: watcher.applied is not None)
        assert len(watcher.state.effort) == 6
        assert np.abs(watcher.state.effort).max() <= 3.36
        assert watcher.state.header.frame_id == "base_link"
        assert watcher.applied.header.frame_id == "base_link"
