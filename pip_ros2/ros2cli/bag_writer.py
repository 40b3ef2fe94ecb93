"""Writes a rosbag2 folder: ``<name>_0.mcap`` and, when closed, ``metadata.yaml``.

On the library: ``mcap`` writes the file. ``rosbags`` also can, but stores one time for both
receiving and publishing and names the file otherwise, and it offers only zstd; rosbag2 keeps the
two times apart. The MCAP file is chunked and indexed, with checksums: what a chunk holds survives
whatever happens later, and the chunk in progress is finished at least once a second (``flush``), so
that a killed recorder loses the last second. ``ros2 bag reindex`` then makes a proper bag of it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from mcap.writer import CompressionType, Writer

from ros2cli import bag_metadata
from ros2cli.bag_metadata import BagFile, BagMetadata, BagTopic
from ros2cli.errors import CliError

COMPRESSIONS = {
    "none": CompressionType.NONE,
    "lz4": CompressionType.LZ4,
    "zstd": CompressionType.ZSTD,
}
CHUNK_BYTES = 786_432  # as rosbag2's MCAP plugin


@dataclass
class _Channel:
    id: int
    topic: BagTopic
    count: int = 0


class BagWriter:
    """One bag with one MCAP file. Not thread-safe: one thread adds, writes and closes."""

    def __init__(self, folder: Path, file_name: str, compression: str = "none") -> None:
        """Open ``folder/file_name`` in an existing folder; ``compression`` is one of COMPRESSIONS.

        CliError when the file is there already.
        """
        self._folder = folder
        self._file_name = file_name
        try:
            self._stream = (folder / file_name).open("xb")
        except FileExistsError:
            raise CliError(f"{folder / file_name} exists already") from None
        self._writer = Writer(
            self._stream, chunk_size=CHUNK_BYTES, compression=COMPRESSIONS[compression]
        )
        self._writer.start(profile="ros2", library="ros2cli (pip_ros2)")
        self._channels: dict[str, _Channel] = {}
        self._schemas: dict[str, int] = {}
        self._first_ns: int | None = None
        self._last_ns = 0

    def add_topic(self, topic: BagTopic, definition: str) -> None:
        """Announce a topic before its first message; ``definition`` is bag_definitions' text."""
        if topic.type not in self._schemas:
            self._schemas[topic.type] = self._writer.register_schema(
                topic.type, "ros2msg", definition.encode()
            )
        channel = self._writer.register_channel(
            topic.name,
            topic.serialization_format,
            self._schemas[topic.type],
            {
                "offered_qos_profiles": bag_metadata.qos_to_yaml(topic.qos),
                "topic_type_hash": topic.type_hash,
            },
        )
        self._channels[topic.name] = _Channel(channel, topic)

    def write(self, topic: str, data: bytes, log_ns: int, publish_ns: int) -> None:
        """Add one serialized message; times are nanoseconds since the epoch."""
        channel = self._channels[topic]
        self._writer.add_message(channel.id, log_ns, data, publish_ns)
        channel.count += 1
        self._first_ns = log_ns if self._first_ns is None else min(self._first_ns, log_ns)
        self._last_ns = max(self._last_ns, log_ns)

    def flush(self) -> None:
        """Finish the chunk in progress and hand it to the operating system."""
        self._writer.flush()

    def close(self) -> BagMetadata:
        """Finish the file and write metadata.yaml."""
        start_ns = self._first_ns or 0
        topics = tuple(replace(c.topic, count=c.count) for c in self._channels.values())
        count = sum(topic.count for topic in topics)
        file = BagFile(self._file_name, start_ns, max(0, self._last_ns - start_ns), count)
        metadata = BagMetadata((file,), topics, os.environ.get("ROS_DISTRO", ""))
        self._writer.add_metadata(
            "rosbag2", {"serialized_metadata": bag_metadata.to_yaml(metadata, root=False)}
        )
        self._writer.finish()
        self._stream.close()
        write_metadata(self._folder, metadata)
        return metadata


def write_metadata(folder: Path, metadata: BagMetadata) -> None:
    """Write metadata.yaml at once: it is there in full or not at all."""
    part = folder / f"{bag_metadata.FILE_NAME}.part"
    part.write_text(bag_metadata.to_yaml(metadata))
    part.replace(folder / bag_metadata.FILE_NAME)
