"""``ros2 topic pub``."""

from __future__ import annotations

import argparse
import sys
import time

from ros2cli import graph, qos
from ros2cli.command import non_negative_int, positive_float
from ros2cli.errors import CliError
from ros2cli.interfaces import import_interface

POLL_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    graph.add_node_arguments(parser)
    parser.add_argument("topic_name", help="Name of the ROS topic (e.g. '/chatter')")
    parser.add_argument("message_type", help="Type (e.g. 'std_msgs/msg/String')")
    values = parser.add_mutually_exclusive_group()
    values.add_argument(
        "values", nargs="?", default="{}", help="Values in YAML format (e.g. 'data: Hello World')"
    )
    values.add_argument("--stdin", action="store_true", help="Read values from standard input")
    parser.add_argument(
        "-r", "--rate", type=positive_float, default=1.0, metavar="N", help="Hz (default: 1)"
    )
    parser.add_argument(
        "-p", "--print", type=int, default=1, metavar="N", help="Only print every N-th message"
    )
    count = parser.add_mutually_exclusive_group()
    count.add_argument("-1", "--once", action="store_true", help="Publish one message and exit")
    count.add_argument(
        "-t", "--times", type=non_negative_int, default=0, help="Publish this often and exit"
    )
    parser.add_argument(
        "-w",
        "--wait-matching-subscriptions",
        type=non_negative_int,
        help="Wait for this many subscriptions (default: 1 with --once or --times, else 0)",
    )
    parser.add_argument(
        "--max-wait-time-secs", type=positive_float, help="Longest wait for subscriptions"
    )
    parser.add_argument(
        "--keep-alive",
        type=positive_float,
        default=0.1,
        metavar="N",
        help="Keep the node alive for N seconds after the last message (default: 0.1)",
    )
    parser.add_argument("-n", "--node-name", help="Name of the publishing node")
    qos.add_qos_arguments(parser, "publish", "default")


def pub(args: argparse.Namespace) -> None:
    import rclpy
    from rclpy.task import Future

    from ros2cli.messages import parse_values, set_fields

    times = 1 if args.once else args.times
    wanted = args.wait_matching_subscriptions
    if wanted is None:
        wanted = int(times != 0)
    if not wanted and args.max_wait_time_secs is not None:
        raise CliError("--max-wait-time-secs needs --wait-matching-subscriptions, --once or -t")
    cls = import_interface(args.message_type, "msg")
    values = parse_values(sys.stdin.read() if args.stdin else args.values)
    message = cls()
    stamp_setters = set_fields(message, values)

    with graph.cli_node(args, args.node_name) as node:
        topic = graph.resolve(node, args.topic_name)
        publisher = node.create_publisher(cls, topic, qos.profile(args))
        _wait_for_subscriptions(publisher, wanted, args.max_wait_time_secs)
        print("publisher: beginning loop")
        done: Future[bool] = Future()
        sent = 0

        def publish() -> None:
            nonlocal sent
            stamp = node.get_clock().now().to_msg()
            for set_stamp in stamp_setters:
                set_stamp(stamp)
            sent += 1
            if args.print and sent % args.print == 0:
                print(f"publishing #{sent}: {message!r}\n")
            publisher.publish(message)
            if sent == times:
                done.set_result(True)

        publish()
        if not done.done():
            node.create_timer(1.0 / args.rate, publish)
            rclpy.spin_until_future_complete(node, done)
        time.sleep(args.keep_alive)


def _wait_for_subscriptions(publisher: object, wanted: int, longest_s: float | None) -> None:
    start = reported = time.monotonic()
    while (count := publisher.get_subscription_count()) < wanted:  # type: ignore[attr-defined]
        now = time.monotonic()
        if now == start or now - reported >= 1.0:
            print(f"Waiting for at least {wanted} matching subscription(s)...")
            reported = now
        if longest_s is not None and now - start >= longest_s:
            raise CliError(f"expected {wanted} subscriptions, got {count} within {longest_s:g} s")
        time.sleep(POLL_S)
