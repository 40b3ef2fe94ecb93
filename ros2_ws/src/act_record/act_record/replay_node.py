"""Plays a recording's commands on whatever arm is there, simulated or real."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.incidents import Incidents
from act_core.joints import JointMerger
from act_core.parameters import parameter
from act_core.robots import find_robot
from act_core.ros_publishers import PublisherWatch
from act_core.timing import NS_PER_S
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from act_record.bag_reader import open_bag
from act_record.replay import Replay, Track, Tracking, check_within, tracks
from act_record.timeline import Timeline

RATE_HZ = 100.0
HOUSEKEEPING_S = 0.2
ZERO = np.zeros(1)


@dataclass(frozen=True)
class ReplayParameters:
    """Parameters of the replay node."""

    bag: str = parameter("", "folder of the recording")
    robot: str = parameter("so101", "whose limits the commands must fit, by name or from a file")
    speed: float = parameter(1.0, "of the recording's own", low=0.05, high=1.0)
    approach_rad_s: float = parameter(0.5, "on the way to its beginning", low=0.05, high=2.0)


class ReplayNode(Node):
    """Publishes a recording's commands; whoever owns the arm limits them as always.

    It waits for the arm's joints, goes to the recording's beginning, plays it and ends. The e-stop
    ends it at once.
    """

    def __init__(self, **overrides: Any) -> None:
        super().__init__("act_replay", **overrides)
        p = self.params = ros.declare_parameters(self, ReplayParameters)
        if not p.bag:
            raise ConfigurationError("no bag is named: expected the folder of a recording")
        timeline = Timeline.of(open_bag(Path(p.bag)))
        self._commands, measured = tracks(timeline)
        self._merger = JointMerger(self._commands.names)
        self._limits = find_robot(p.robot).limits
        check_within(self._commands, self._limits)
        self.tracking = Tracking(self._commands, measured)
        self.finished = False
        self._replay: Replay | None = None
        self._began_ns = 0
        self._publisher = ros.publisher(self, topics.JOINT_COMMANDS)
        self._arms = PublisherWatch(self, topics.JOINT_STATES)
        self._commanders = PublisherWatch(self, topics.JOINT_COMMANDS)
        self._incidents = Incidents()
        ros.subscription(self, topics.JOINT_STATES, self._on_joints)
        self._commanders.hear()
        ros.subscription(self, topics.ESTOP_STATE, self._on_estop)
        ros.steady_timer(self, HOUSEKEEPING_S, self._look)
        self.create_timer(1.0 / RATE_HZ, self._tick)
        length_s = self._commands.seconds[-1] / p.speed
        self.get_logger().info(f"{p.bag}: {length_s:.1f} s of commands; waiting for the arm")

    def close(self) -> None:
        """Says how well it went."""
        for line in self.tracking.report():
            print(line)

    def _look(self) -> None:
        self._arms.look()
        self._commanders.look()
        for line in self._incidents.lines():
            self.get_logger().warning(line)

    def _in_the_way(self) -> str | None:
        """Who else tells where the arm is, or where it shall go."""
        if (arms := self._arms.at_once()) is not None:
            return f"{arms}: end one of the two"
        others = self._commanders.others()
        return f"{', '.join(others)} sends joint_commands: end it first" if others else None

    def _on_joints(self, message: JointState, info: Mapping[str, Any]) -> None:
        self._arms.saw(info, message.name)
        stamp_ns = ros.stamp_ns(message.header.stamp)
        merged = self._merger.add(message.name, message.position, (), stamp_ns)
        if merged is None:
            return  # one of several arms; the others follow
        stamp_ns, (position, _) = merged
        others = self._in_the_way()
        if others is not None:
            self._incidents.saw("others", others)
        if self._replay is None:
            if others is not None:
                return
            p = self.params
            check_within(Track(self._commands.names, ZERO, position[None]), self._limits)
            self._replay = Replay(self._commands, position, p.approach_rad_s, p.speed)
            self._began_ns = self.get_clock().now().nanoseconds
            self.get_logger().info(f"{self._replay.approach_s:.1f} s to the beginning")
            return
        elapsed_s = (stamp_ns - self._began_ns) / NS_PER_S
        self.tracking.add(self._replay.episode_s(elapsed_s), position)

    def _on_estop(self, message: Bool) -> None:
        if message.data and not self.finished:
            self.finished = True
            self.get_logger().error("the e-stop is engaged: the replay ends")

    def _tick(self) -> None:
        if self._replay is None or self.finished:
            return
        now_ns = self.get_clock().now().nanoseconds
        command = self._replay.command((now_ns - self._began_ns) / NS_PER_S)
        if command is None:
            self.finished = True
            return
        self._publisher.publish(ros.joint_state(self._commands.names, command, now_ns))


def main() -> int:
    """Console command ``act-replay BAG [--ros-args -p speed:=0.5]``."""
    arguments = sys.argv[1:]
    if arguments and not arguments[0].startswith("-"):
        arguments = [*arguments[1:], "--ros-args", "-p", f"bag:={arguments[0]}"]
    return ros.run_node(ReplayNode, arguments)
