"""Writes one rosbag2 folder: an MCAP file and, when it is closed, ``metadata.yaml``.

The MCAP file is chunked, indexed and has checksums. What a chunk holds survives whatever happens
later; `BagWriter.flush` finishes the chunk in progress, so that a killed recorder or a full disk
loses what came after the last flush and no more. Attachments are written first, for the same
reason. `reindex` makes a proper bag of what is left.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mcap.writer import CompressionType, Writer

from rosbag_lite import metadata
from rosbag_lite.errors import BagError
from rosbag_lite.metadata import BagFile, BagMetadata, BagTopic, qos_to_yaml

COMPRESSIONS = {
    "none": CompressionType.NONE,
    "lz4": CompressionType.LZ4,
    "zstd": CompressionType.ZSTD,
}
CHUNK_BYTES = 1024 * 1024


@dataclass
class _Channel:
    id: int
    topic: BagTopic
    count: int = 0


class BagWriter:
    """One bag with one MCAP file. Not thread-safe: one thread adds, writes and closes.

    folder: is made where it is not there yet.
    attachments: name to text (JSON), written before everything else.
    file_name: other than ``<folder>_0.mcap``. BagError when it exists.
    """

    def __init__(
        self,
        folder: Path,
        attachments: Mapping[str, str] | None = None,
        compression: str = "none",
        file_name: str | None = None,
        library: str = "rosbag_lite",
    ) -> None:
        self.folder = folder
        self._file_name = file_name or f"{folder.name}_0.mcap"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self._file_name
        try:
            self._stream = path.open("xb")
        except FileExistsError:
            raise BagError(f"{path} exists: a recording is never replaced") from None
        fcntl.flock(self._stream, fcntl.LOCK_EX)  # until this process ends: see `reindex`
        self._writer = Writer(
            self._stream, chunk_size=CHUNK_BYTES, compression=COMPRESSIONS[compression]
        )
        self._writer.start(profile="ros2", library=library)
        for name, text in (attachments or {}).items():
            self._writer.add_attachment(0, 0, name, "application/json", text.encode())
        self._stream.flush()
        self._channels: dict[str, _Channel] = {}
        self._schemas: dict[str, int] = {}
        self._first_ns: int | None = None
        self._last_ns = 0

    @property
    def count(self) -> int:
        """Messages so far."""
        return sum(channel.count for channel in self._channels.values())

    def add_topic(self, topic: BagTopic) -> None:
        """Announces a topic before its first message."""
        if topic.type not in self._schemas:
            self._schemas[topic.type] = self._writer.register_schema(
                topic.type, "ros2msg", topic.definition.encode()
            )
        number = self._writer.register_channel(
            topic.name,
            topic.serialization_format,
            self._schemas[topic.type],
            {
                "offered_qos_profiles": qos_to_yaml(topic.qos),
                "topic_type_hash": topic.type_hash,
            },
        )
        self._channels[topic.name] = _Channel(number, topic)

    def write(self, topic: str, data: bytes, log_ns: int, publish_ns: int | None = None) -> None:
        """Adds one serialized message, received at ``log_ns`` and published then unless said
        otherwise [ns since the epoch]."""
        channel = self._channels[topic]
        self._writer.add_message(
            channel.id, log_ns, data, log_ns if publish_ns is None else publish_ns
        )
        channel.count += 1
        self._first_ns = log_ns if self._first_ns is None else min(self._first_ns, log_ns)
        self._last_ns = max(self._last_ns, log_ns)

    def flush(self) -> None:
        """Finishes the chunk in progress and hands it to the operating system."""
        self._writer.flush()
        self._stream.flush()

    def close(self) -> BagMetadata:
        """Completes the file and writes metadata.yaml."""
        start_ns = self._first_ns or 0
        topics = tuple(replace(c.topic, count=c.count) for c in self._channels.values())
        file = BagFile(self._file_name, start_ns, max(0, self._last_ns - start_ns), self.count)
        found = BagMetadata((file,), topics, os.environ.get("ROS_DISTRO", ""))
        self._writer.add_metadata(
            "rosbag2", {"serialized_metadata": metadata.to_yaml(found, root=False)}
        )
        self._writer.finish()
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        metadata.write(self.folder, found)
        return found

    def abandon(self) -> None:
        """Lets go of the file as it is, after an error."""
        with suppress(OSError):  # the buffer cannot be written; the chunks before it are there
            self._stream.close()
