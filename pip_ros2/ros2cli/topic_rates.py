"""``ros2 topic hz``, ``bw`` and ``delay``: what arrives on a topic, each second.

Rate and bandwidth are measured on the serialized messages, so a camera topic is not slowed down by
turning its pictures into Python objects. All three subscribe best effort, as the real ones do.
"""

from __future__ import annotations

import argparse
import statistics
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ros2cli import graph
from ros2cli.command import expression, positive_int
from ros2cli.errors import CliError
from ros2cli.interfaces import import_interface

if TYPE_CHECKING:
    from rclpy.clock import Clock

Callback = Callable[[Any], None]


class Window:
    """The last ``size`` values of a topic and whether one has come since the last look."""

    def __init__(self, size: int) -> None:
        self.values: deque[int] = deque(maxlen=size)
        self.fresh = False

    def add(self, value: int) -> None:
        self.values.append(value)
        self.fresh = True


def hz_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument("topic_name", nargs="+", help="Names of the ROS topics (e.g. '/chatter')")
    _window_argument(parser, 10000)
    parser.add_argument(
        "--filter",
        dest="filter_expr",
        type=expression,
        metavar="EXPR",
        help="Only count where this holds for m",
    )
    parser.add_argument("--wall-time", action="store_true", help="Use wall time, not ROS time")


def hz(args: argparse.Namespace) -> None:
    """Intervals between arrivals, in ns."""
    wanted = args.filter_expr
    windows: dict[str, Window] = {}

    def make(topic: str, clock: Clock) -> Callback:
        window = windows[topic] = Window(args.window)
        last_ns: int | None = None

        def arrived(message: Any) -> None:
            nonlocal last_ns
            if wanted is not None and not wanted(message):
                return
            now_ns = clock.now().nanoseconds
            if last_ns is not None and now_ns < last_ns:  # time was reset, e.g. a bag loops
                window.values.clear()
            elif last_ns is not None:
                window.add(now_ns - last_ns)
            last_ns = now_ns

        return arrived

    def report() -> None:
        rows = []
        for topic, window in windows.items():
            if not window.fresh or not any(window.values):
                continue
            window.fresh = False
            mean = statistics.fmean(window.values) * 1e-9
            low, high, deviation = _spread(window.values)
            rows.append((topic, 1.0 / mean, low, high, deviation, len(window.values)))
        if len(windows) > 1 and rows:
            print(_table(rows))
        for _, rate, low, high, deviation, count in rows if len(windows) == 1 else []:
            print(
                f"average rate: {rate:.3f}\n\tmin: {low:.3f}s max: {high:.3f}s "
                f"std dev: {deviation:.5f}s window: {count}"
            )

    _measure(args, args.topic_name, make, report, raw=wanted is None, wall=args.wall_time)


def bw_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument("topic", help="Topic name to monitor for bandwidth utilization")
    _window_argument(parser, 100)


def bw(args: argparse.Namespace) -> None:
    """Bytes per second over the window, up to now."""
    sizes, times = Window(args.window), Window(args.window)
    clocks: list[Clock] = []

    def make(topic: str, clock: Clock) -> Callback:
        clocks.append(clock)

        def arrived(data: bytes) -> None:
            sizes.add(len(data))
            times.add(clock.now().nanoseconds)

        return arrived

    def report() -> None:
        count = len(sizes.values)
        if count < 2:
            return
        total = sum(sizes.values)
        rate = total / ((clocks[0].now().nanoseconds - times.values[0]) * 1e-9)
        mean, low, high = (
            _bytes(value, rate) for value in (total / count, min(sizes.values), max(sizes.values))
        )
        print(
            f"{_bytes(rate, rate)}/s from {count} messages\n"
            f"\tMessage size mean: {mean} min: {low} max: {high}"
        )

    _measure(args, [args.topic], make, report, raw=True, announce=True)


def delay_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument("topic", help="Topic name to calculate the delay for")
    _window_argument(parser, 10000)


def delay(args: argparse.Namespace) -> None:
    """Time between a message's header stamp and its arrival, in ns."""
    window = Window(args.window)

    def make(topic: str, clock: Clock) -> Callback:
        def arrived(message: Any) -> None:
            if not hasattr(message, "header"):
                raise CliError(f"messages of '{topic}' have no header")
            stamp = message.header.stamp
            window.add(clock.now().nanoseconds - (stamp.sec * 10**9 + stamp.nanosec))

        return arrived

    def report() -> None:
        if window.values and not window.fresh:
            print("no new messages")
        elif window.values:
            window.fresh = False
            low, high, deviation = _spread(window.values)
            print(
                f"average delay: {statistics.fmean(window.values) * 1e-9:.3f}\n\tmin: {low:.3f}s "
                f"max: {high:.3f}s std dev: {deviation:.5f}s window: {len(window.values)}"
            )

    _measure(args, [args.topic], make, report)


def _window_argument(parser: argparse.ArgumentParser, default: int) -> None:
    parser.add_argument(
        "-w",
        "--window",
        type=positive_int,
        default=default,
        help="Number of messages to average over (default: %(default)d)",
    )


def _measure(
    args: argparse.Namespace,
    names: Sequence[str],
    make: Callable[[str, Clock], Callback],
    report: Callable[[], None],
    raw: bool = False,
    wall: bool = False,
    announce: bool = False,
) -> None:
    """Subscribe to the topics and report once a second until Ctrl-C."""
    import rclpy
    from rclpy.clock import Clock, ClockType
    from rclpy.qos import qos_profile_sensor_data

    with graph.cli_node(args) as node:
        clock = Clock(clock_type=ClockType.SYSTEM_TIME) if wall else node.get_clock()
        for name in names:
            topic, type_name = graph.topic_type(node, args, name)
            cls = import_interface(type_name, "msg")
            callback = make(topic, clock)
            node.create_subscription(cls, topic, callback, qos_profile_sensor_data, raw=raw)
            if announce or len(names) > 1:
                print(f"Subscribed to [{topic}]")
        node.create_timer(1.0, report, clock=Clock(clock_type=ClockType.STEADY_TIME))
        rclpy.spin(node)


def _spread(values_ns: Sequence[int] | deque[int]) -> tuple[float, float, float]:
    """Minimum, maximum and standard deviation, in seconds."""
    return min(values_ns) * 1e-9, max(values_ns) * 1e-9, statistics.pstdev(values_ns) * 1e-9


def _bytes(value: float, unit_of: float) -> str:
    """``value`` in the unit that suits ``unit_of``, so that all figures of a line share one."""
    if unit_of < 1e3:
        return f"{value:.0f} B"
    return f"{value / 1e3:.2f} KB" if unit_of < 1e6 else f"{value / 1e6:.2f} MB"


def _table(rows: Sequence[tuple[str, float, float, float, float, int]]) -> str:
    header = ["topic", "rate", "min_delta", "max_delta", "std_dev", "window"]
    formats = ["{}", "{:.3f}", "{:.3f}", "{:.3f}", "{:.5f}", "{}"]
    cells = [[form.format(value) for form, value in zip(formats, row, strict=True)] for row in rows]
    widths = [max(len(title), *(len(row[i]) for row in cells)) for i, title in enumerate(header)]
    lines = [
        "   ".join(title.center(width) for title, width in zip(header, widths, strict=True)),
        "=" * (sum(widths) + 3 * (len(header) - 1)),
        *(
            "   ".join(c.ljust(width) for c, width in zip(row, widths, strict=True))
            for row in cells
        ),
    ]
    return "\n".join(lines) + "\n"
