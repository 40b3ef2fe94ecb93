"""`ros2 bag` on files: info, play and reindex; what is read is the work of `rosbag_lite`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from ros2cli import bag_info, bag_play, qos
from ros2cli.errors import CliError
from ros2cli.main import main
from ros2cli.packages import ensure_prefix_path
from ros2cli.verbs import Parser
from rosbag_lite import BagTopic, metadata, open_bag

from pip_ros2.tests.rosbag_lite import test_dress as dress
from pip_ros2.tests.rosbag_lite.samples import CHATTER, RELIABLE_LATCHED, serialized, write_bag
from pip_ros2.tests.rosbag_lite.test_files import VERSION_9


@pytest.fixture(autouse=True)
def _prefix_path():
    ensure_prefix_path()


def test_what_is_offered_follows_the_publishers_where_they_agree():
    from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

    latched = qos.from_bag(CHATTER, depth=3)
    assert (latched.depth, latched.durability) == (3, DurabilityPolicy.TRANSIENT_LOCAL)
    other = {**RELIABLE_LATCHED, "durability": 2, "reliability": 2}
    mixed = BagTopic("/a", CHATTER.type, (RELIABLE_LATCHED, other))
    assert qos.from_bag(mixed, 3).durability == DurabilityPolicy.VOLATILE
    assert qos.from_bag(mixed, 3).reliability == ReliabilityPolicy.RELIABLE


def test_a_profile_of_rclpy_is_stored_as_rosbag2_does():
    from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile

    profile = QoSProfile(
        history=HistoryPolicy.UNKNOWN, depth=0, durability=DurabilityPolicy.TRANSIENT_LOCAL
    )
    stored = qos.to_bag(profile)
    assert list(stored) == list(RELIABLE_LATCHED)
    assert {k: stored[k] for k in ("history", "reliability", "durability")} == {
        "history": 3, "reliability": 1, "durability": 1,
    }  # fmt: skip
    text = metadata.qos_to_yaml((RELIABLE_LATCHED,))
    assert metadata.qos_from_yaml(text) == (RELIABLE_LATCHED,)


def test_a_qos_that_makes_no_sense_is_told_and_the_default_played(capsys):
    for wrong in (
        {**RELIABLE_LATCHED, "reliability": 99},
        {**RELIABLE_LATCHED, "durability": "bogus"},
        {**RELIABLE_LATCHED, "deadline": {"sec": "x", "nsec": 0}},
        {**RELIABLE_LATCHED, "deadline": {"sec": 2**70, "nsec": 0}},
        {**RELIABLE_LATCHED, "lifespan": None},
        {"depth": 1},
    ):
        offer = qos.from_bag(BagTopic("/a", CHATTER.type, (wrong,)), 3)
        assert offer.depth == 3
        assert "QoS that the bag has for '/a' makes no sense" in capsys.readouterr().err


def test_qos_of_version_9_is_offered():
    from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

    tree = yaml.safe_load(VERSION_9)["rosbag2_bagfile_information"]
    profiles = tree["topics_with_message_count"][0]["topic_metadata"]["offered_qos_profiles"]
    topic = BagTopic("/a", CHATTER.type, metadata.qos_from_yaml(profiles))
    offer = qos.from_bag(topic, depth=10)
    assert offer.reliability == ReliabilityPolicy.BEST_EFFORT
    assert offer.durability == DurabilityPolicy.VOLATILE


def test_a_mistyped_path_suggests_the_bag(tmp_path, capsys):
    write_bag(tmp_path / "monday")
    assert main(["bag", "info", str(tmp_path / "munday")]) == 1
    assert f"did you mean '{tmp_path}/monday'" in capsys.readouterr().err


def test_reindex(tmp_path, capsys):
    folder = tmp_path / "run"
    write_bag(folder)
    (folder / "metadata.yaml").unlink()
    assert main(["bag", "reindex", str(folder)]) == 0
    assert "10 messages on 2 topics" in capsys.readouterr().out
    assert main(["bag", "reindex", str(tmp_path)]) == 1
    assert "is no folder with .mcap or .db3 files in it" in capsys.readouterr().err


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


def play_once(
    folder: Path, monkeypatch, *words: str, node: FakeNode | None = None, topics=("/chatter",)
):
    clock = FakeTime()
    monkeypatch.setattr(bag_play, "time", clock)
    parser = Parser()
    parser.add(bag_play.play)
    publisher = FakePublisher(clock)
    args = parser.parse_args([str(folder), *words])
    bag = open_bag(folder)
    node = node or FakeNode()
    player = bag_play._Player(node, bag, bag.contents(), dict.fromkeys(topics, publisher), args)
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


@pytest.mark.parametrize(("storage", "compression"), dress.DRESSES)
def test_what_info_tells_is_what_is_played(tmp_path, monkeypatch, capsys, storage, compression):
    folder = dress.write(tmp_path / "run", dress.sent(10), storage, compression)
    assert main(["bag", "info", str(folder)]) == 0
    told = capsys.readouterr()
    assert "Messages:          10\n" in told.out
    assert f"Storage id:        {storage.name.lower()}\n" in told.out
    assert told.err == ""
    _, sent = play_once(folder, monkeypatch, topics=("/topic_0", "/topic_1"))
    wanted = [(round(index * 0.01, 6), data) for index, (_, data, _) in enumerate(dress.sent(10))]
    assert sent == wanted


def test_metadata_that_disagrees_with_the_files_is_told_and_the_files_count(tmp_path, capsys):
    write_bag(tmp_path / "run")
    dress.changed(tmp_path / "run", message_count=12)
    assert main(["bag", "info", str(tmp_path / "run")]) == 0
    told = capsys.readouterr()
    assert "Messages:          10\n" in told.out
    assert "metadata.yaml tells of 12 messages, the files hold 10; 'ros2 bag reindex" in told.err
    assert main(["bag", "reindex", str(tmp_path / "run")]) == 0
    assert main(["bag", "info", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().err == ""


def test_names_of_others_do_not_steer_the_terminal(tmp_path, capsys):
    messages = [("/\x1b[2Jtopic\n", data, log_ns) for _, data, log_ns in dress.sent(2)]
    dress.write_mcap(tmp_path / "run.mcap", messages)
    for words in (["info"], ["info", "-t"], ["info", "-v"]):
        assert main(["bag", *words, str(tmp_path / "run.mcap")]) == 0
        assert "\x1b" not in capsys.readouterr().out


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
    assert main(["bag", "record", "-o", str(tmp_path / "new")]) == 1
    assert "name topics to record, or use --all or --regex" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
