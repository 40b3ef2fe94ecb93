"""``ros2 bag record``.

Messages are taken as the bytes that arrived (raw subscriptions) by the executor's thread, which
does nothing else, and written by a second thread; between them lies a bounded cache, so that a
disk that stalls for a moment loses nothing. What had to be dropped is counted and reported.
"""

from __future__ import annotations

import argparse
import queue
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ros2cli import graph, qos
from ros2cli.errors import CliError, unknown, warn
from ros2cli.interfaces import definition_file, import_interface
from ros2cli.verbs import verb

if TYPE_CHECKING:
    from rclpy.node import Node
    from rosbag_lite import BagTopic, BagWriter

DEPTH = 100  # messages that DDS keeps for us while Python is busy
FLUSH_S = 1.0
LOOK_S = 0.1  # between looks for new topics
MISSING_S = 3.0


@verb("""
    Record ROS data to a bag

    -o, --output FOLDER        Folder to create (default: rosbag2_<date-time>)
    -s, --storage mcap=mcap  Kind of files to write
    topics_positional TOPIC?...      Topics to record
    --topics TOPIC...          The same
    -a, --all, --all-topics    Record all topics
    -e, --regex REGEX          Record topics that contain this expression
    --exclude-regex REGEX      Leave out topics that contain this expression
    --exclude-topics TOPIC...  Leave out these topics
    --include-hidden-topics    Record hidden topics as well
    --no-discovery             Only topics of the start
    --max-cache-size BYTES=209715200  Messages to hold while the disk is busy (default: 200 MiB)
    [chunks]
    --use-sim-time             Log times from /clock
    --disable-keyboard-controls
""")
def record(args: argparse.Namespace) -> int:
    args.topics = [*args.topics, *args.topics_positional]
    if not (args.all or args.topics or args.regex):
        raise CliError("name topics to record, or use --all or --regex")
    folder = Path(args.output or f"rosbag2_{datetime.now():%Y_%m_%d-%H_%M_%S}")
    if folder.exists():
        raise CliError(f"Output folder '{folder}' already exists.")

    from rclpy.executors import SingleThreadedExecutor
    from rosbag_lite import BagWriter

    folder.mkdir(parents=True)
    # SIGTERM and SIGINT, whenever they come, end the recording and close the bag.
    with graph.cli_node(args, "rosbag2_recorder") as node:
        drain = _Drain(BagWriter(folder, compression=args.compression), args)
        try:
            with graph.until_shutdown():
                _Recorder(node, args, drain)
                executor = SingleThreadedExecutor()
                executor.add_node(node)
                print(f"Recording to {folder}; Ctrl-C ends it.")
                executor.spin()
        finally:
            with _uninterrupted():
                metadata = drain.close()
    print(f"Recorded {metadata.count} messages on {len(metadata.topics)} topics to {folder}")
    lost = [
        f"{count} messages {why}"
        for count, why in (
            (drain.dropped, "dropped: the disk was too slow (--max-cache-size)"),
            (drain.lost, "lost on the way here (ros2 doctor tells about large messages)"),
        )
        if count
    ]
    for line in lost:
        warn(line)
    return 1 if drain.dropped else 0


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore a second Ctrl-C, which would cut off the end of the bag."""
    signals = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(number, signal.SIG_IGN) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, previous, strict=True):
            signal.signal(number, handler)


class _Drain:
    """The thread that writes, and the bounded cache before it."""

    def __init__(self, writer: BagWriter, args: argparse.Namespace) -> None:
        self.dropped = 0  # by us
        self.lost = 0  # by the middleware
        self._writer = writer
        self._limit = args.max_cache_size
        self._cached = 0
        self._lock = threading.Lock()
        self._jobs: queue.SimpleQueue[tuple[int, Callable[[], None]] | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="bag writer")
        self._thread.start()

    def add_topic(self, topic: BagTopic) -> None:
        self._jobs.put((0, lambda: self._writer.add_topic(topic)))

    def write(self, topic: str, data: bytes, log_ns: int, publish_ns: int) -> None:
        with self._lock:
            if self._cached + len(data) > self._limit:
                self.dropped += 1
                return
            self._cached += len(data)
        self._jobs.put((len(data), lambda: self._writer.write(topic, data, log_ns, publish_ns)))

    def check(self) -> None:
        """Raise what stopped the writing thread, e.g. a full disk."""
        if self._error is not None:
            raise CliError(
                f"cannot write the bag: {self._error} ('ros2 bag reindex' saves what is there)"
            ) from self._error

    def close(self) -> Any:
        """Write what is cached and close the bag."""
        self._jobs.put(None)
        self._thread.join()
        self.check()
        try:
            return self._writer.close()
        except OSError as error:
            self._error = error
            self.check()

    def _run(self) -> None:
        flushed = time.monotonic()
        try:
            while True:
                try:
                    job = self._jobs.get(timeout=FLUSH_S)
                    if job is None:
                        return
                    size, work = job
                    work()
                    with self._lock:
                        self._cached -= size
                except queue.Empty:
                    pass
                if time.monotonic() - flushed >= FLUSH_S:
                    self._writer.flush()
                    flushed = time.monotonic()
        except OSError as error:
            self._error = error


class _Recorder:
    """Subscribes to the wanted topics as they appear."""

    def __init__(self, node: Node, args: argparse.Namespace, drain: _Drain) -> None:
        from rclpy.clock import Clock, ClockType

        self._node = node
        self._args = args
        self._drain = drain
        self._known: set[str] = set()
        self._wanted = {graph.resolve(node, topic) for topic in args.topics}
        self._excluded = {graph.resolve(node, topic) for topic in args.exclude_topics}
        self._started = time.monotonic()
        self._reported = False
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        if args.no_discovery:
            args.spin_time = graph.discovery.LIMIT_S
            graph.settle(node, args)
            self._subscribe_new()
            node.create_timer(LOOK_S, drain.check, clock=steady)
        else:
            node.create_timer(LOOK_S, self._look, clock=steady)

    def _look(self) -> None:
        self._drain.check()
        self._subscribe_new()
        missing = self._wanted - self._known
        if missing and not self._reported and time.monotonic() - self._started > MISSING_S:
            self._reported = True
            known = graph.topics(self._node)
            for topic in sorted(missing):
                warn(f"waiting for {unknown('topic', topic, known)}")

    def _subscribe_new(self) -> None:
        for topic, types in graph.topics(self._node, include_hidden=True).items():
            if topic in self._known or not self._is_wanted(topic):
                continue
            publishers = self._node.get_publishers_info_by_topic(topic)
            if not publishers:  # only subscribed to so far
                continue
            self._known.add(topic)
            if len(types) > 1:
                warn(f"not recording '{topic}' of several types: {', '.join(types)}")
                continue
            try:
                self._subscribe(topic, types[0], publishers)
            except CliError as error:  # a type that this machine does not have
                warn(f"not recording '{topic}': {error}")

    def _is_wanted(self, topic: str) -> bool:
        args = self._args
        if topic in self._excluded or (args.exclude_regex and re.search(args.exclude_regex, topic)):
            return False
        if topic in self._wanted:
            return True
        if graph.is_hidden(topic) and not args.include_hidden_topics:
            return False
        return args.all or bool(args.regex and re.search(args.regex, topic))

    def _subscribe(self, topic: str, type_name: str, publishers: list[Any]) -> None:
        from rclpy.event_handler import SubscriptionEventCallbacks
        from rosbag_lite import BagTopic
        from rosbag_lite.definitions import definition

        cls = import_interface(type_name, "msg")
        offers = [publisher.qos_profile for publisher in publishers]
        adapted = qos.adapt_to_offers(offers, DEPTH)
        for policy in adapted.mixed:
            warn(f"the publishers of '{topic}' differ in {policy}; recording with the weaker one")
        self._drain.add_topic(
            BagTopic(
                topic,
                type_name,
                tuple(qos.to_bag(offer) for offer in offers),
                str(publishers[0].topic_type_hash),
                definition=definition(type_name, definition_file),
            )
        )
        use_clock = self._args.use_sim_time

        def received(data: bytes, info: Any) -> None:
            log_ns = 0 if use_clock else info["received_timestamp"]
            log_ns = log_ns or self._node.get_clock().now().nanoseconds
            self._drain.write(topic, data, log_ns, info["source_timestamp"])

        def lost(status: Any) -> None:
            self._drain.lost += status.total_count_change

        self._node.create_subscription(
            cls,
            topic,
            received,
            adapted.profile,
            raw=True,
            event_callbacks=SubscriptionEventCallbacks(message_lost=lost),
        )
        print(f"Subscribed to topic '{topic}'")
