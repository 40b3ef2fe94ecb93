"""Bags as files: their layout, and what is left of one whose writer was cut off."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import mcap.reader
import mcap.records
import pytest
import yaml
from ros2cli import bag_info, bag_metadata, bag_play, bag_reader, bag_writer
from ros2cli.bag_definitions import full_text
from ros2cli.bag_metadata import BagFile, BagMetadata, BagTopic
from ros2cli.errors import CliError
from ros2cli.main import main
from ros2cli.packages import ensure_prefix_path
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

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


@pytest.fixture(autouse=True)
def _prefix_path():
    ensure_prefix_path()


def serialized(index: int) -> bytes:
    from rclpy.serialization import serialize_message
    from std_msgs.msg import String

    return bytes(serialize_message(String(data=f"message {index}")))


def write_bag(folder: Path, count: int = 10, compression: str = "none") -> list[bytes]:
    """A closed bag: `count` strings 10 ms apart, published 1 ms before they were received."""
    folder.mkdir()
    writer = bag_writer.BagWriter(folder, f"{folder.name}_0.mcap", compression)
    writer.add_topic(CHATTER, full_text(CHATTER.type))
    writer.add_topic(STATES, full_text(STATES.type))
    data = [serialized(index) for index in range(count)]
    for index, item in enumerate(data):
        received = START_NS + index * 10_000_000
        writer.write("/chatter", item, received, received - 1_000_000)
    writer.close()
    return data


def test_metadata_has_the_layout_of_rosbag2_version_8(tmp_path):
    """Keys, order and types of a metadata.yaml that rosbag2 0.26 wrote."""
    write_bag(tmp_path / "run")
    text = (tmp_path / "run" / "metadata.yaml").read_text()
    tree = yaml.safe_load(text)["rosbag2_bagfile_information"]
    assert list(tree) == [
        "version", "storage_identifier", "duration", "starting_time", "message_count",
        "topics_with_message_count", "compression_format", "compression_mode",
        "relative_file_paths", "files", "custom_data", "ros_distro",
    ]  # fmt: skip
    assert (tree["version"], tree["storage_identifier"]) == (8, "mcap")
    assert tree["duration"] == {"nanoseconds": 90_000_000}
    assert tree["starting_time"] == {"nanoseconds_since_epoch": START_NS}
    assert (tree["compression_format"], tree["compression_mode"]) == ("", "")
    assert tree["relative_file_paths"] == ["run_0.mcap"]
    assert tree["files"] == [
        {
            "path": "run_0.mcap",
            "starting_time": {"nanoseconds_since_epoch": START_NS},
            "duration": {"nanoseconds": 90_000_000},
            "message_count": 10,
        }
    ]
    topic = tree["topics_with_message_count"][0]
    assert topic["message_count"] == 10
    assert list(topic["topic_metadata"]) == [
        "name", "type", "serialization_format", "offered_qos_profiles", "type_description_hash",
    ]  # fmt: skip
    profiles = topic["topic_metadata"]["offered_qos_profiles"]
    assert isinstance(profiles, str)  # a sequence from version 9 on, which Humble cannot read
    assert yaml.safe_load(profiles) == [RELIABLE_LATCHED]
    assert r'offered_qos_profiles: "- history: 3\n  depth: 0\n  reliability: 1\n' in text


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_other_readers_get_every_byte(tmp_path, compression):
    data = write_bag(tmp_path / "run", compression=compression)
    with Reader(tmp_path / "run") as reader:
        found = list(reader.messages())
        assert [raw for _, _, raw in found] == data
        assert [time for _, time, _ in found][:2] == [START_NS, START_NS + 10_000_000]
        by_topic = {connection.topic: connection for connection in reader.connections}
        assert by_topic["/chatter"].digest == HASH
        assert by_topic["/chatter"].msgtype == "std_msgs/msg/String"
        assert by_topic["/chatter"].ext.offered_qos_profiles[0].durability.name == "TRANSIENT_LOCAL"
        assert by_topic["/joint_states"].msgcount == 0

    with (tmp_path / "run" / "run_0.mcap").open("rb") as stream:
        reader = mcap.reader.make_reader(stream, validate_crcs=True)
        assert reader.get_header().profile == "ros2"
        summary = reader.get_summary()
        assert summary is not None
        assert {index.compression for index in summary.chunk_indexes} == {
            "" if compression == "none" else compression
        }
        schema, channel, message = next(iter(reader.iter_messages()))
        assert (schema.encoding, channel.message_encoding) == ("ros2msg", "cdr")
        assert (message.log_time, message.publish_time) == (START_NS, START_NS - 1_000_000)
        store = get_typestore(Stores.EMPTY)  # knows only what the bag itself says
        store.register(get_types_from_msg(schema.data.decode(), schema.name))
        assert store.deserialize_cdr(message.data, schema.name).data == "message 0"
        assert channel.metadata["topic_type_hash"] == HASH
        inside = {record.name: record.metadata for record in reader.iter_metadata()}
        stored = yaml.safe_load(inside["rosbag2"]["serialized_metadata"])
        assert stored["message_count"] == 10


def test_definitions_are_complete():
    text = full_text("sensor_msgs/msg/JointState")
    separator = "=" * 80
    parts = [part.splitlines() for part in text.split(f"\n{separator}\n")]
    assert [part[0] for part in parts[1:]] == [
        "MSG: std_msgs/Header", "MSG: builtin_interfaces/Time",
    ]  # fmt: skip
    assert "float64[] position" in parts[0]
    assert "uint32 nanosec" in parts[2]
    nested = full_text("trajectory_msgs/msg/JointTrajectory")
    assert nested.count("MSG: trajectory_msgs/JointTrajectoryPoint") == 1
    assert nested.count("MSG: builtin_interfaces/Duration") == 1
    with pytest.raises(CliError, match="did you mean 'std_msgs/msg/String'"):
        full_text("std_msgs/msg/Strin")


def test_read_back(tmp_path):
    data = write_bag(tmp_path / "run")
    bag = bag_reader.open_bag(tmp_path / "run")
    assert bag.metadata.topics == (
        BagTopic("/chatter", CHATTER.type, (RELIABLE_LATCHED,), HASH, count=10), STATES,
    )  # fmt: skip
    assert (bag.metadata.start_ns, bag.metadata.duration_ns) == (START_NS, 90_000_000)
    assert [message.data for message in bag_reader.messages(bag)] == data
    late = list(bag_reader.messages(bag, start_ns=START_NS + 75_000_000))
    assert [message.data for message in late] == data[8:]
    assert list(bag_reader.messages(bag, {"/joint_states"})) == []
    by_file = bag_reader.open_bag(tmp_path / "run" / "run_0.mcap")
    assert [m.data for m in bag_reader.messages(by_file)] == data


VERSION_9 = """\
rosbag2_bagfile_information:
  version: 9
  storage_identifier: mcap
  duration: {nanoseconds: 5}
  starting_time: {nanoseconds_since_epoch: 7}
  message_count: 2
  topics_with_message_count:
    - topic_metadata:
        name: /a
        type: std_msgs/msg/String
        serialization_format: cdr
        offered_qos_profiles:
          - {history: unknown, depth: 0, reliability: best_effort, durability: volatile,
             deadline: {sec: 9223372036, nsec: 854775807},
             lifespan: {sec: 9223372036, nsec: 854775807}, liveliness: automatic,
             liveliness_lease_duration: {sec: 9223372036, nsec: 854775807},
             avoid_ros_namespace_conventions: false}
        type_description_hash: RIHS01_0
      message_count: 2
  compression_format: ""
  compression_mode: ""
  relative_file_paths: [x_0.mcap]
  files:
    - path: x_0.mcap
      starting_time: {nanoseconds_since_epoch: 7}
      duration: {nanoseconds: 5}
      message_count: 2
  custom_data: ~
  ros_distro: kilted
"""


def test_version_9_and_version_4_are_read(tmp_path):
    from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

    file = tmp_path / "metadata.yaml"
    file.write_text(VERSION_9)
    metadata = bag_metadata.load(file)
    assert metadata.files == (BagFile("x_0.mcap", 7, 5, 2),)
    offer = bag_metadata.profile_to_offer(metadata.topics[0], depth=10)
    assert offer.reliability == ReliabilityPolicy.BEST_EFFORT
    assert offer.durability == DurabilityPolicy.VOLATILE

    tree = yaml.safe_load(VERSION_9)
    old = tree["rosbag2_bagfile_information"]
    old["version"] = 4
    del old["files"], old["ros_distro"], old["custom_data"]
    topic = old["topics_with_message_count"][0]["topic_metadata"]
    del topic["type_description_hash"]
    topic["offered_qos_profiles"] = ""
    file.write_text(yaml.safe_dump(tree))
    metadata = bag_metadata.load(file)
    assert metadata.files == (BagFile("x_0.mcap", 7, 5, 2),)
    assert metadata.topics[0].qos == ()


def test_what_is_offered_follows_the_publishers_where_they_agree():
    from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

    latched = bag_metadata.profile_to_offer(CHATTER, depth=3)
    assert (latched.depth, latched.durability) == (3, DurabilityPolicy.TRANSIENT_LOCAL)
    other = {**RELIABLE_LATCHED, "durability": 2, "reliability": 2}
    mixed = BagTopic("/a", CHATTER.type, (RELIABLE_LATCHED, other))
    assert bag_metadata.profile_to_offer(mixed, 3).durability == DurabilityPolicy.VOLATILE
    assert bag_metadata.profile_to_offer(mixed, 3).reliability == ReliabilityPolicy.RELIABLE


def test_a_profile_of_rclpy_is_stored_as_rosbag2_does():
    from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile

    profile = QoSProfile(
        history=HistoryPolicy.UNKNOWN, depth=0, durability=DurabilityPolicy.TRANSIENT_LOCAL
    )
    stored = bag_metadata.qos_from_profile(profile)
    assert list(stored) == list(RELIABLE_LATCHED)
    assert {k: stored[k] for k in ("history", "reliability", "durability")} == {
        "history": 3, "reliability": 1, "durability": 1,
    }  # fmt: skip
    text = bag_metadata.qos_to_yaml((RELIABLE_LATCHED,))
    assert bag_metadata.qos_from_yaml(text) == (RELIABLE_LATCHED,)


def cut(folder: Path, size: int) -> Path:
    """What a killed recorder leaves: no metadata.yaml, and a file that ends anywhere."""
    (folder / "metadata.yaml").unlink()
    file = next(folder.glob("*.mcap"))
    os.truncate(file, size)
    return file


def chunk_indexes(folder: Path) -> list[mcap.records.ChunkIndex]:
    with next(folder.glob("*.mcap")).open("rb") as stream:
        summary = mcap.reader.make_reader(stream).get_summary()
    assert summary is not None
    return summary.chunk_indexes


def write_chunks(folder: Path, chunks: int, compression: str = "none") -> list[bytes]:
    """Five messages in each chunk; a bag that was not closed."""
    folder.mkdir()
    writer = bag_writer.BagWriter(folder, f"{folder.name}_0.mcap", compression)
    writer.add_topic(CHATTER, full_text(CHATTER.type))
    data = [serialized(index) for index in range(5 * chunks)]
    for index, item in enumerate(data):
        writer.write("/chatter", item, START_NS + index, START_NS + index)
        if index % 5 == 4:
            writer.flush()
    writer.close()
    return data


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_a_cut_off_bag_is_read_and_repaired_up_to_its_last_whole_chunk(
    tmp_path, capsys, compression
):
    folder = tmp_path / "run"
    data = write_chunks(folder, 8, compression)
    sixth = chunk_indexes(folder)[5]
    cut(folder, sixth.chunk_start_offset + sixth.chunk_length // 2)
    bag = bag_reader.open_bag(folder)
    assert f"{folder} has no metadata.yaml" in capsys.readouterr().err
    found = [message.data for message in bag_reader.messages(bag)]
    assert found == data[:25]

    assert main(["bag", "reindex", str(folder), "--compression", compression]) == 0
    assert "25 messages on 1 topics" in capsys.readouterr().out
    assert sorted(path.name for path in folder.iterdir()) == ["metadata.yaml", "run_0.mcap"]
    with Reader(folder) as reader:
        assert [raw for _, _, raw in reader.messages()] == found
    repaired = bag_reader.open_bag(folder)
    assert repaired.metadata.topics[0].qos == (RELIABLE_LATCHED,)
    assert repaired.metadata.topics[0].type_hash == HASH
    assert bag_reader.is_closed(repaired.files[0])


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.05, 0.3, 0.97, 0.999])
def test_no_cut_breaks_the_reader(tmp_path, keep):
    folder = tmp_path / "run"
    data = write_chunks(folder, 4)
    file = cut(folder, int(next(folder.glob("*.mcap")).stat().st_size * keep))
    assert not bag_reader.is_closed(file)
    found = [message.data for _, _, message in bag_reader.intact_records(file)]
    assert found == data[: len(found)]


def test_a_flipped_bit_ends_what_is_salvaged(tmp_path):
    folder = tmp_path / "run"
    data = write_chunks(folder, 4)
    file = next(folder.glob("*.mcap"))
    content = bytearray(file.read_bytes())
    content[content.index(b"message 12")] ^= 1  # in the third chunk
    file.write_bytes(bytes(content))
    found = [message.data for _, _, message in bag_reader.intact_records(file)]
    assert found == data[:10]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda folder: folder.mkdir(), "is no bag: it holds neither metadata.yaml nor .mcap"),
        (lambda folder: write_bag(folder) and next(folder.glob("*.mcap")).unlink(),
         "names files that are not there"),
        (lambda folder: write_bag(folder) and (folder / "metadata.yaml").write_text("a: [1"),
         "is damaged"),
        (lambda folder: write_bag(folder) and (folder / "metadata.yaml").write_text(
            VERSION_9.replace("mcap", "sqlite3")), "is stored as sqlite3; only mcap"),
    ],
)  # fmt: skip
def test_bags_that_cannot_be_opened(tmp_path, make, text):
    make(tmp_path / "run")
    with pytest.raises(CliError, match=text):
        bag_reader.open_bag(tmp_path / "run")


def test_a_mistyped_path_suggests_the_bag(tmp_path):
    write_bag(tmp_path / "monday")
    with pytest.raises(CliError, match=r"unknown bag '.*munday'; did you mean '.*monday'"):
        bag_reader.open_bag(tmp_path / "munday")


def test_info(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    write_bag(tmp_path / "run")
    assert main(["bag", "info", str(tmp_path / "run")]) == 0
    size = (tmp_path / "run" / "run_0.mcap").stat().st_size
    assert capsys.readouterr().out == (
        "\n"
        "Files:             run_0.mcap\n"
        f"Bag size:          {bag_info.file_size(size)}\n"
        "Storage id:        mcap\n"
        "ROS Distro:        unknown\n"
        "Duration:          0.090000000s\n"
        "Start:             Nov 14 2023 22:13:20.000000000 (1700000000.000000000)\n"
        "End:               Nov 14 2023 22:13:20.090000000 (1700000000.090000000)\n"
        "Messages:          10\n"
        "Topic information: Topic: /chatter | Type: std_msgs/msg/String | Count: 10 | "
        "Serialization Format: cdr\n"
        "                   Topic: /joint_states | Type: sensor_msgs/msg/JointState | Count: 0 | "
        "Serialization Format: cdr\n"
        "Service:           0\n"
        "Service information: \n"
    )
    assert main(["bag", "info", "-t", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().out == "/chatter\n/joint_states\n"
    assert main(["bag", "info", "-v", str(tmp_path / "run")]) == 0
    expected = sum(len(serialized(index)) for index in range(10))
    assert f"Count: 10 | Size Contribution: {expected} B |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536 * 1024, "1.5 MiB"), (2**41, "2.0 TiB")],
)
def test_file_size(size, text):
    assert bag_info.file_size(size) == text


def test_an_empty_bag(tmp_path):
    write_bag(tmp_path / "run", count=0)
    bag = bag_reader.open_bag(tmp_path / "run")
    assert bag.metadata == BagMetadata(
        (BagFile("run_0.mcap", 0, 0, 0),), (CHATTER, STATES), bag.metadata.ros_distro
    )
    assert list(bag_reader.messages(bag)) == []


class FakeTime:
    """Stands for the module `time`; sleeping is all that takes time."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s


class FakeNode:
    """A node whose context is shut down after so many looks at it."""

    def __init__(self, looks: int = 10**9) -> None:
        self.context = self
        self.looks = looks

    def ok(self) -> bool:
        self.looks -= 1
        return self.looks >= 0


class FakePublisher:
    def __init__(self, clock: FakeTime) -> None:
        self.clock = clock
        self.sent: list[tuple[float, bytes]] = []

    def publish(self, data: bytes) -> None:
        self.sent.append((round(self.clock.now_s - 100.0, 6), data))


def play_once(folder: Path, monkeypatch, *words: str, node: FakeNode | None = None):
    clock = FakeTime()
    monkeypatch.setattr(bag_play, "time", clock)
    parser = argparse.ArgumentParser()
    bag_play.add_arguments(parser)
    publisher = FakePublisher(clock)
    args = parser.parse_args([str(folder), *words])
    bag = bag_reader.open_bag(folder)
    player = bag_play._Player(node or FakeNode(), bag, {"/chatter": publisher}, args)
    return player.play_once(), publisher.sent


def test_each_message_goes_out_at_its_time(tmp_path, monkeypatch):
    data = write_bag(tmp_path / "run")
    done, sent = play_once(tmp_path / "run", monkeypatch)
    assert done
    assert sent == [(round(index * 0.01, 6), item) for index, item in enumerate(data)]
    _, sent = play_once(tmp_path / "run", monkeypatch, "--rate", "0.5", "--delay", "1")
    assert [when for when, _ in sent] == [round(1 + index * 0.02, 6) for index in range(10)]
    _, sent = play_once(
        tmp_path / "run", monkeypatch, "--start-offset", "0.055", "--playback-duration", "0.02"
    )
    assert sent == [(0.005, data[6]), (0.015, data[7])]


def test_playing_ends_when_it_is_shut_down(tmp_path, monkeypatch):
    write_bag(tmp_path / "run")
    done, sent = play_once(tmp_path / "run", monkeypatch, node=FakeNode(looks=6))
    assert not done
    assert len(sent) < 10


def test_remap_rules():
    assert bag_play.parse_remaps(["/a:=/b", "c:=d/e"]) == {"/a": "/b", "/c": "/d/e"}
    with pytest.raises(CliError, match="malformed remap rule '/a=/b', expected '<old>:=<new>'"):
        bag_play.parse_remaps(["/a=/b"])


def test_a_bag_is_not_overwritten(tmp_path, capsys):
    write_bag(tmp_path / "run")
    assert main(["bag", "record", "-a", "-o", str(tmp_path / "run")]) == 1
    assert f"Output folder '{tmp_path / 'run'}' already exists." in capsys.readouterr().err
    with pytest.raises(CliError, match="exists already"):
        bag_writer.BagWriter(tmp_path / "run", "run_0.mcap")
    assert main(["bag", "record", "-o", str(tmp_path / "new")]) == 1
    assert "name topics to record, or use --all or --regex" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
