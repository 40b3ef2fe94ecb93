"""rosbag2 in all its dress: every way in which a bag may be stored gives the same messages.

Most are written by `rosbags`, which knows nothing of our reader.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import mcap.writer
import pytest
import yaml
from rosbag_lite import BagError, find_bags, mcap_file, open_bag, reindex
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from pip_ros2.tests.rosbag_lite.samples import START_NS, serialized

STORE = get_typestore(Stores.ROS2_HUMBLE)
ROOT = "rosbag2_bagfile_information"
TYPE = "std_msgs/msg/String"


def sent(count: int, first: int = 0) -> list[tuple[str, bytes, int]]:
    """Topic, data and log time of messages on two topics in turn, 10 ms apart."""
    return [
        (f"/topic_{index % 2}", serialized(index), START_NS + index * 10_000_000)
        for index in range(first, first + count)
    ]


def write(
    folder: Path,
    messages: list[tuple[str, bytes, int]],
    storage: StoragePlugin = StoragePlugin.MCAP,
    compression: CompressionMode = CompressionMode.NONE,
    version: int = 9,
    types: Mapping[str, str] | None = None,
) -> Path:
    """A bag by `rosbags`; ``types`` of the topics, where they are not all strings."""
    writer = Writer(folder, version=version, storage_plugin=storage)
    writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        topics = {
            name: writer.add_connection(name, (types or {}).get(name, TYPE), typestore=STORE)
            for name in dict.fromkeys(topic for topic, _, _ in messages)
        }
        for topic, data, log_ns in messages:
            writer.write(topics[topic], log_ns, data)
    return folder


def read(path: Path, **options) -> list[tuple[str, bytes, int]]:
    """What our reader makes of it; it must not have been damaged."""
    bag = open_bag(path)
    found = [(m.topic, bytes(m.data), m.log_ns) for m in bag.messages(**options)]
    assert bag.damage == {}
    contents = bag.contents()
    assert contents.count == len(found)
    assert {topic.name: topic.count for topic in contents.topics} == {
        name: sum(topic == name for topic, _, _ in found) for name, _, _ in found[:2]
    }
    assert contents.start_ns == min(log_ns for _, _, log_ns in found)
    return found


DRESSES = [
    (storage, compression)
    for storage in (StoragePlugin.MCAP, StoragePlugin.SQLITE3)
    for compression in CompressionMode
    if (storage, compression) != (StoragePlugin.SQLITE3, CompressionMode.STORAGE)
]


@pytest.mark.parametrize("version", [8, 9])
@pytest.mark.parametrize(("storage", "compression"), DRESSES)
def test_every_storage_and_compression_reads_alike(tmp_path, storage, compression, version):
    messages = sent(50)
    folder = write(tmp_path / "run", messages, storage, compression, version)
    assert read(folder) == read(folder, by_time=True) == messages
    topic, _ = open_bag(folder).contents().topics
    assert (topic.name, topic.type, topic.serialization_format) == ("/topic_0", TYPE, "cdr")
    assert find_bags([tmp_path]) == [folder]
    (folder / "metadata.yaml").unlink()  # nothing then tells of the compression but the data
    assert find_bags([tmp_path]) == [folder]
    assert read(folder) == messages
    done = reindex(folder)
    assert done.contents.count == 50
    assert open_bag(folder).notes == ()
    assert read(folder) == messages
    tree = yaml.safe_load((folder / "metadata.yaml").read_text())[ROOT]
    assert tree["storage_identifier"] == storage.name.lower()
    assert tree["message_count"] == 50


def split(folder: Path, count: int, storage: StoragePlugin, compression: CompressionMode) -> None:
    """A bag of ``count`` files with ten messages each, named as rosbag2 names them."""
    folder.mkdir()
    suffix = {StoragePlugin.MCAP: "mcap", StoragePlugin.SQLITE3: "db3"}[storage]
    suffix += ".zstd" if compression == CompressionMode.FILE else ""
    trees = []
    for number in range(count):
        part = write(folder / f"part{number}", sent(10, 10 * number), storage, compression)
        trees.append(yaml.safe_load((part / "metadata.yaml").read_text())[ROOT])
        (part / f"part{number}.{suffix}").rename(folder / f"run_{number}.{suffix}")
        shutil.rmtree(part)
    tree = trees[0]
    tree["relative_file_paths"] = [f"run_{number}.{suffix}" for number in range(count)]
    tree["message_count"] = 10 * count
    (folder / "metadata.yaml").write_text(yaml.safe_dump({ROOT: tree}))


@pytest.mark.parametrize(("storage", "compression"), DRESSES)
def test_twelve_files_come_in_the_order_of_their_numbers(tmp_path, storage, compression):
    folder = tmp_path / "run"
    split(folder, 12, storage, compression)
    assert read(folder) == sent(120)
    (folder / "metadata.yaml").unlink()
    assert [path.name.split(".")[0] for path in open_bag(folder).files][8:] == [
        "run_8", "run_9", "run_10", "run_11",
    ]  # fmt: skip
    assert read(folder) == sent(120)
    assert [file.count for file in reindex(folder).contents.files] == [10] * 12
    assert read(folder) == sent(120)
    one = next(folder.glob("run_7.*"))
    assert read(one) == sent(10, 70)


WRITER_OPTIONS = [
    {"compression": compression, **options}
    for compression in mcap.writer.CompressionType
    for options in (
        {},
        {"index_types": mcap.writer.IndexType.NONE},
        {"use_statistics": False},
        {"repeat_channels": False, "repeat_schemas": False},
        {"use_summary_offsets": False},
        {"use_chunking": False},
        {"enable_crcs": False},
        {"chunk_size": 1},
        {"use_statistics": False, "use_summary_offsets": False, "repeat_channels": False,
         "repeat_schemas": False, "index_types": mcap.writer.IndexType.NONE},
    )
]  # fmt: skip


def write_mcap(path: Path, messages: list[tuple[str, bytes, int]], **options) -> Path:
    with path.open("wb") as stream:
        writer = mcap.writer.Writer(stream, **options)
        writer.start(profile="ros2")
        schema = writer.register_schema(TYPE, "ros2msg", b"string data")
        names = dict.fromkeys(topic for topic, _, _ in messages)
        channels = {name: writer.register_channel(name, "cdr", schema) for name in names}
        for topic, data, log_ns in messages:
            writer.add_message(channels[topic], log_ns, data, log_ns)
        writer.finish()
    return path


@pytest.mark.parametrize("options", WRITER_OPTIONS, ids=str)
def test_whatever_an_mcap_file_leaves_out_it_is_read(tmp_path, options):
    (tmp_path / "run").mkdir()
    path = write_mcap(tmp_path / "run/run_0.mcap", sent(40), **options)
    assert read(path) == read(path.parent) == read(path, by_time=True) == sent(40)
    assert reindex(path.parent).contents.count == 40
    assert mcap_file.summary(path) is not None  # written anew where it had none
    assert read(path.parent) == sent(40)


def test_messages_out_of_order_are_played_in_the_order_of_their_times(tmp_path):
    messages = sent(40)
    mixed = [messages[index ^ 5] for index in range(40)]
    for options in ({"chunk_size": 200}, {"use_chunking": False}, {}):
        path = write_mcap(tmp_path / "mixed.mcap", mixed, **options)
        assert read(path) == mixed
        assert read(path, by_time=True) == messages
    folder = write(tmp_path / "sqlite", mixed, StoragePlugin.SQLITE3)
    assert read(folder) == mixed
    assert read(folder, by_time=True) == messages


def test_old_schemas_of_sqlite_are_read(tmp_path):
    """Version 1 (Foxy) has neither QoS nor hashes; the path in metadata.yaml names the folder."""
    folder = tmp_path / "run"
    folder.mkdir()
    with sqlite3.connect(folder / "run_0.db3") as database:
        database.execute(
            "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, "
            "serialization_format TEXT NOT NULL)"
        )
        database.execute(
            "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, "
            "timestamp INTEGER NOT NULL, data BLOB NOT NULL)"
        )
        database.executemany(
            "INSERT INTO topics VALUES (?, ?, ?, 'cdr')",
            [(k, f"/topic_{k}", TYPE) for k in range(2)],
        )
        database.executemany(
            "INSERT INTO messages(topic_id, timestamp, data) VALUES (?, ?, ?)",
            [(int(topic[-1]), log_ns, data) for topic, data, log_ns in sent(20)],
        )
    tree = {"version": 2, "storage_identifier": "sqlite3", "message_count": 20,
            "relative_file_paths": ["run/run_0.db3"]}  # fmt: skip
    (folder / "metadata.yaml").write_text(yaml.safe_dump({ROOT: tree}))
    assert read(folder) == sent(20)


def changed(folder: Path, **values: object) -> Path:
    path = folder / "metadata.yaml"
    tree = yaml.safe_load(path.read_text())
    tree[ROOT].update(values)
    path.write_text(yaml.safe_dump(tree))
    return folder


def test_files_that_metadata_does_not_name_are_told_of(tmp_path):
    folder = tmp_path / "run"
    split(folder, 3, StoragePlugin.MCAP, CompressionMode.NONE)
    changed(folder, relative_file_paths=["run_0.mcap", "run_1.mcap"], message_count=20)
    bag = open_bag(folder)
    assert [path.name for path in bag.files] == ["run_0.mcap", "run_1.mcap"]
    assert (
        "run_2.mcap is not named by metadata.yaml and left out; 'ros2 bag reindex" in bag.notes[0]
    )
    reindex(folder)
    assert read(folder) == sent(30)


def test_files_that_are_not_there_are_named_with_the_remedy(tmp_path):
    folder = tmp_path / "run"
    split(folder, 3, StoragePlugin.MCAP, CompressionMode.NONE)
    (folder / "run_1.mcap").unlink()
    with pytest.raises(BagError, match=r"not there: run_1\.mcap; .* without them: ros2 bag"):
        open_bag(folder)
    reindex(folder)
    assert read(folder) == sent(10) + sent(10, 20)


def test_a_file_packed_or_unpacked_since_is_found(tmp_path):
    folder = write(tmp_path / "run", sent(20), compression=CompressionMode.FILE)
    changed(folder, relative_file_paths=["run.mcap"])  # as it was named before it was packed
    assert read(folder) == sent(20)
    changed(folder, relative_file_paths=["run.mcap.zstd"])
    (folder / "run.mcap.zstd").unlink()
    write(tmp_path / "plain" / "run", sent(20))
    shutil.copy(tmp_path / "plain/run/run.mcap", folder)
    assert read(folder) == sent(20)


@pytest.mark.parametrize(
    "name", ["../other/other.mcap", "/etc/hostname", "a/../../other/other.mcap", "link.mcap", "..",
             "x\0.mcap", "sub/link.mcap"],
)  # fmt: skip
def test_a_bag_stays_in_its_folder(tmp_path, name):
    folder = write(tmp_path / "run", sent(4))
    write(tmp_path / "other", sent(4))
    (folder / "sub").mkdir()
    for link in ("link.mcap", "sub/link.mcap"):
        (folder / link).symlink_to(tmp_path / "other/other.mcap")
    changed(folder, relative_file_paths=[name])
    with pytest.raises(BagError, match=r"outside of the bag's folder") as caught:
        open_bag(folder)
    assert repr(name)[1:-1] in str(caught.value) or name in str(caught.value)


def test_what_cannot_be_unpacked_here_is_refused_with_the_remedy(tmp_path):
    folder = write(tmp_path / "run", sent(4), compression=CompressionMode.MESSAGE)
    changed(folder, compression_format="lz4")
    with pytest.raises(BagError, match="is compressed by 'lz4', known: zstd; convert it"):
        open_bag(folder)
    packed = write(tmp_path / "packed", sent(4), compression=CompressionMode.FILE)
    changed(packed, relative_file_paths=["packed.mcap.lz4"])
    (packed / "packed.mcap.zstd").rename(packed / "packed.mcap.lz4")
    with pytest.raises(BagError, match=r"packed\.mcap\.lz4 is none of .*: unpack it, and reindex"):
        open_bag(packed)
    half = write(tmp_path / "half", sent(400), compression=CompressionMode.FILE)
    file = half / "half.mcap.zstd"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(BagError, match="was cut off: its recorder was killed while it was packing"):
        list(open_bag(half).messages())
    # The recorder left the file that it was packing: that one is whole.
    shutil.copy(write(tmp_path / "plain/half", sent(400)) / "half.mcap", half)
    (half / "metadata.yaml").unlink()
    assert read(half) == sent(400)


def test_two_storages_in_one_folder_are_refused(tmp_path):
    folder = write(tmp_path / "run", sent(4))
    shutil.copy(write(tmp_path / "old", sent(4), StoragePlugin.SQLITE3) / "old.db3", folder)
    (folder / "metadata.yaml").unlink()
    with pytest.raises(BagError, match=r"holds \.mcap and \.db3"):
        open_bag(folder)


def test_a_killed_recorder_of_sqlite_loses_nothing_that_it_committed(tmp_path):
    """The resilient preset of rosbag2 writes ahead (WAL): what was not yet copied is read too."""
    folder = write(tmp_path / "run", sent(4), StoragePlugin.SQLITE3)
    database = sqlite3.connect(folder / "run.db3")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("INSERT INTO messages(topic_id, timestamp, data) VALUES (1, ?, ?)",
                     (START_NS + 40_000_000, serialized(4)))  # fmt: skip
    database.commit()
    for path in folder.glob("run.db3*"):  # as kill -9 leaves them
        (tmp_path / "killed").mkdir(exist_ok=True)
        shutil.copy(path, tmp_path / "killed")
    database.close()
    assert read(tmp_path / "killed") == sent(5)
    assert reindex(tmp_path / "killed").contents.count == 5
