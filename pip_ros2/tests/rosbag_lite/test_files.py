"""Bags as files: their layout, and what is left of one whose writer was cut off."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import mcap.reader
import mcap.records
import pytest
import yaml
from rosbag_lite import (
    BagError,
    BagFile,
    BagMetadata,
    BagWriter,
    mcap_file,
    metadata,
    open_bag,
    reindex,
)
from rosbag_lite.definitions import definition
from rosbag_lite.metadata import Told
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from pip_ros2.tests.rosbag_lite.samples import (
    CHATTER,
    HASH,
    RELIABLE_LATCHED,
    START_NS,
    STATES,
    serialized,
    write_bag,
    write_chunks,
)  # fmt: skip


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
    text = definition("sensor_msgs/msg/JointState")
    separator = "=" * 80
    parts = [part.splitlines() for part in text.split(f"\n{separator}\n")]
    assert [part[0] for part in parts[1:]] == [
        "MSG: std_msgs/Header", "MSG: builtin_interfaces/Time",
    ]  # fmt: skip
    assert "float64[] position" in parts[0]
    assert "uint32 nanosec" in parts[2]
    nested = definition("trajectory_msgs/msg/JointTrajectory")
    assert nested.count("MSG: trajectory_msgs/JointTrajectoryPoint") == 1
    assert nested.count("MSG: builtin_interfaces/Duration") == 1
    with pytest.raises(BagError, match="no definition of std_msgs/msg/Strin: searched"):
        definition("std_msgs/msg/Strin")


def test_read_back(tmp_path):
    data = write_bag(tmp_path / "run")
    bag = open_bag(tmp_path / "run")
    assert (bag.notes, bag.is_whole) == ((), True)
    contents = bag.contents()
    assert contents.topics == (replace(CHATTER, count=10), STATES)
    assert (contents.start_ns, contents.duration_ns) == (START_NS, 90_000_000)
    assert [message.data for message in bag.messages()] == data
    by_file = open_bag(tmp_path / "run" / "run_0.mcap")
    assert [message.data for message in by_file.messages()] == data
    assert bag.damage == {}


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


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_a_cut_off_bag_is_read_and_repaired_up_to_its_last_whole_chunk(tmp_path, compression):
    folder = tmp_path / "run"
    data = write_chunks(folder, 8, compression)
    sixth = chunk_indexes(folder)[5]
    cut(folder, sixth.chunk_start_offset + sixth.chunk_length // 2)
    bag = open_bag(folder)
    assert f"{folder} has no metadata.yaml" in bag.notes[0]
    assert bag.contents().count == 25
    assert [message.data for message in bag.messages()] == data[:25]
    assert bag.damage == {"run_0.mcap": "it ends in the middle of a record"}

    done = reindex(folder, compression)
    assert (done.contents.count, done.rewritten, done.kept) == (25, ("run_0.mcap",), ())
    assert sorted(path.name for path in folder.iterdir()) == ["metadata.yaml", "run_0.mcap"]
    with Reader(folder) as reader:
        assert [raw for _, _, raw in reader.messages()] == data[:25]
    repaired = open_bag(folder)
    assert repaired.is_whole
    (topic,) = repaired.contents().topics
    assert (topic.qos, topic.type_hash) == ((RELIABLE_LATCHED,), HASH)
    assert reindex(folder).rewritten == ()


def test_a_repair_keeps_publish_times_sequences_and_attachments(tmp_path):
    folder = tmp_path / "run"
    writer = BagWriter(folder, {"contract.json": "{}"})
    writer.add_topic(replace(CHATTER, definition=definition(CHATTER.type)))
    for index in range(3):
        writer.write("/chatter", serialized(index), START_NS + index, START_NS - 7 * index)
    writer.close()
    (folder / "metadata.yaml").unlink()
    os.truncate(folder / "run_0.mcap", (folder / "run_0.mcap").stat().st_size - 8)
    reindex(folder)
    with (folder / "run_0.mcap").open("rb") as stream:
        reader = mcap.reader.make_reader(stream, validate_crcs=True)
        found = [(m.log_time, m.publish_time) for _, _, m in reader.iter_messages()]
        assert [record.name for record in reader.iter_attachments()] == ["contract.json"]
    assert found == [(START_NS + index, START_NS - 7 * index) for index in range(3)]
    assert open_bag(folder).attachments() == {"contract.json": "{}"}


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.05, 0.3, 0.97, 0.999])
def test_no_cut_breaks_the_reader(tmp_path, keep):
    folder = tmp_path / "run"
    data = write_chunks(folder, 4)
    file = cut(folder, int(next(folder.glob("*.mcap")).stat().st_size * keep))
    assert not mcap_file.is_closed(file)
    found = [message.data for message in open_bag(file).messages()]
    assert found == data[: len(found)]


def test_a_flipped_bit_ends_what_is_salvaged(tmp_path):
    folder = tmp_path / "run"
    data = write_chunks(folder, 4)
    file = next(folder.glob("*.mcap"))
    content = bytearray(file.read_bytes())
    content[content.index(b"message 12")] ^= 1  # in the third chunk
    file.write_bytes(bytes(content))
    bag = open_bag(folder)
    assert [message.data for message in bag.messages()] == data[:10]
    assert bag.damage == {"run_0.mcap": "a chunk has a wrong checksum"}
    assert not bag.is_whole


def test_what_stands_behind_a_damage_is_not_thrown_away(tmp_path):
    folder = tmp_path / "run"
    data = write_chunks(folder, 4)
    file = next(folder.glob("*.mcap"))
    content = bytearray(file.read_bytes())
    content[content.index(b"message 12")] ^= 1
    file.write_bytes(content[:-8])  # without its end: it is written anew
    done = reindex(folder)
    assert (done.contents.count, done.kept) == (10, ("run_0.mcap.damaged",))
    assert (folder / "run_0.mcap.damaged").read_bytes() == content[:-8]
    assert [message.data for message in open_bag(folder).messages()] == data[:10]
    assert open_bag(folder).notes == ()


def test_a_bag_in_progress_is_left_alone(tmp_path):
    writer = BagWriter(tmp_path / "run")
    writer.add_topic(CHATTER)
    writer.write("/chatter", serialized(0), START_NS)
    writer.flush()
    with pytest.raises(BagError, match="run is being recorded"):
        reindex(tmp_path / "run")
    writer.close()
    assert reindex(tmp_path / "run").rewritten == ()


def test_an_empty_bag(tmp_path):
    write_bag(tmp_path / "run", count=0)
    bag = open_bag(tmp_path / "run")
    assert bag.contents() == BagMetadata(
        (BagFile("run_0.mcap", 0, 0, 0),), (CHATTER, STATES), bag.contents().ros_distro
    )
    assert list(bag.messages()) == []


def test_version_9_and_version_4_are_read(tmp_path):
    data = write_bag(tmp_path / "x")
    file = tmp_path / "x/metadata.yaml"
    file.write_text(VERSION_9)
    assert metadata.load(file) == Told(("x_0.mcap",), 2, "kilted", "", "")
    assert [message.data for message in open_bag(tmp_path / "x").messages()] == data
    profile = yaml.safe_load(VERSION_9)["rosbag2_bagfile_information"]
    profile = profile["topics_with_message_count"][0]["topic_metadata"]["offered_qos_profiles"]
    assert metadata.qos_from_yaml(profile)[0]["reliability"] == "best_effort"

    tree = yaml.safe_load(VERSION_9)
    old = tree["rosbag2_bagfile_information"]
    old["version"] = 4
    del old["files"], old["ros_distro"], old["custom_data"]
    topic = old["topics_with_message_count"][0]["topic_metadata"]
    del topic["type_description_hash"]
    topic["offered_qos_profiles"] = ""
    file.write_text(yaml.safe_dump(tree))
    assert metadata.load(file) == Told(("x_0.mcap",), 2, "", "", "")


@pytest.mark.parametrize("name", ["x_0.mcap", "x_0.db3", "x_0.mcap.zstd", "metadata.yaml"])
def test_a_pointer_of_git_lfs_is_named_with_the_remedy(tmp_path, name):
    (tmp_path / "x_0.mcap").write_bytes(b"")
    if name.startswith("x_0"):
        (tmp_path / "x_0.mcap").unlink()
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 206699736\n"
    (tmp_path / name).write_text(pointer)
    for read in (
        lambda path: list(open_bag(path).messages()),
        lambda path: open_bag(path).contents(),
    ):
        with pytest.raises(BagError, match=rf"{name} is a pointer of Git LFS.*git lfs pull"):
            read(tmp_path)
    if name != "metadata.yaml":  # which is made anew
        with pytest.raises(BagError, match="pointer of Git LFS"):
            reindex(tmp_path)
    assert (tmp_path / name).read_text() == pointer
