"""``ros2 bag info`` and ``ros2 bag reindex``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ros2cli.errors import printable, unknown, warn
from ros2cli.verbs import verb

if TYPE_CHECKING:
    from rosbag_lite import Bag, BagMetadata

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
INDENT = 19  # the width of "Topic information: "


def opened(path: Path) -> tuple[Bag, BagMetadata]:
    """The bag and what its files hold. Warns of what is odd about it.

    Raises CliError with the nearest bag for a path that is none.
    """
    from rosbag_lite import open_bag

    if not path.exists():
        bags = {p.parent.name for p in path.parent.glob("*/metadata.yaml")}
        raise unknown("bag", str(path), [str(path.parent / name) for name in bags])
    bag = open_bag(path)
    contents = bag.contents()
    for note in bag.notes:
        warn(note)
    if bag.told is not None and bag.told.count != contents.count:
        warn(
            f"metadata.yaml tells of {bag.told.count} messages, the files hold "
            f"{contents.count}; 'ros2 bag reindex {path}' makes it anew"
        )
    warn_of_damage(bag)
    return bag, contents


def warn_of_damage(bag: Bag) -> None:
    """Names the files that could not be read to their end."""
    for name, why in bag.damage.items():
        warn(f"{name} is damaged: {why}; what comes before is read")


@verb("""
    Print information about a bag

    [bag]
    -t, --topic-name  Only show topic names
    -v, --verbose     Show the size of each topic's messages
""")
def info(args: argparse.Namespace) -> None:
    bag, metadata = opened(args.bag_path)
    topics = sorted(metadata.topics, key=lambda topic: topic.name)
    if args.topic_name and not args.verbose:
        for topic in topics:
            print(printable(topic.name))
        return
    sizes = dict.fromkeys((topic.name for topic in topics), 0)
    for message in bag.messages() if args.verbose else ():
        sizes[message.topic] += len(message.data)
    lines = [
        f"Topic: {printable(topic.name)} | Type: {printable(topic.type)} | Count: {topic.count} | "
        + (f"Size Contribution: {file_size(sizes[topic.name])} | " if args.verbose else "")
        + f"Serialization Format: {printable(topic.serialization_format)}"
        for topic in topics
    ]
    end_ns = metadata.start_ns + metadata.duration_ns
    rows = {
        "Files:": _column([file.path for file in metadata.files]),
        "Bag size:": file_size(bag.size_bytes),
        "Storage id:": metadata.storage,
        "ROS Distro:": printable(metadata.ros_distro) or "unknown",
        "Duration:": f"{seconds(metadata.duration_ns)}s",
        "Start:": point_in_time(metadata.start_ns),
        "End:": point_in_time(end_ns),
        "Messages:": str(metadata.count),
        "Topic information:": _column(lines),
        "Service:": "0",  # service introspection topics are recorded as topics
        "Service information: ": "",
    }
    print("\n" + "\n".join(f"{title:<{INDENT}}{text}" for title, text in rows.items()))


@verb("""
    Repair a bag whose recorder was killed

    [bag]
    [chunks]
""")
def reindex(args: argparse.Namespace) -> None:
    """Make a proper bag of what a killed recorder has left: index, footer and metadata.yaml.

    Every whole chunk is kept; what was cut off at the end of a file is gone. A file with its index
    intact is left alone.
    """
    from rosbag_lite import reindex as reindex_bag

    metadata, _, kept = reindex_bag(args.bag_path, args.compression)
    print(f"Reindexed {args.bag_path}: {metadata.count} messages on {len(metadata.topics)} topics")
    for name in kept:
        print(f"Not all of it could be read: what was there is kept as {name}", file=sys.stderr)


def file_size(size: float) -> str:
    """``1.5 MiB``; whole bytes below 1 KiB."""
    index = 0
    while size >= 1024 and index < len(UNITS) - 1:
        size /= 1024
        index += 1
    return f"{size:.{1 if index else 0}f} {UNITS[index]}"


def seconds(time_ns: int) -> str:
    """Seconds with nine decimals, exact."""
    return f"{time_ns // 10**9}.{time_ns % 10**9:09d}"


def point_in_time(time_ns: int) -> str:
    """``Nov  3 2026 14:05:01.000000001 (1793714701.000000001)``, local time."""
    local = time.localtime(time_ns // 10**9)
    date = f"{time.strftime('%b', local)} {local.tm_mday:2d} {local.tm_year}"
    clock = f"{time.strftime('%H:%M:%S', local)}.{time_ns % 10**9:09d}"
    return f"{date} {clock} ({seconds(time_ns)})"


def _column(lines: list[str]) -> str:
    return ("\n" + " " * INDENT).join(lines)
