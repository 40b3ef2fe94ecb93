"""``ros2 topic hz``: how often messages arrive, each second.

The rate is measured on the serialized messages, so a camera topic is not slowed down by turning its
pictures into Python objects. It subscribes best effort, as the real one does.
"""

from __future__ import annotations

import argparse
import statistics
from collections import deque
from typing import TYPE_CHECKING, Any

from ros2cli import graph
from ros2cli.interfaces import import_interface
from ros2cli.verbs import verb

if TYPE_CHECKING:
    from rclpy.clock import Clock


class Intervals:
    """Times between the last messages of a topic, in ns."""

    def __init__(self, args: argparse.Namespace, clock: Clock) -> None:
        self._wanted = args.filter
        self._clock = clock
        self._values: deque[int] = deque(maxlen=args.window)
        self._last_ns: int | None = None
        self._fresh = False

    def arrived(self, message: Any) -> None:
        if self._wanted is not None and not self._wanted(message):
            return
        now_ns = self._clock.now().nanoseconds
        if self._last_ns is not None and now_ns < self._last_ns:  # time was reset: a bag loops
            self._values.clear()
        elif self._last_ns is not None:
            self._values.append(now_ns - self._last_ns)
            self._fresh = True
        self._last_ns = now_ns

    def report(self) -> None:
        """Print what is known, if anything came since the last call."""
        if not self._fresh or not any(self._values):
            return
        self._fresh = False
        seconds = [value * 1e-9 for value in self._values]
        print(
            f"average rate: {1.0 / statistics.fmean(seconds):.3f}\n"
            f"\tmin: {min(seconds):.3f}s max: {max(seconds):.3f}s "
            f"std dev: {statistics.pstdev(seconds):.5f}s window: {len(seconds)}"
        )


@verb("""
    Print the average publishing rate to screen

    [graph]
    topic_name                Name of the ROS topic (e.g. '/chatter')
    -w, --window COUNT=10000  Number of messages to average over (default: 10000)
    --filter EXPR             Only count messages m for which this Python expression holds
    --wall-time               Use wall time, not ROS time
""")
def hz(args: argparse.Namespace) -> None:
    """Subscribe to the topic and report once a second until Ctrl-C."""
    import rclpy
    from rclpy.clock import Clock, ClockType
    from rclpy.qos import qos_profile_sensor_data

    with graph.cli_node(args) as node:
        clock = Clock(clock_type=ClockType.SYSTEM_TIME) if args.wall_time else node.get_clock()
        topic, type_name = graph.topic_type(node, args, args.topic_name)
        intervals = Intervals(args, clock)
        cls = import_interface(type_name, "msg")
        raw = args.filter is None
        node.create_subscription(cls, topic, intervals.arrived, qos_profile_sensor_data, raw=raw)
        node.create_timer(1.0, intervals.report, clock=Clock(clock_type=ClockType.STEADY_TIME))
        rclpy.spin(node)
