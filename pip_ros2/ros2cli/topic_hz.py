"""``ros2 topic hz``: how often messages arrive, each second.

The rate is measured on the serialized messages, so a camera topic is not slowed down by turning its
pictures into Python objects. It subscribes best effort, as the real one does.
"""

from __future__ import annotations

import argparse
import statistics
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ros2cli import graph
from ros2cli.command import expression, positive_int
from ros2cli.interfaces import import_interface

if TYPE_CHECKING:
    from rclpy.clock import Clock

Row = tuple[str, float, float, float, float, int]  # topic, rate, min, max, std dev, window


class Intervals:
    """Times between the last messages of a topic, in ns."""

    def __init__(self, topic: str, args: argparse.Namespace, clock: Clock) -> None:
        self._topic = topic
        self._wanted = args.filter_expr
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

    def row(self) -> Row | None:
        """What came since the last call; None if nothing did."""
        if not self._fresh or not any(self._values):
            return None
        self._fresh = False
        seconds = [value * 1e-9 for value in self._values]
        rate = 1.0 / statistics.fmean(seconds)
        deviation = statistics.pstdev(seconds)
        return self._topic, rate, min(seconds), max(seconds), deviation, len(seconds)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument("topic_name", nargs="+", help="Names of the ROS topics (e.g. '/chatter')")
    parser.add_argument(
        "-w",
        "--window",
        type=positive_int,
        default=10000,
        help="Number of messages to average over (default: %(default)d)",
    )
    parser.add_argument(
        "--filter",
        dest="filter_expr",
        type=expression,
        metavar="EXPR",
        help="Only count where this holds for m",
    )
    parser.add_argument("--wall-time", action="store_true", help="Use wall time, not ROS time")


def hz(args: argparse.Namespace) -> None:
    """Subscribe to the topics and report once a second until Ctrl-C."""
    import rclpy
    from rclpy.clock import Clock, ClockType
    from rclpy.qos import qos_profile_sensor_data

    with graph.cli_node(args) as node:
        clock = Clock(clock_type=ClockType.SYSTEM_TIME) if args.wall_time else node.get_clock()
        topics = []
        for name in args.topic_name:
            topic, type_name = graph.topic_type(node, args, name)
            topics.append(Intervals(topic, args, clock))
            node.create_subscription(
                import_interface(type_name, "msg"), topic, topics[-1].arrived,
                qos_profile_sensor_data, raw=args.filter_expr is None,
            )  # fmt: skip
            if len(args.topic_name) > 1:
                print(f"Subscribed to [{topic}]")

        def report() -> None:
            rows = [row for row in (topic.row() for topic in topics) if row is not None]
            if rows:
                print(_table(rows) if len(topics) > 1 else _lines(rows[0]))

        node.create_timer(1.0, report, clock=Clock(clock_type=ClockType.STEADY_TIME))
        rclpy.spin(node)


def _lines(row: Row) -> str:
    _, rate, low, high, deviation, count = row
    return (
        f"average rate: {rate:.3f}\n\tmin: {low:.3f}s max: {high:.3f}s "
        f"std dev: {deviation:.5f}s window: {count}"
    )


def _table(rows: Sequence[Row]) -> str:
    header = ["topic", "rate", "min_delta", "max_delta", "std_dev", "window"]
    formats = ["{}", "{:.3f}", "{:.3f}", "{:.3f}", "{:.5f}", "{}"]
    cells = [[form.format(value) for form, value in zip(formats, row, strict=True)] for row in rows]
    widths = [max(len(title), *(len(row[i]) for row in cells)) for i, title in enumerate(header)]
    titles = "   ".join(title.center(width) for title, width in zip(header, widths, strict=True))
    lines = [
        "   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    ]
    return "\n".join([titles, "=" * len(titles), *lines]) + "\n"
