"""record and play with real publishers and subscribers: every message, byte for byte."""

from __future__ import annotations

import array
import signal
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from ros2cli import network
from ros2cli.graph import until_shutdown
from ros2cli.main import main
from ros2cli.packages import ensure_prefix_path
from rosbag_lite import BagTopic, BagWriter, mcap_file, open_bag
from rosbags.rosbag2 import Reader

COUNT = 30
START_NS = 1_700_000_000_000_000_000


@pytest.fixture
def graph(ros, monkeypatch):
    """A node of this process; started late enough for the quick profile to take effect."""
    import rclpy

    monkeypatch.setenv(network.VARIABLE, str(network.PROFILES[network.HOST]))
    node = rclpy.create_node("bag_test")
    yield node
    node.destroy_node()


def until(condition: Callable[[], Any], what: str, timeout_s: float = 120.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"no {what} within {timeout_s} s"
        time.sleep(0.02)
    return value


@pytest.fixture
def spin_until(graph) -> Callable[..., None]:
    """``spin_until(condition, node)``: handles what comes in until the condition holds."""
    from rclpy.executors import SingleThreadedExecutor

    def spin(condition: Callable[[], Any], node: Any, timeout_s: float = 120.0) -> None:
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {timeout_s} s"
            executor.spin_once(timeout_sec=0.05)
        executor.shutdown()

    return spin


def latched():
    from rclpy.qos import DurabilityPolicy, QoSProfile

    return QoSProfile(depth=5, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def serialized(message) -> bytes:
    """Padded to whole words, as RTPS sends it (section 9.4.2.12)."""
    from rclpy.serialization import serialize_message

    data = bytes(serialize_message(message))
    return data + bytes(-len(data) % 4)


def strings(count: int) -> list[bytes]:
    from std_msgs.msg import String

    return [serialized(String(data=f"message {index}")) for index in range(count)]


def write_bag(folder: Path, count: int) -> None:
    """Strings on /chatter, 10 ms apart."""
    ensure_prefix_path()
    writer = BagWriter(folder)
    writer.add_topic(BagTopic("/chatter", "std_msgs/msg/String", definition="string data\n"))
    for index, data in enumerate(strings(count)):
        writer.write("/chatter", data, START_NS + index * 10_000_000, START_NS)
    writer.close()


def record(start, folder: Path, *topics: str):
    process = start("-m", "ros2cli", "bag", "record", "-o", str(folder), *topics)
    process.wait_for("Recording to")
    return process


def publish_states(publisher, count: int = COUNT) -> list[bytes]:
    """Publish serialized messages, so that what arrived can be compared byte for byte."""
    from rclpy.duration import Duration
    from sensor_msgs.msg import JointState

    until(publisher.get_subscription_count, "subscriber")
    sent = [serialized(JointState(name=["a"], position=[float(i)])) for i in range(count)]
    for data in sent:
        publisher.publish(data)
    assert publisher.wait_for_all_acked(Duration(seconds=60))
    return sent


def wait_until_on_disk(folder: Path, count: int, topics: set[str]) -> None:
    """Acknowledged messages may not have been taken out of the middleware yet."""
    file = folder / "run_0.mcap"

    def enough() -> bool:
        counts = [topic.count for topic in open_bag(file).contents().topics if topic.name in topics]
        return sum(counts) == count

    until(enough, f"{count} messages on disk")


def recorded(folder: Path, topic: str) -> list[bytes]:
    with Reader(folder) as reader:
        return [bytes(raw) for connection, _, raw in reader.messages() if connection.topic == topic]


def test_record_then_info_then_play(graph, start, ros2, tmp_path, spin_until):
    """Round trip of a reliable and a latched topic; the latter was sent before recording began."""
    from sensor_msgs.msg import Image, JointState
    from std_msgs.msg import String

    folder = tmp_path / "run"
    mode = graph.create_publisher(String, "/mode", latched())
    ready = serialized(String(data="ready"))
    mode.publish(ready)
    states = graph.create_publisher(JointState, "/states", 100)
    image = graph.create_publisher(Image, "/camera/image_raw", 10)
    graph.create_publisher(String, "/unwanted", 10)
    recorder = record(start, folder, "/states", "/mode", "camera/image_raw")
    recorder.wait_for("Subscribed to topic", count=3)

    sent = publish_states(states)
    pixels = array.array("B", range(256)) * 36
    picture = serialized(Image(height=48, width=64, encoding="rgb8", data=pixels))
    until(image.get_subscription_count, "subscriber to the camera")
    image.publish(picture)
    wait_until_on_disk(folder, COUNT + 2, {"/states", "/mode", "/camera/image_raw"})
    assert not (folder / "metadata.yaml").exists()
    assert recorder.end(signal.SIGINT) == 0
    assert f"Recorded {COUNT + 2} messages on 3 topics" in recorder.output
    assert "Traceback" not in recorder.output

    assert recorded(folder, "/states") == sent
    assert recorded(folder, "/mode") == [ready]
    assert recorded(folder, "/camera/image_raw") == [picture]
    by_name = {topic.name: topic for topic in open_bag(folder).contents().topics}
    assert by_name["/mode"].qos[0]["durability"] == 1  # transient local
    assert by_name["/states"].qos[0]["durability"] == 2
    assert by_name["/states"].type_hash.startswith("RIHS01_a13ee3a330e346c9d87b5aa18d24e116")
    for message in mcap_file.messages(folder / "run_0.mcap"):
        assert 0 <= message.log_ns - message.publish_ns < 60 * 10**9  # received after it was sent
    info = ros2("bag", "info", str(folder)).out
    assert "Topic: /states | Type: sensor_msgs/msg/JointState | Count: 30 |" in info

    arrived: list[bytes] = []
    modes: list[bytes] = []
    graph.destroy_publisher(mode)
    graph.create_subscription(JointState, "/replayed", arrived.append, 100, raw=True)
    # Gets nothing from a publisher that does not offer transient local.
    graph.create_subscription(String, "/mode", modes.append, latched(), raw=True)
    words = ("--remap", "/states:=/replayed", "--rate", "20")
    player = start("-m", "ros2cli", "bag", "play", str(folder), *words)
    spin_until(lambda: len(arrived) == COUNT and modes, graph)
    assert arrived == sent
    assert modes == [ready]
    assert player.wait() == 0
    assert "Traceback" not in player.output


def test_all_topics_new_ones_included(graph, start, tmp_path):
    """A topic that appears while recording is recorded; what is excluded is not."""
    from sensor_msgs.msg import JointState
    from std_msgs.msg import String

    folder = tmp_path / "run"
    words = ("-a", "--exclude-topics", "/unwanted", "--compression", "zstd")
    recorder = record(start, folder, *words)
    recorder.wait_for("Subscribed to topic '/rosout'")
    graph.create_publisher(String, "/unwanted", 10)
    late = graph.create_publisher(JointState, "/late", 100)
    sent = publish_states(late)
    wait_until_on_disk(folder, COUNT, {"/late"})
    assert recorder.end(signal.SIGTERM) == 0
    assert recorded(folder, "/late") == sent
    topics = {topic.name for topic in open_bag(folder).contents().topics}
    assert {"/late", "/rosout"} <= topics
    assert "/unwanted" not in topics


def test_whatever_sigterm_makes_fail_is_an_end_not_an_error():
    """rclpy raises one error or another, depending on where the shutdown meets it."""
    import rclpy

    rclpy.init()
    with pytest.raises(RuntimeError, match="of its own"), until_shutdown():
        raise RuntimeError("of its own")
    with until_shutdown():
        rclpy.shutdown()
        raise RuntimeError("context is invalid")
    with until_shutdown():
        raise KeyboardInterrupt


def test_a_killed_recorder_loses_at_most_the_last_moment(graph, start, tmp_path, capsys):
    """What had been flushed (once a second) is there after kill -9, and reindex makes it a bag."""
    from sensor_msgs.msg import JointState

    folder = tmp_path / "run"
    states = graph.create_publisher(JointState, "/states", 100)
    recorder = record(start, folder, "/states")
    sent = publish_states(states)
    wait_until_on_disk(folder, COUNT, {"/states"})
    assert recorder.end(signal.SIGKILL) == -signal.SIGKILL
    assert [path.name for path in folder.iterdir()] == ["run_0.mcap"]

    assert main(["bag", "info", str(folder)]) == 0
    captured = capsys.readouterr()
    assert f"Messages:          {COUNT}\n" in captured.out
    assert f"'ros2 bag reindex {folder}' repairs it" in captured.err
    assert main(["bag", "reindex", str(folder)]) == 0
    assert recorded(folder, "/states") == sent


def test_a_topic_that_is_not_there_is_waited_for_aloud(graph, start, tmp_path):
    from sensor_msgs.msg import JointState

    graph.create_publisher(JointState, "/states", 10)
    recorder = record(start, tmp_path / "run", "/stats")
    recorder.wait_for("WARNING: waiting for unknown topic '/stats'")
    assert recorder.end() == 0


def restarts_of(ticks: list[int]) -> list[int]:
    return [i for i in range(1, len(ticks)) if ticks[i] < ticks[i - 1]]


def test_play_with_the_clock(graph, start, tmp_path, spin_until):
    """Half speed, from an offset, looped, with /clock."""
    from rosgraph_msgs.msg import Clock
    from std_msgs.msg import String

    write_bag(tmp_path / "run", count=60)  # 10 ms apart: 0.59 s
    arrived: list[bytes] = []
    ticks: list[int] = []
    graph.create_subscription(String, "/chatter", arrived.append, 200, raw=True)
    graph.create_subscription(
        Clock, "/clock", lambda m: ticks.append(m.clock.sec * 10**9 + m.clock.nanosec), 200
    )
    words = ("--rate", "0.5", "--start-offset", "0.2", "--clock", "100", "--loop")
    player = start("-m", "ros2cli", "bag", "play", str(tmp_path / "run"), *words)
    spin_until(lambda: len(arrived) >= 60 and len(restarts_of(ticks)) >= 2, graph)
    assert player.end() == signal.SIGINT
    assert "Traceback" not in player.output
    expected = strings(60)[20:]
    begin = expected.index(arrived[0])  # discovery may miss the first ones
    assert arrived[:60] == (3 * expected)[begin : begin + 60]
    restarts = restarts_of(ticks)
    whole_pass = ticks[restarts[0] : restarts[1]]
    assert whole_pass[0] == START_NS + 200_000_000
    assert {b - a for a, b in pairwise(whole_pass)} == {5_000_000}
    assert whole_pass[-1] <= START_NS + 590_000_000


def test_play_refuses_what_is_not_in_the_bag(tmp_path, capsys):
    write_bag(tmp_path / "run", count=10)
    assert main(["bag", "play", str(tmp_path / "run"), "--topics", "/chater"]) == 1
    assert "unknown topic '/chater' of" in capsys.readouterr().err
    assert main(["bag", "play", str(tmp_path / "run"), "--start-offset", "5"]) == 1
    assert "--start-offset 5 is past the 0.09 s" in capsys.readouterr().err
