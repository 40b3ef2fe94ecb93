"""``ros2 topic echo``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from ros2cli import graph, qos
from ros2cli.command import expression, non_negative_int, positive_float
from ros2cli.errors import CliError, unknown
from ros2cli.interfaces import import_interface

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.qos import QoSProfile

TRUNCATE_LENGTH = 128
DEPTH = 5  # of the sensor_data preset that the real command starts from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument("topic_name", help="Name of the ROS topic (e.g. '/chatter')")
    parser.add_argument("message_type", nargs="?", help="Type (e.g. 'std_msgs/msg/String')")
    qos.add_qos_arguments(parser, "subscribe", "sensor_data")
    parser.add_argument("--csv", action="store_true", help="Separate all values by commas")
    parser.add_argument("--field", help="Echo only this field; '.' selects sub-fields")
    parser.add_argument(
        "-f", "--full-length", action="store_true", help="Output all of long arrays and strings"
    )
    parser.add_argument(
        "-l",
        "--truncate-length",
        type=non_negative_int,
        default=TRUNCATE_LENGTH,
        help="Length to cut arrays, bytes and strings to (default: %(default)d)",
    )
    parser.add_argument("--no-arr", action="store_true", help="Don't print array fields")
    parser.add_argument("--no-str", action="store_true", help="Don't print string fields")
    parser.add_argument("--flow-style", action="store_true", help="YAML in flow style")
    parser.add_argument("--no-lost-messages", action="store_true", help="Don't report lost ones")
    parser.add_argument("--raw", action="store_true", help="Echo the raw binary representation")
    parser.add_argument(
        "--filter",
        dest="filter_expr",
        type=expression,
        metavar="EXPR",
        help="Python expression of m (the message)",
    )
    parser.add_argument("--once", action="store_true", help="Print the first message and exit")
    parser.add_argument("--timeout", type=positive_float, metavar="N", help="Exit after N seconds")
    parser.add_argument(
        "-i", "--include-message-info", action="store_true", help="Show the message info"
    )
    parser.add_argument("-c", "--clear", action="store_true", help="Clear screen before printing")
    parser.add_argument("-n", "--node-name", help="Name of the echoing node (default: hidden)")


def echo(args: argparse.Namespace) -> int:
    import rclpy
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
    from rclpy.task import Future

    with graph.cli_node(args, args.node_name) as node:
        if args.message_type:
            topic, type_name = graph.resolve(node, args.topic_name), args.message_type
        else:
            topic, type_name = graph.topic_type(node, args, args.topic_name)
        graph.settle(node, args)  # the type is known from one endpoint, QoS depends on all
        cls = import_interface(type_name, "msg")
        done: Future[bool] = Future()
        printer = _Printer(args, done)
        events = None if args.no_lost_messages else SubscriptionEventCallbacks(message_lost=_lost)
        subscription = (cls, topic, printer, _choose_qos(node, args, topic))
        try:
            node.create_subscription(*subscription, event_callbacks=events, raw=args.raw)
        except UnsupportedEventTypeError:
            node.create_subscription(*subscription, raw=args.raw)
        rclpy.spin_until_future_complete(node, done, timeout_sec=args.timeout)
    if args.once and not done.done():
        raise CliError(f"no message on '{topic}' within {args.timeout:g} s")
    return 0


class _Printer:
    """Prints the messages of one subscription; completes ``done`` after one with --once."""

    def __init__(self, args: argparse.Namespace, done: Any) -> None:
        from ros2cli.messages import Shown

        self.args = args
        self.done = done
        self.fields = [part for part in (args.field or "").split(".") if part]
        self.shown = Shown(
            None if args.full_length else args.truncate_length, args.no_arr, args.no_str
        )

    def __call__(self, message: Any, info: Any) -> None:
        part = self._select(message)
        if self.args.filter_expr is not None and not self.args.filter_expr(part):
            return
        if self.args.clear:
            print("\x1b[H\x1b[2J")
        self._print(part, info)
        if self.args.once:
            self.done.set_result(True)

    def _select(self, message: Any) -> Any:
        for index, field in enumerate(self.fields):
            known: dict[str, str] = getattr(message, "get_fields_and_field_types", dict)()
            if field not in known:
                raise unknown("field", ".".join(self.fields[: index + 1]), known)
            message = getattr(message, field)
        return message

    def _print(self, part: Any, info: Any) -> None:
        from ros2cli.messages import to_csv, to_yaml

        if not hasattr(part, "SLOT_TYPES"):  # --raw, or a field that is no message
            if self.args.include_message_info:
                print("---Got new message, message info:---", info, "---Message data:---", sep="\n")
            print(part, end="\n---\n")
        elif self.args.csv:
            values = [str(value) for value in info.values()]
            prefix = ",".join([*values, ""]) if self.args.include_message_info else ""
            print(prefix + to_csv(part, self.shown))
        else:
            if self.args.include_message_info:
                import yaml

                print(yaml.dump(info), end="---\n")
            print(to_yaml(part, self.shown, self.args.flow_style), end="---\n")


def _choose_qos(node: Node, args: argparse.Namespace, topic: str) -> QoSProfile:
    """What the user asked for, else what fits all publishers that are there."""
    offers = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
    if qos.chosen(args) or not offers:
        return qos.profile(args)
    adapted = qos.adapt_to_offers(offers, DEPTH)
    for policy in adapted.mixed:
        print(
            f"Some, but not all, publishers offer the stronger {policy}. Falling back to the "
            "weaker one as it will connect to all publishers",
            file=sys.stderr,
        )
    return adapted.profile


def _lost(status: Any) -> None:
    print(
        f"A message was lost!!!\n\ttotal count change:{status.total_count_change}"
        f"\n\ttotal count: {status.total_count}",
        end="---\n",
    )
