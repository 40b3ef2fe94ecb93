"""``ros2 bag info`` and ``ros2 bag reindex``."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from ros2cli.errors import CliError

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
INDENT = 19  # the width of "Topic information: "


def info_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag_path", type=Path, help="Bag to open")
    parser.add_argument("-s", "--storage", choices=["mcap"], help=argparse.SUPPRESS)
    parser.add_argument("-t", "--topic-name", action="store_true", help="Only show topic names")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="Show the size of each topic's messages"
    )


def info(args: argparse.Namespace) -> None:
    from ros2cli import bag_reader

    bag = bag_reader.open_bag(args.bag_path)
    metadata = bag.metadata
    topics = sorted(metadata.topics, key=lambda topic: topic.name)
    if args.topic_name and not args.verbose:
        for topic in topics:
            print(topic.name)
        return
    sizes = dict.fromkeys((topic.name for topic in topics), 0)
    for message in bag_reader.messages(bag) if args.verbose else ():
        sizes[message.topic] += len(message.data)
    lines = [
        f"Topic: {topic.name} | Type: {topic.type} | Count: {topic.count} | "
        + (f"Size Contribution: {file_size(sizes[topic.name])} | " if args.verbose else "")
        + f"Serialization Format: {topic.serialization_format}"
        for topic in topics
    ]
    end_ns = metadata.start_ns + metadata.duration_ns
    rows = {
        "Files:": _column([file.path for file in metadata.files]),
        "Bag size:": file_size(bag.size_bytes),
        "Storage id:": metadata.storage,
        "ROS Distro:": metadata.ros_distro or "unknown",
        "Duration:": f"{seconds(metadata.duration_ns)}s",
        "Start:": point_in_time(metadata.start_ns),
        "End:": point_in_time(end_ns),
        "Messages:": str(metadata.count),
        "Topic information:": _column(lines),
        "Service:": "0",  # service introspection topics are recorded as topics
        "Service information: ": "",
    }
    print("\n" + "\n".join(f"{title:<{INDENT}}{text}" for title, text in rows.items()))


def reindex_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag_path", type=Path, help="Folder of the bag to repair")
    parser.add_argument("-s", "--storage", choices=["mcap"], help=argparse.SUPPRESS)
    parser.add_argument(
        "--compression",
        choices=["none", "lz4", "zstd"],
        default="none",
        help="Compression of the chunks that are written (default: %(default)s)",
    )


def reindex(args: argparse.Namespace) -> None:
    """Make a proper bag of what a killed recorder has left: index, footer and metadata.yaml.

    Every whole chunk is kept; what was cut off at the end of a file is gone. A file with its index
    intact is left alone.
    """
    from ros2cli import bag_reader, bag_writer

    folder: Path = args.bag_path
    files = sorted(folder.glob("*.mcap")) if folder.is_dir() else []
    if not files:
        raise CliError(f"{folder} holds no .mcap file")
    for path in files:
        if bag_reader.is_closed(path):
            continue
        with tempfile.TemporaryDirectory(dir=folder, prefix=".reindex_") as new:
            writer = bag_writer.BagWriter(Path(new), path.name, args.compression)
            added = set()
            for schema, channel, message in bag_reader.intact_records(path):
                if channel.topic not in added:
                    added.add(channel.topic)
                    writer.add_topic(bag_reader.topic_of(schema, channel), schema.data.decode())
                writer.write(channel.topic, message.data, message.log_time, message.publish_time)
            writer.close()
            Path(new, path.name).replace(path)
    metadata = bag_reader.scan(files)
    bag_writer.write_metadata(folder, metadata)
    print(f"Reindexed {folder}: {metadata.count} messages on {len(metadata.topics)} topics")


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
