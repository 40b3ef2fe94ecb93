"""Listens to a running graph for a moment and publishes nothing."""

from __future__ import annotations

import re
import time
from functools import partial
from typing import Any

from act_core import ros, topics
from act_core.foreign_text import clean
from act_core.policy_spec import PolicySpec
from act_core.ros_publishers import publishers_of, several
from act_core.timing import NS_PER_S, to_ns
from rclpy.logging import LoggingSeverity
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool

from act_console.check.graph import Graph, Stream

ENOUGH = 15  # messages of a stream, for its rate
MOST_KEPT = 1000


class GraphNode(Node):
    """Fills a `Graph`.

    Args:
        spec: of the policy, whose joints and cameras are looked for.
        listen_s: at most so long; half of it where nobody publishes joint states.
    """

    def __init__(self, spec: PolicySpec, listen_s: float, **overrides: Any) -> None:
        super().__init__("act_check", **overrides)
        self.get_logger().set_level(LoggingSeverity.FATAL)  # what is refused is a finding
        self.graph = Graph(cameras={camera: Stream() for camera in spec.cameras})
        self._begun_ns = time.monotonic_ns()
        self._listen_ns = to_ns(listen_s)
        ros.subscription(self, topics.JOINT_STATES, self._on_joints)
        ros.subscription(self, topics.ESTOP_STATE, self._on_estop)
        for camera in spec.cameras:
            ros.subscription(self, topics.camera_image(camera), partial(self._on_image, camera))

    @property
    def finished(self) -> bool:
        """Whether all was heard that there is, or time is up."""
        passed_ns = time.monotonic_ns() - self._begun_ns
        if passed_ns > self._listen_ns:
            return True
        joints = len(self.graph.joint_stream.stamps_ns)
        if passed_ns > self._listen_ns / 2 and not joints and not self._has_arm():
            return True
        streams = [self.graph.joint_stream, *self.graph.cameras.values()]
        return all(len(s.stamps_ns) >= ENOUGH or s.refused for s in streams)

    def close(self) -> None:
        """Asks the graph who is there, at the end: newcomers take a while to be known."""
        graph = self.graph
        graph.runs = bool(graph.joints) or self._has_arm()
        pattern = re.compile(re.escape(self._resolved("camera/")) + r"(\w+)/image_raw")
        names = [name for name, _ in self.get_topic_names_and_types()]
        found = (pattern.fullmatch(name) for name in names)
        cameras = sorted(match.group(1) for match in found if match)
        graph.there = [c for c in cameras if publishers_of(self, topics.camera_image(c))]
        graph.commanders = [each.node for each in publishers_of(self, topics.JOINT_COMMANDS)]
        watched = [topics.JOINT_STATES, *map(topics.camera_image, graph.cameras)]
        graph.doubts = [text for topic in watched if (text := several(self, topic)) is not None]

    def _resolved(self, name: str) -> str:
        return self.resolve_topic_name(f"{name}x").removesuffix("x")

    def _has_arm(self) -> bool:
        return bool(publishers_of(self, topics.JOINT_STATES))

    def _on_joints(self, message: JointState) -> None:
        self.graph.joints = [clean(name) for name in message.name]
        self.graph.position = list(message.position)
        self._saw(self.graph.joint_stream, message)

    def _on_image(self, camera: str, message: Image) -> None:
        stream = self.graph.cameras[camera]
        try:
            self.graph.images[camera] = ros.image_to_array(message, "rgb8").copy()
        except ValueError as error:
            stream.refused = clean(error)
            return
        stream.refused = None
        self._saw(stream, message)

    def _on_estop(self, message: Bool) -> None:
        self.graph.estopped = bool(message.data)

    def _saw(self, stream: Stream, message: JointState | Image) -> None:
        stamp_ns = ros.stamp_ns(message.header.stamp)
        if len(stream.stamps_ns) < MOST_KEPT:
            stream.stamps_ns.append(stamp_ns)
        if not self.count_publishers("/clock"):
            stream.age_s = (self.get_clock().now().nanoseconds - stamp_ns) / NS_PER_S


def look(spec: PolicySpec, listen_s: float, args: list[str]) -> Graph:
    """What the graph shows within ``listen_s``; ``args``: of ROS, e.g. a namespace."""
    nodes: list[GraphNode] = []

    def create() -> GraphNode:
        nodes.append(GraphNode(spec, listen_s))
        return nodes[0]

    ros.run_node(create, args)
    return nodes[0].graph if nodes else Graph()
