"""Bags of strings for tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rclpy.serialization import serialize_message
from rosbag_lite import BagTopic, BagWriter
from rosbag_lite.definitions import definition
from std_msgs.msg import String

INFINITE = {"sec": 9223372036, "nsec": 854775807}
RELIABLE_LATCHED = {
    "history": 3, "depth": 0, "reliability": 1, "durability": 1, "deadline": INFINITE,
    "lifespan": INFINITE, "liveliness": 1, "liveliness_lease_duration": INFINITE,
    "avoid_ros_namespace_conventions": False,
}  # fmt: skip
HASH = "RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18"
CHATTER = BagTopic("/chatter", "std_msgs/msg/String", (RELIABLE_LATCHED,), HASH)
STATES = BagTopic("/joint_states", "sensor_msgs/msg/JointState")
START_NS = 1_700_000_000_000_000_000


def serialized(index: int) -> bytes:
    return bytes(serialize_message(String(data=f"message {index}")))


def write_bag(folder: Path, count: int = 10, compression: str = "none") -> list[bytes]:
    """A closed bag: `count` strings 10 ms apart, published 1 ms before they were received."""
    writer = BagWriter(folder, compression=compression)
    for topic in (CHATTER, STATES):
        writer.add_topic(replace(topic, definition=definition(topic.type)))
    data = [serialized(index) for index in range(count)]
    for index, item in enumerate(data):
        received = START_NS + index * 10_000_000
        writer.write("/chatter", item, received, received - 1_000_000)
    writer.close()
    return data


def write_chunks(folder: Path, chunks: int, compression: str = "none") -> list[bytes]:
    """A closed bag with five messages in each chunk, 1 ns apart."""
    writer = BagWriter(folder, compression=compression)
    writer.add_topic(replace(CHATTER, definition=definition(CHATTER.type)))
    data = [serialized(index) for index in range(5 * chunks)]
    for index, item in enumerate(data):
        writer.write("/chatter", item, START_NS + index)
        if index % 5 == 4:
            writer.flush()
    writer.close()
    return data
