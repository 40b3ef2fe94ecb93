"""``ros2 topic echo``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from ros2cli import graph, qos
from ros2cli.errors import CliError, unknown
from ros2cli.interfaces import import_interface
from ros2cli.verbs import verb

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.qos import QoSProfile

DEPTH = 5  # of the sensor_data preset that the real command starts from


@verb("""
    Output messages from a topic

    [graph]
    topic_name            Name of the ROS topic (e.g. '/chatter')
    message_type TEXT?    Type (e.g. 'std_msgs/msg/String')
    --qos-profile PROFILE=sensor_data  Quality of service preset (default: sensor_data)
    [qos]
    --csv                 Separate all values by commas
    --field FIELD         Echo only this field; '.' selects sub-fields
    -f, --full-length     Output all of long arrays and strings
    -l, --truncate-length COUNT=128  Length to cut arrays, bytes and strings to (default: 128)
    --no-arr              Don't print array fields
    --no-str              Don't print string fields
    --flow-style          YAML in flow style
    --raw                 Echo the raw binary representation
    --filter EXPR         Only messages m for which this Python expression holds
    --once                Print the first message and exit
    --timeout SECONDS     Exit after this time
""")
def echo(args: argparse.Namespace) -> int:
    import rclpy
    from rclpy.event_handler import SubscriptionEventCallbacks
    from rclpy.task import Future

    with graph.cli_node(args) as node:
        if args.message_type:
            topic, type_name = graph.resolve(node, args.topic_name), args.message_type
        else:
            topic, type_name = graph.topic_type(node, args, args.topic_name)
        graph.settle(node, args)  # the type is known from one endpoint, QoS depends on all
        cls = import_interface(type_name, "msg")
        done: Future[bool] = Future()
        printer = _Printer(args, done)
        node.create_subscription(
            cls,
            topic,
            printer,
            _choose_qos(node, args, topic),
            event_callbacks=SubscriptionEventCallbacks(message_lost=_lost),
            raw=args.raw,
        )
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

    def __call__(self, message: Any) -> None:
        part = self._select(message)
        if self.args.filter is not None and not self.args.filter(part):
            return
        self._print(part)
        if self.args.once:
            self.done.set_result(True)

    def _select(self, message: Any) -> Any:
        for index, field in enumerate(self.fields):
            known: dict[str, str] = getattr(message, "get_fields_and_field_types", dict)()
            if field not in known:
                raise unknown("field", ".".join(self.fields[: index + 1]), known)
            message = getattr(message, field)
        return message

    def _print(self, part: Any) -> None:
        from ros2cli.messages import to_csv, to_yaml

        if not hasattr(part, "SLOT_TYPES"):  # --raw, or a field that is no message
            print(part, end="\n---\n")
        elif self.args.csv:
            print(to_csv(part, self.shown))
        else:
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
