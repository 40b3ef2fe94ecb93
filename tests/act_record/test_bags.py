"""Bags: what others read of them, what is left of one that was cut off, and its repair."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import mcap.reader
import mcap_ros2.decoder
import numpy as np
import pytest
import rosbag_lite
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.robots.so101 import JOINT_NAMES
from act_record import cdr
from act_record.bag_reader import BagError, find_bags, open_bag
from act_record.bag_topics import bag_topic
from act_record.repair import repair
from act_record.timeline import Timeline
from rosbag_lite import BagWriter
from rosbag_lite.definitions import definition
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import JointState

from tests.act_record import bags
from tests.act_record.bags import MS, T0


def test_messages_are_read_as_ros_reads_them():
    position = [0.1, -0.2, 0.3, 0.4, 0.5, 0.6]
    message = bags.joints(topics.JOINT_STATES, T0 + 5, position)
    read = cdr.read_joints(message.data)
    assert (read.stamp_ns, read.names) == (T0 + 5, JOINT_NAMES)
    assert read.position.tolist() == position
    assert read.velocity.shape == (0,)
    moving = ros.joint_state(JOINT_NAMES[:2], [1.0, 2.0], 7, velocity=[0.5, 0.25])
    moving.header.frame_id = "odd"
    assert cdr.read_joints(bytes(bags.serialize_message(moving))).velocity.tolist() == [0.5, 0.25]
    assert cdr.read_joints(bytes(bags.serialize_message(JointState()))).names == ()
    said = cdr.read_status(bags.status(0, "cube lost", seed=7, finished=True).data)
    assert said == {"message": "cube lost", "seed": "7", "finished": "true"}


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8"])
def test_images_are_read_as_the_policy_node_reads_them(encoding):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (6, 8, 4 if encoding == "rgba8" else 3)).astype(np.uint8)
    message = ros.array_to_image(pixels, 3, "frame", encoding)
    data = bytes(bags.serialize_message(message))
    assert cdr.image_size(data, cdr.IMAGE) == (6, 8)
    assert np.array_equal(cdr.read_image(data, cdr.IMAGE), ros.image_to_array(message))
    if encoding == "rgb8":
        packed = ros.array_to_compressed(pixels, 3, "frame")
        data = bytes(bags.serialize_message(packed))
        assert cdr.image_size(data, cdr.COMPRESSED_IMAGE) == (6, 8)
        read = cdr.read_image(data, cdr.COMPRESSED_IMAGE)
        assert np.array_equal(read, ros.image_to_array(packed))


@pytest.mark.parametrize("size", [0, 3, 10, 40, 100])
def test_bytes_that_are_no_message_are_refused(size):
    data = bags.joints(topics.JOINT_STATES, T0, np.zeros(6)).data[:size]
    with pytest.raises(ValueError, match="bytes"):
        cdr.read_joints(data)


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_a_bag_is_read_by_others(tmp_path, compression):
    messages = bags.episode(0.5)
    bags.write_bag(tmp_path / "run", messages, {"contract.json": "{}"}, compression)
    with Reader(tmp_path / "run") as reader:  # an independent implementation of rosbag2's layout
        found = [(c.topic, data, at) for c, at, data in reader.messages()]
        assert {c.msgtype for c in reader.connections} == {m.type_name for m in messages}
    assert sorted(found) == sorted((m.topic, m.data, m.log_ns) for m in messages)
    with (tmp_path / "run/run_0.mcap").open("rb") as stream:
        factory = mcap_ros2.decoder.DecoderFactory()  # reads the definitions inside the file
        decoded = mcap.reader.make_reader(stream, decoder_factories=[factory])
        for _, channel, _, message in decoded.iter_decoded_messages(["/joint_states"]):
            assert channel.topic == "/joint_states"
            assert message.name == list(JOINT_NAMES)


def test_a_bag_gives_back_what_was_written(tmp_path):
    messages = bags.episode(0.5)
    bags.write_bag(tmp_path / "run", messages, {"contract.json": '{"version": 1}'})
    bag = open_bag(tmp_path / "run")
    assert list(bag.messages()) == messages
    assert bag.attachments() == {"contract.json": '{"version": 1}'}
    assert bag.is_whole
    timeline = Timeline.of(bag)
    assert timeline.cameras == ("front", "wrist")
    assert timeline.image_sizes["front"] == (48, 64)
    assert len(timeline.joints()) == len(timeline.commands["joint_commands"]) == 50
    assert [frame.number for frame in timeline.frames("front")][:3] == [0, 2, 4]


def test_sqlite_bags_are_read_too(tmp_path):
    """Humble's default storage; the tables are those of rosbag2_storage_sqlite3."""
    folder = tmp_path / "old"
    folder.mkdir()
    messages = bags.episode(0.2)
    kinds = list(dict.fromkeys((m.topic, m.type_name) for m in messages))
    with sqlite3.connect(folder / "old_0.db3") as database:
        database.execute("CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, "
                         "serialization_format TEXT, offered_qos_profiles TEXT)")  # fmt: skip
        database.execute("CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, "
                         "timestamp INTEGER, data BLOB)")  # fmt: skip
        database.executemany("INSERT INTO topics VALUES (?, ?, ?, 'cdr', '')",
                             [(k, *kind) for k, kind in enumerate(kinds)])  # fmt: skip
        rows = [([k for k, _ in kinds].index(m.topic), m.log_ns, m.data) for m in messages]
        database.executemany("INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)",
                             rows)  # fmt: skip
    bag = open_bag(folder)
    assert list(bag.messages()) == messages
    assert bag.is_whole
    (folder / "old_0.db3").write_bytes(b"no database at all")
    with pytest.raises(BagError, match="old_0.db3 cannot be read: file is not a database"):
        list(open_bag(folder).messages())


RECORD_FOR_EVER = """
import sys
from pathlib import Path
from rosbag_lite import BagTopic
from act_record.episode_recorder import EpisodeRecorder
from tests.act_record import bags

messages = bags.episode(1.0)
kinds = dict.fromkeys((m.topic, m.type_name) for m in messages)
recorder = EpisodeRecorder(Path(sys.argv[1]), [BagTopic(*kind) for kind in kinds],
                           {"contract.json": "{}"})
recorder.start()
for message in messages:
    recorder.write(message.topic, message.data, message.log_ns)
print("written", flush=True)
sys.stdin.readline()
"""


def test_a_killed_recorder_loses_what_came_after_the_last_flush(tmp_path):
    """kill -9: no index, no metadata.yaml; still readable, and whole again after a repair."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", RECORD_FOR_EVER, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    assert process.stdout.readline() == "written\n"
    folder = tmp_path / "episode_000000"
    wanted = bags.episode(1.0)
    while len(list(open_bag(folder).messages())) < len(wanted):  # until it has been flushed
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    bag = open_bag(folder)
    assert not bag.is_whole
    assert not (folder / "metadata.yaml").exists()
    # Not the bytes: those between the fields are whatever was there in the other process.
    saved = list(bag.messages())
    assert [m[:2] + m[3:] for m in saved] == [m[:2] + m[3:] for m in wanted]
    repaired = repair(folder)
    assert repaired.messages == len(wanted)
    assert open_bag(folder).is_whole
    assert list(open_bag(folder).messages()) == saved
    assert open_bag(folder).attachments() == {"contract.json": "{}"}
    with Reader(folder) as reader:
        assert reader.message_count == len(wanted)
    assert [path.name for path in sorted(folder.iterdir())] == [
        "episode_000000_0.mcap", "metadata.yaml",
    ]  # fmt: skip
    assert repair(folder) is None


@pytest.mark.parametrize("keep", [0.3, 0.7, 0.999])
def test_what_comes_before_the_damage_is_read(tmp_path, keep):
    messages = bags.episode(4.0)
    bags.write_bag(tmp_path / "run", messages)
    path = tmp_path / "run/run_0.mcap"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    bag = open_bag(tmp_path / "run")
    assert not bag.is_whole
    found = list(bag.messages())
    assert found == messages[: len(found)]
    lost = len(messages) - len(found)
    assert lost < len(messages) * (1 - keep) + 400  # at most one chunk more than was cut off
    if found:
        repair(tmp_path / "run")
        assert list(open_bag(tmp_path / "run").messages()) == found


def test_a_flipped_bit_ends_the_reading_there(tmp_path):
    messages = bags.episode(4.0)
    bags.write_bag(tmp_path / "run", messages)
    path = tmp_path / "run/run_0.mcap"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    found = list(open_bag(tmp_path / "run").messages())
    assert 0 < len(found) < len(messages)
    assert found == messages[: len(found)]


def test_what_is_no_bag_is_refused(tmp_path):
    with pytest.raises(BagError, match="there is no"):
        open_bag(tmp_path / "nowhere")
    with pytest.raises(BagError, match=r"holds neither metadata\.yaml nor \.mcap"):
        open_bag(tmp_path)
    with pytest.raises(BagError, match="no bags in"):
        find_bags([tmp_path])
    bags.write_bag(tmp_path / "run", bags.episode(0.1))
    with pytest.raises(rosbag_lite.BagError, match="a recording is never replaced"):
        BagWriter(tmp_path / "run")
    (tmp_path / "run/run_0.mcap").unlink()
    with pytest.raises(BagError, match="names files that are not there: run_0.mcap"):
        open_bag(tmp_path / "run")


def test_a_type_without_a_definition_is_named():
    assert "MSG: std_msgs/Header" in definition(cdr.JOINT_STATE)
    with pytest.raises(ConfigurationError, match="no definition of no_msgs/msg/Odd: searched"):
        bag_topic(dataclasses.replace(topics.JOINT_STATES, type_name="no_msgs/msg/Odd"), "/odd")


def test_bags_are_found_in_folders(tmp_path):
    for name in ("b/episode_000001", "b/episode_000000", "a"):
        bags.write_bag(tmp_path / name, bags.episode(0.1))
    names = [path.relative_to(tmp_path).as_posix() for path in find_bags([tmp_path])]
    assert names == ["a", "b/episode_000000", "b/episode_000001"]
    assert find_bags([tmp_path / "a", tmp_path]) == find_bags([tmp_path])


def test_an_outcome_that_is_damaged_is_told(tmp_path):
    bags.write_bag(tmp_path / "run", bags.episode(0.1))
    bag = open_bag(tmp_path / "run")
    assert bag.outcome() == {}
    Path(tmp_path / "run/episode.json").write_text(json.dumps({"success": True}))
    assert bag.outcome() == {"success": True}
    Path(tmp_path / "run/episode.json").write_text("{")
    with pytest.raises(BagError, match=r"episode\.json is damaged"):
        bag.outcome()


def test_delayed_messages_keep_their_times(tmp_path):
    late = bags.image("front", T0, bags.picture(0), T0 + 300 * MS)
    bags.write_bag(tmp_path / "run", [late])
    (frame,) = Timeline.of(open_bag(tmp_path / "run")).frames("front")
    assert (frame.stamp_ns, frame.log_ns) == (T0, T0 + 300 * MS)
