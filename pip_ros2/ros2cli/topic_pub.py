"""``ros2 topic pub``."""

from __future__ import annotations

import argparse
import time

from ros2cli import graph, qos
from ros2cli.errors import CliError
from ros2cli.interfaces import import_interface
from ros2cli.verbs import verb

POLL_S = 0.1
KEEP_ALIVE_S = 0.1  # after the last message


@verb("""
    Publish a message to a topic

    [graph]
    topic_name       Name of the ROS topic (e.g. '/chatter')
    message_type     Type (e.g. 'std_msgs/msg/String')
    values TEXT?={}  Values in YAML format (e.g. 'data: Hello World')
    -r, --rate HZ=1  Publishing rate in Hz (default: 1)
    -p, --print N=1  Only print every N-th message
    -1, --once       Publish one message and exit
    -t, --times COUNT=0                       Publish this often and exit
    -w, --wait-matching-subscriptions COUNT   Wait for so many (default: 1 with -1 or -t, else 0)
    --max-wait-time-secs SECONDS              Longest wait for subscriptions
    --qos-profile PROFILE=default             Quality of service preset (default: default)
    [qos]
""")
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
    message = cls()
    stamp_setters = set_fields(message, parse_values(args.values))

    with graph.cli_node(args) as node:
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
        time.sleep(KEEP_ALIVE_S)


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
