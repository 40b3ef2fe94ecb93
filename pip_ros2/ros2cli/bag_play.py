"""``ros2 bag play``.

Messages go out as the bytes that were recorded, each at its log time from the start of playing.
Before the first one, playing waits until the subscribers that are there have been matched (at most
``MATCH_S``), since what is published before that is lost on them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ros2cli import discovery, graph, qos
from ros2cli.bag_info import opened, warn_of_damage
from ros2cli.errors import CliError, printable, unknown, warn
from ros2cli.interfaces import import_interface
from ros2cli.verbs import verb

if TYPE_CHECKING:
    from rclpy.node import Node
    from rosbag_lite import Bag, BagMetadata

DEPTH = 100
SLICE_S = 0.1  # longest sleep, so that SIGTERM is seen
MATCH_S = 2.0
ACKED_S = 2.0


@verb("""
    Play back ROS data from a bag

    [bag]
    -r, --rate HZ=1.0          Speed (default: 1)
    --topics TOPIC...          Topics to play
    --exclude-topics TOPIC...  Topics to leave out
    -l, --loop                 Start again at the end
    -m, --remap RULE...        Rename topics: '<old>:=<new>'
    --clock HZ?=40             Publish /clock so often (default: 40 Hz), not as it was recorded
    -d, --delay DELAY=0        Sleep before playing, in s
    --start-offset DELAY=0     Start this many s into it
    --playback-duration NUMBER=-1  Stop after this many s of the bag
    --disable-keyboard-controls
""")
def play(args: argparse.Namespace) -> None:
    bag, contents = opened(args.bag_path)
    chosen = choose_topics(contents, args)
    renamed = parse_remaps(args.remap)
    args.spin_time = discovery.LIMIT_S
    with graph.cli_node(args, "rosbag2_player") as node:
        publishers = _create_publishers(node, contents, chosen, renamed)
        _wait_for_matches(node, publishers)
        player = _Player(node, bag, contents, publishers, args)
        while player.play_once() and args.loop:
            pass
        for publisher in publishers.values():
            _wait_until_acknowledged(publisher)
    warn_of_damage(bag)


def choose_topics(contents: BagMetadata, args: argparse.Namespace) -> set[str]:
    """The recorded topics to play; CliError for a name that is not in the bag."""
    known = {topic.name for topic in contents.topics}
    for name in [*args.topics, *args.exclude_topics]:
        if name not in known:
            raise unknown("topic", name, map(printable, known), f"of {args.bag_path}")
    chosen = set(args.topics or known) - set(args.exclude_topics)
    return chosen - {"/clock"} if args.clock else chosen


def parse_remaps(rules: list[str]) -> dict[str, str]:
    """``old:=new`` rules; names without a leading slash are taken from the root."""
    remaps = {}
    for rule in rules:
        old, separator, new = rule.partition(":=")
        if not (old and separator and new):
            raise CliError(f"malformed remap rule '{rule}', expected '<old>:=<new>'")
        remaps[f"/{old.lstrip('/')}"] = f"/{new.lstrip('/')}"
    return remaps


class _Player:
    """Sends one pass over the bag, message by message, /clock in between."""

    def __init__(
        self,
        node: Node,
        bag: Bag,
        contents: BagMetadata,
        publishers: dict[str, Any],
        args: argparse.Namespace,
    ) -> None:
        self._node = node
        self._bag = bag
        self._contents = contents
        self._publishers = publishers
        self._args = args
        self._clock_publisher = None
        if args.clock:
            from rclpy.qos import QoSProfile
            from rosgraph_msgs.msg import Clock

            self._clock_publisher = node.create_publisher(Clock, "/clock", QoSProfile(depth=10))

    def play_once(self) -> bool:
        """Play from the start offset to the end; False when shut down on the way."""
        metadata, args = self._contents, self._args
        start_ns = metadata.start_ns + int(args.start_offset * 1e9)
        end_ns = metadata.start_ns + metadata.duration_ns
        if args.playback_duration >= 0:
            end_ns = min(end_ns, start_ns + int(args.playback_duration * 1e9))
        if start_ns > end_ns:
            duration_s = metadata.duration_ns * 1e-9
            raise CliError(f"--start-offset {args.start_offset:g} is past the {duration_s:g} s")
        self._sleep_until(time.monotonic() + args.delay)
        began = time.monotonic()

        def due(log_ns: int) -> float:
            return began + (log_ns - start_ns) * 1e-9 / args.rate

        ticks = self._ticks(start_ns)
        tick_ns = next(ticks)
        for message in self._bag.messages(by_time=True):
            if message.topic not in self._publishers or message.log_ns < start_ns:
                continue
            if message.log_ns > end_ns:
                break
            while tick_ns <= message.log_ns:
                if not self._sleep_until(due(tick_ns)):
                    return False
                self._publish_clock(tick_ns)
                tick_ns = next(ticks)
            if not self._sleep_until(due(message.log_ns)):
                return False
            self._publishers[message.topic].publish(bytes(message.data))
        return self._node.context.ok()

    def _ticks(self, start_ns: int) -> Iterator[int]:
        """The bag times at which /clock is sent: at ``--clock`` Hz of real time."""
        step_ns = self._args.rate * 1e9 / self._args.clock if self._args.clock else float("inf")
        index = 0
        while True:
            yield start_ns + int(index * step_ns) if self._args.clock else 2**63 - 1
            index += 1

    def _publish_clock(self, bag_ns: int) -> None:
        from builtin_interfaces.msg import Time
        from rosgraph_msgs.msg import Clock

        assert self._clock_publisher is not None
        stamp = Time(sec=bag_ns // 10**9, nanosec=bag_ns % 10**9)
        self._clock_publisher.publish(Clock(clock=stamp))

    def _sleep_until(self, due: float) -> bool:
        while self._node.context.ok():
            left = due - time.monotonic()
            if left <= 0:
                return True
            time.sleep(min(left, SLICE_S))
        return False


def _create_publishers(
    node: Node, contents: BagMetadata, chosen: set[str], renamed: dict[str, str]
) -> dict[str, Any]:
    """Recorded topic name to a publisher with the recorded QoS, under the new name."""
    from rclpy.exceptions import InvalidTopicNameException

    publishers = {}
    for topic in contents.topics:
        if topic.name not in chosen:
            continue
        try:
            if topic.serialization_format != "cdr":
                raise CliError(f"its messages are {printable(topic.serialization_format)}, not cdr")
            cls = import_interface(topic.type, "msg")
            name = renamed.get(topic.name, topic.name)
            offer = qos.from_bag(topic, DEPTH)
            publishers[topic.name] = node.create_publisher(cls, name, offer)
        except (CliError, InvalidTopicNameException, UnicodeError) as error:
            why = str(error).splitlines()[0]
            warn(f"not playing '{printable(topic.name)}': {why}")
    if chosen and not publishers:
        raise CliError("nothing to play: none of its topics can be published here")
    return publishers


def _wait_for_matches(node: Node, publishers: dict[str, Any]) -> None:
    deadline = time.monotonic() + MATCH_S
    while time.monotonic() < deadline and node.context.ok():
        counts = [
            (node.count_subscribers(p.topic_name), p.get_subscription_count())
            for p in publishers.values()
        ]
        if discovery.known_in_full(node) and all(seen == matched for seen, matched in counts):
            return
        time.sleep(graph.POLL_S)


def _wait_until_acknowledged(publisher: Any) -> None:
    """The last reliable messages are still on their way when the last one has been published."""
    from rclpy.duration import Duration

    publisher.wait_for_all_acked(Duration(seconds=ACKED_S))
