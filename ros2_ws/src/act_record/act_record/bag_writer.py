"""Writes one rosbag2 folder: ``<name>_0.mcap`` and, when it is closed, ``metadata.yaml``.

The MCAP file is chunked, indexed and has checksums. What a chunk holds survives whatever happens
later; `EpisodeBag.flush` finishes the chunk in progress, so that a killed recorder or a full disk
loses what came after the last flush and no more. Attachments are written first, for the same
reason. `act_record.repair` makes a proper bag of what is left.

metadata.yaml is version 8 of rosbag2's layout: the newest that Humble's reader takes too.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from act_core import topics
from act_core.errors import ConfigurationError
from mcap.writer import CompressionType, Writer

COMPRESSIONS = {
    "none": CompressionType.NONE,
    "lz4": CompressionType.LZ4,
    "zstd": CompressionType.ZSTD,
}
METADATA_FILE = "metadata.yaml"
LIBRARY = "act_record"
CHUNK_BYTES = 1024 * 1024

_INFINITE = {"sec": 9223372036, "nsec": 854775807}  # rmw's RMW_DURATION_INFINITE
# Numbers of rmw/types.h: reliability 1 reliable, 2 best effort; durability 1 transient local.
_QOS = {
    topics.SENSOR: (2, 2, 5),
    topics.STATE: (1, 2, 10),
    topics.COMMAND: (1, 2, 1),
    topics.LATCHED: (1, 1, 1),
}


@dataclass(frozen=True)
class BagTopic:
    """A topic of a bag; ``qos`` is the text that players publish it by, "" for their default."""

    name: str  # absolute, as rosbag2 has it
    type_name: str
    definition: str
    qos: str = ""


def qos_text(kind: str) -> str:
    """The quality of service of the topic table as rosbag2 stores it."""
    reliability, durability, depth = _QOS[kind]
    profile = {
        "history": 1,
        "depth": depth,
        "reliability": reliability,
        "durability": durability,
        "deadline": dict(_INFINITE),
        "lifespan": dict(_INFINITE),
        "liveliness": 1,
        "liveliness_lease_duration": dict(_INFINITE),
        "avoid_ros_namespace_conventions": False,
    }
    return str(yaml.safe_dump([profile], sort_keys=False)).rstrip()


class EpisodeBag:
    """One bag. Not thread-safe: one thread writes and closes.

    folder: of the new bag. ConfigurationError when it exists.
    attachments: name to text (JSON), written before everything else.
    file_name: other than ``<folder>_0.mcap``; the folder may then exist.
    """

    def __init__(
        self,
        folder: Path,
        attachments: Mapping[str, str] | None = None,
        compression: str = "none",
        file_name: str | None = None,
    ) -> None:
        self.folder = folder
        self._file_name = file_name or f"{folder.name}_0.mcap"
        try:
            folder.mkdir(parents=True, exist_ok=file_name is not None)
        except FileExistsError:
            raise ConfigurationError(f"{folder} exists: a recording is never replaced") from None
        # Unbuffered but for a chunk: nothing of ours is left in this process after a flush.
        self._stream = (folder / self._file_name).open("wb")
        fcntl.flock(self._stream, fcntl.LOCK_EX)  # until this process ends: see `repair`
        self._writer = Writer(
            self._stream, chunk_size=CHUNK_BYTES, compression=COMPRESSIONS[compression]
        )
        self._writer.start(profile="ros2", library=LIBRARY)
        for name, text in (attachments or {}).items():
            self._writer.add_attachment(0, 0, name, "application/json", text.encode())
        self._stream.flush()
        self._channels: dict[str, int] = {}
        self._topics: dict[str, BagTopic] = {}
        self._schemas: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._first_ns: int | None = None
        self._last_ns = 0

    def add_topic(self, topic: BagTopic) -> None:
        """Announces a topic before its first message."""
        if topic.type_name not in self._schemas:
            self._schemas[topic.type_name] = self._writer.register_schema(
                topic.type_name, "ros2msg", topic.definition.encode()
            )
        self._channels[topic.name] = self._writer.register_channel(
            topic.name,
            "cdr",
            self._schemas[topic.type_name],
            {"offered_qos_profiles": topic.qos, "topic_type_hash": ""},
        )
        self._topics[topic.name] = topic
        self._counts[topic.name] = 0

    def write(self, topic: str, data: bytes, log_ns: int) -> None:
        """Adds one serialized message that was received at ``log_ns`` of ROS time."""
        self._writer.add_message(self._channels[topic], log_ns, data, log_ns)
        self._counts[topic] += 1
        self._first_ns = log_ns if self._first_ns is None else min(self._first_ns, log_ns)
        self._last_ns = max(self._last_ns, log_ns)

    def flush(self) -> None:
        """Finishes the chunk in progress and hands it to the operating system."""
        self._writer.flush()
        self._stream.flush()

    def close(self) -> None:
        """Completes the file and writes metadata.yaml."""
        self.close_as(self._file_name)

    def close_as(self, file_name: str) -> None:
        """The same, under another name in the same folder; one that exists is replaced."""
        written, self._file_name = self._file_name, file_name
        tree = self._metadata()
        text = yaml.safe_dump(tree, sort_keys=False, width=10**9)
        self._writer.add_metadata("rosbag2", {"serialized_metadata": text})
        self._writer.finish()
        self._stream.close()
        (self.folder / written).replace(self.folder / file_name)
        whole = {"rosbag2_bagfile_information": tree}
        part = self.folder / f"{METADATA_FILE}.part"
        part.write_text(yaml.safe_dump(whole, sort_keys=False, width=10**9))
        part.replace(self.folder / METADATA_FILE)

    def abandon(self) -> None:
        """Lets go of the file as it is, after an error."""
        with suppress(OSError):  # the buffer cannot be written; the chunks before it are there
            self._stream.close()

    def _metadata(self) -> dict[str, Any]:
        start = {"nanoseconds_since_epoch": self._first_ns or 0}
        length = {"nanoseconds": max(0, self._last_ns - (self._first_ns or 0))}
        count = sum(self._counts.values())
        return {
            "version": 8,
            "storage_identifier": "mcap",
            "duration": dict(length),
            "starting_time": dict(start),
            "message_count": count,
            "topics_with_message_count": [
                {
                    "topic_metadata": {
                        "name": topic.name,
                        "type": topic.type_name,
                        "serialization_format": "cdr",
                        "offered_qos_profiles": topic.qos,
                        "type_description_hash": "",
                    },
                    "message_count": self._counts[topic.name],
                }
                for topic in self._topics.values()
            ],
            "compression_format": "",  # of rosbag2's own compression; MCAP chunks have theirs
            "compression_mode": "",
            "relative_file_paths": [self._file_name],
            "files": [
                {
                    "path": self._file_name,
                    "starting_time": dict(start),
                    "duration": dict(length),
                    "message_count": count,
                }
            ],
            "custom_data": None,
            "ros_distro": os.environ.get("ROS_DISTRO", ""),
        }
