"""The console among real nodes: an arm without physics and a camera of patterns."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from act_core import images

from tests.act_console.consoles import PATIENCE_S, console, running
from tests.ros_rig import pause, wait_until


@pytest.fixture(scope="module")
def robot():
    """Console, arm and camera, as three processes."""
    camera = {"camera": "front", "source": "synthetic", "width": 640, "height": 480}
    with (
        console() as one,
        running("act_sim.mock_arm_node", "mock_arm") as arm,
        running("act_camera.camera_node", "camera_front", **camera),
    ):
        arm.wait_for("waiting for commands")
        yield one


class Looker:
    """A page without a browser: all that came on the live channel, by kind."""

    def __init__(self, url: str) -> None:
        client = pytest.importorskip("websockets.sync.client")
        self._socket = client.connect(f"{url.replace('http', 'ws')}/live", max_size=None)
        self.newest: dict[str, object] = {}
        self.poses: list[list[float]] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for message in self._socket:
            if isinstance(message, bytes):
                end = 2 + int.from_bytes(message[:2], "big")
                header = json.loads(message[2:end])
                self.newest[f"picture {header['camera']}"] = header, message[end:]
                continue
            heard = json.loads(message)
            self.newest[heard["k"]] = heard
            if heard["k"] == "pose":
                self.poses.append(heard["q"])

    def say(self, **words: object) -> None:
        self._socket.send(json.dumps(words))

    def drag(self, goal: list[float]) -> None:
        self.say(drag=goal)

    @property
    def owner(self) -> str:
        return self.newest["state"]["owner"]["owner"] if "state" in self.newest else ""

    @property
    def statuses(self) -> list[str]:
        return [status["name"] for status in self.newest["state"]["statuses"]]

    def close(self) -> None:
        self._socket.close()
        self._thread.join(PATIENCE_S)


@pytest.fixture
def look(robot):
    looker = Looker(robot.url)
    wait_until(lambda: "pose" in looker.newest and looker.owner, PATIENCE_S)
    yield looker
    looker.close()


def test_a_page_gets_the_robot_its_joints_its_pictures_and_its_words(look):
    wait_until(lambda: "picture front" in look.newest, PATIENCE_S)
    wait_until(lambda: "/mock_arm: control" in look.statuses, PATIENCE_S)
    wait_until(lambda: "estop" in look.newest["state"]["services"], PATIENCE_S)
    assert [joint["name"] for joint in look.newest["hello"]["joints"]][-1] == "gripper"
    assert set(look.newest["hello"]["poses"]) == {"home", "rest"}
    header, jpeg = look.newest["picture front"]
    assert images.decompress(jpeg, "rgb8").shape == (360, 480, 3)
    assert header["age_ms"] >= 0
    state = look.newest["state"]
    assert state["cameras"] == ["front"]
    assert "policy/enable" not in state["services"]


def test_the_e_stop_is_engaged_and_released(robot, look):
    assert robot.act("estop", True) == {"ok": True, "text": "e-stop engaged"}
    wait_until(lambda: look.newest["state"]["estop"] is True, PATIENCE_S)
    look.drag([0.5] * 6)
    wait_until(lambda: "refused" in look.newest, PATIENCE_S)
    assert "e-stop" in look.newest["refused"]["text"]
    assert robot.act("estop", False)["ok"]
    wait_until(lambda: look.newest["state"]["estop"] is False, PATIENCE_S)


def test_a_stop_waits_for_an_arm_that_is_just_being_found():
    """What `ConsoleNode.call` awaits before it says that nobody answers."""
    import rclpy
    from act_console.console_node import found
    from act_core import ros, topics
    from rclpy.node import Node

    rclpy.init(args=[])
    try:
        # In a namespace of their own: the other tests' arm answers on this topic as well.
        console_side = Node("console_side", namespace="being_found")
        arm_side = Node("arm_side", namespace="being_found")
        client = console_side.create_client(
            ros.interface_type(topics.ESTOP.type_name), topics.ESTOP.name
        )
        asyncio.run(found(client, within_s=0.05))
        assert not client.service_is_ready()

        async def starts_meanwhile() -> None:
            waiting = asyncio.create_task(found(client, within_s=PATIENCE_S))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            ros.service(arm_side, topics.ESTOP, lambda _request, response: response)
            await waiting

        asyncio.run(starts_meanwhile())
        assert client.service_is_ready()
    finally:
        rclpy.shutdown()


def test_the_e_stop_goes_by_the_live_channel_as_well(robot, look):
    look.say(stop=True)
    wait_until(lambda: "stopped" in look.newest, PATIENCE_S)
    assert look.newest["stopped"]["text"] == "e-stop engaged"
    wait_until(lambda: look.newest["state"]["estop"] is True, PATIENCE_S)
    assert robot.act("estop", False)["ok"]
    wait_until(lambda: look.newest["state"]["estop"] is False, PATIENCE_S)


def test_an_arm_that_a_page_drags_stops_when_the_page_vanishes(robot, look):
    other = Looker(robot.url)
    goal = [0.0 if value > 0 else 1.0 for value in look.newest["pose"]["q"]]
    goal[5] = 0.5

    def moves() -> bool:
        other.drag(goal)
        return look.owner == "person" and abs(look.poses[-1][0] - look.poses[0][0]) > 0.1

    wait_until(moves, PATIENCE_S)
    other.close()
    wait_until(lambda: look.owner == "nobody", PATIENCE_S)
    count = len(look.poses)
    wait_until(lambda: len(look.poses) > count + 5, PATIENCE_S)
    assert look.poses[-1] == pytest.approx(look.poses[count], abs=1e-3)
    assert robot.act("return")["ok"]
    wait_until(lambda: look.owner == "policy", PATIENCE_S)


def test_a_page_that_does_not_read_holds_up_nobody(robot, look):
    client = pytest.importorskip("websockets.sync.client")
    url = f"{robot.url.replace('http', 'ws')}/live"
    with client.connect(url, max_queue=1, close_timeout=0.1):
        count = len(look.poses)
        wait_until(lambda: len(look.poses) > count + 40, PATIENCE_S)
        assert robot.act("estop", False)["ok"]


def test_messages_that_nobody_means_end_nothing_and_reach_no_page(ros, robot, look):
    from act_core import ros as act_ros
    from act_core import topics
    from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
    from rclpy.node import Node
    from sensor_msgs.msg import Image, JointState
    from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

    nan = float("nan")
    names = [joint["name"] for joint in look.newest["hello"]["joints"]]
    points = [JointTrajectoryPoint(positions=[nan]), JointTrajectoryPoint(positions=[0.0, 1.0])]
    strange = DiagnosticStatus(name="\x1b[2J", message="x" * 100_000, level=bytes([200]))
    sent = {
        topics.JOINT_STATES: JointState(name=names, position=[nan] * 6),
        topics.JOINT_COMMANDS_APPLIED: JointState(name=names, position=[float("inf")] * 6),
        topics.POLICY_CHUNK: JointTrajectory(joint_names=["a"], points=points),
        topics.DIAGNOSTICS: DiagnosticArray(status=[strange]),
        topics.camera_image("odd"): Image(height=1 << 31, width=3, encoding="rgb8", step=9),
    }
    node = Node("nonsense")
    publishers = [(act_ros.publisher(node, topic), message) for topic, message in sent.items()]

    def seen() -> bool:
        for publisher, message in publishers:
            publisher.publish(message)
        state = look.newest["state"]
        return "?[2J" in look.statuses and any("odd" in hint for hint in state["hints"])

    wait_until(seen, PATIENCE_S)
    node.destroy_node()
    count = len(look.poses)
    wait_until(lambda: len(look.poses) > count + 3, PATIENCE_S)
    assert all(abs(value) < 10.0 for pose in look.poses for value in pose)


def test_nonsense_on_the_live_channel_ends_nothing(robot, look):
    client = pytest.importorskip("websockets.sync.client")
    for text in ("", "{", "null", "[1]", '{"drag": null}', '{"drag": {"a": 1}}', "[" * 3000,
                 '{"drag": [1e999, 0, 0, 0, 0, 0]}', b"\x00\xff"):  # fmt: skip
        with client.connect(f"{robot.url.replace('http', 'ws')}/live") as nonsense:
            nonsense.send(text)
    count = len(look.poses)
    wait_until(lambda: len(look.poses) > count + 3, PATIENCE_S)
    pause()
    assert look.owner == "policy"
