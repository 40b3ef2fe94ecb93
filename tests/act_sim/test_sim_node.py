"""The sim node on real topics: what it says, what it takes, and that lockstep is repeatable."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rclpy
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.robots.so101 import JOINT_NAMES
from act_core.timing import MonotonicClock, to_ns
from act_sim.sim_node import SimNode
from act_sim.simulation import Simulation
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState

from tests.ros_rig import PATIENCE_S

SMALL = {"task": "reach", "width": 64, "height": 48}


class Client(Node):
    """A policy's view of the robot: remembers everything it hears."""

    def __init__(self, cameras: tuple[str, ...]) -> None:
        # The overrides of the process are meant for the node under test.
        super().__init__("client", use_global_arguments=False)
        self.heard: dict[str, list] = {}
        self.news = threading.Condition()
        watched = [topics.JOINT_STATES, topics.JOINT_COMMANDS_APPLIED, topics.EPISODE_STATUS]
        watched += [topics.ESTOP_STATE, topics.DIAGNOSTICS]
        watched += [topics.camera_image(c) for c in cameras]
        watched += [topics.camera_info(c) for c in cameras]
        for topic in watched:
            self.heard[topic.name] = []
            ros.subscription(self, topic, lambda message, name=topic.name: self._on(name, message))
        self.commands = ros.publisher(self, topics.JOINT_COMMANDS)

    def _on(self, name: str, message: object) -> None:
        with self.news:
            self.heard[name].append(message)
            self.news.notify_all()

    def wait_for(self, condition, timeout_s: float = PATIENCE_S) -> None:
        with self.news:
            assert self.news.wait_for(condition, timeout_s), f"not within {timeout_s} s"

    def wait_until(self, condition, timeout_s: float = PATIENCE_S) -> None:
        """Like `wait_for`, for what comes without a message."""
        clock = MonotonicClock()
        deadline_ns = clock.now_ns() + to_ns(timeout_s)
        while not condition():
            assert clock.now_ns() < deadline_ns, f"not within {timeout_s} s"
            clock.sleep_until_ns(clock.now_ns() + 5_000_000)

    def count(self, topic: topics.Topic) -> int:
        return len(self.heard[topic.name])

    def command(self, position, stamp_ns: int = 0, names=JOINT_NAMES) -> None:
        self.commands.publish(ros.joint_state(names, position, stamp_ns))

    def call(self, service: topics.Service, **fields):
        kind = ros.interface_type(service.type_name)
        client = self.create_client(kind, service.name)
        assert client.wait_for_service(PATIENCE_S)
        return client.call(kind.Request(**fields), timeout_sec=PATIENCE_S)


@contextmanager
def running(**parameters) -> Iterator[tuple[SimNode, Client]]:
    """A sim node with these parameters and a client, each spinning in a thread of its own.

    Not in one MultiThreadedExecutor: rclpy's hands a task out again and again until a thread of its
    pool has begun with it, which on a loaded machine fills the pool's queue faster than it empties.
    """
    overrides = [("-p", f"{name}:={value}") for name, value in {**SMALL, **parameters}.items()]
    rclpy.init(args=["--ros-args", *(part for pair in overrides for part in pair)])
    ending = threading.Event()
    node = client = None
    spinners: list[threading.Thread] = []
    try:
        node = SimNode()
        client = Client(node.params.cameras)
        for member in (node, client):
            spinners.append(threading.Thread(target=spin, args=(member, ending)))
            spinners[-1].start()
        # A command that is published before the two have found each other is lost.
        client.wait_until(lambda: client.commands.get_subscription_count() > 0)
        yield node, client
    finally:
        ending.set()
        for spinner in spinners:
            spinner.join()
        if node is not None:
            node.close()
        for member in (client, node):
            if member is not None:
                member.destroy_node()
        rclpy.try_shutdown()


def spin(node: Node, ending: threading.Event) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not ending.is_set():
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()


def run_lockstep(seed: int, periods: int) -> list[bytes]:
    """Joint states and images of a run whose commands depend on nothing but their number."""
    sequence = []
    front = topics.camera_image("front")
    parameters = {"pacing": "lockstep", "cameras": "[front]", "camera_rate_hz": 50.0}
    with running(seed=seed, level=2, **parameters) as (node, client):
        client.wait_for(lambda: client.count(topics.JOINT_STATES) > 0)
        state = client.heard[topics.JOINT_STATES.name][-1]
        start = np.array(state.position)
        stamp = (state.header.stamp.sec, state.header.stamp.nanosec)
        for period in range(periods):
            wiggle = 0.2 * np.sin(period / 5.0) * np.array([1, 1, -1, 1, 1, 1])
            target = np.clip(start + wiggle, node.bridge.sim.limits.lower_rad, 1.6)
            client.command(target)

            def newer(previous=stamp):
                last = client.heard[topics.JOINT_STATES.name][-1].header.stamp
                return (last.sec, last.nanosec) != previous

            client.wait_for(newer)
            state = client.heard[topics.JOINT_STATES.name][-1]
            stamp = (state.header.stamp.sec, state.header.stamp.nanosec)
            sequence.append(np.array(state.position).tobytes())
        client.wait_for(lambda: len({stamp_of(m) for m in client.heard[front.name]}) > periods // 2)
        images = {stamp_of(m): bytes(m.data) for m in client.heard[front.name]}
        sequence += [images[stamp] for stamp in sorted(images)]
    return sequence


def stamp_of(message) -> int:
    return ros.stamp_ns(message.header.stamp)


def test_lockstep_is_repeatable_bit_by_bit():
    first, second = run_lockstep(seed=3, periods=20), run_lockstep(seed=3, periods=20)
    assert len(first) > 30
    assert first == second
    assert first != run_lockstep(seed=4, periods=20)


def test_lockstep_waits_for_whoever_joins_late_and_takes_one_step_a_command():
    with running(pacing="lockstep", cameras="[front]") as (node, client):
        client.wait_for(lambda: client.count(topics.camera_image("front")) > 1)
        states = client.heard[topics.JOINT_STATES.name]
        assert len({stamp_of(m) for m in states}) == 1, "the first state, said again"
        client.command(states[-1].position)
        client.wait_for(lambda: stamp_of(states[-1]) > stamp_of(states[0]))
        assert node.bridge.sim.report.steps == 1


def test_images_and_their_calibration():
    with running(pacing="lockstep", seed=5) as (_, client):
        for camera in ("front", "wrist"):
            topic = topics.camera_image(camera)
            client.wait_for(lambda topic=topic: client.count(topic) > 0)
            message = client.heard[topic.name][0]
            sim = Simulation("reach", control_hz=100)
            sim.reset(5)
            assert np.array_equal(ros.image_to_array(message), sim.render(camera, 48, 64))
            assert message.header.frame_id == f"{camera}_optical_frame"
            info_topic = topics.camera_info(camera)
            client.wait_for(lambda topic=info_topic: client.count(topic) > 0)
            info = client.heard[info_topic.name][0]
            assert (info.height, info.width) == (48, 64)
            assert stamp_of(info) == stamp_of(message)
            half = np.radians(sim.model.camera(camera).fovy[0]) / 2
            assert info.k[4] == pytest.approx(24 / np.tan(half))
            sim.close()


def test_the_real_time_loop_follows_holds_and_reports():
    with running(cameras="[]") as (_, client):
        client.wait_for(lambda: client.count(topics.JOINT_STATES) >= 10)
        state = client.heard[topics.JOINT_STATES.name][-1]
        assert tuple(state.name) == JOINT_NAMES
        assert len(state.velocity) == 6
        target = np.array(state.position)
        target[0] += 0.1
        client.command(target)

        def applied_target() -> bool:
            applied = client.heard[topics.JOINT_COMMANDS_APPLIED.name]
            return abs(applied[-1].position[0] - target[0]) < 1e-9

        client.wait_for(applied_target)

        def watchdog_spoke() -> bool:
            heard = client.heard[topics.DIAGNOSTICS.name]
            return bool(heard) and "no command for 20" in heard[-1].status[0].message

        client.wait_for(watchdog_spoke)
        values = client.heard[topics.DIAGNOSTICS.name][-1].status[0].values
        assert {"lateness_p99_ms", "accepted", "frames_lost"} <= {pair.key for pair in values}


def test_a_reset_starts_the_next_seed_and_refuses_older_commands():
    with running(cameras="[]", seed=10) as (node, client):
        client.wait_for(lambda: client.count(topics.JOINT_STATES) > 0)
        before_ns = stamp_of(client.heard[topics.JOINT_STATES.name][-1])
        answer = client.call(topics.SIM_RESET)
        assert answer.success
        assert answer.message == "episode 1, seed 11"
        client.command(np.zeros(6), stamp_ns=before_ns)
        client.wait_for(lambda: node.bridge.gate.counts().get("refused_epoch") == "1")

        def newest_status() -> dict[str, str]:
            heard = client.heard[topics.EPISODE_STATUS.name]  # depth 1: some may be overtaken
            return ros.diagnostic_values(heard[-1]) if heard else {}

        client.wait_for(lambda: newest_status().get("episode") == "1")
        values = newest_status()
        assert (values["episode"], values["seed"], values["task"]) == ("1", "11", "reach")


def test_the_estop_is_latched_and_said_to_late_joiners():
    with running(cameras="[]") as (node, client):
        assert client.call(topics.ESTOP, data=True).message == "e-stop engaged"
        client.wait_for(lambda: client.heard[topics.ESTOP_STATE.name][-1:] != [])
        client.command(np.zeros(6))
        client.wait_for(lambda: node.bridge.gate.counts().get("refused_estop") == "1")
        late: list = []
        ros.subscription(client, topics.ESTOP_STATE, lambda m: client._on("estop/state", m))
        client.heard["estop/state"] = late
        client.wait_for(lambda: bool(late) and late[-1].data)
        client.call(topics.ESTOP, data=False)
        client.wait_for(lambda: not late[-1].data)


@pytest.mark.parametrize(
    ("names", "position", "reason"),
    [
        (["elbow"], [0.0], "names"),
        (JOINT_NAMES[:5], [0.0] * 5, "names"),
        (JOINT_NAMES, [0.0] * 5 + [float("inf")], "non_finite"),
    ],
)
def test_wrong_commands_are_refused_and_counted(names, position, reason):
    with running(cameras="[]") as (node, client):
        client.wait_for(lambda: client.count(topics.JOINT_STATES) > 0)
        client.commands.publish(JointState(name=list(names), position=list(position)))
        client.wait_for(lambda: node.bridge.gate.counts().get(f"refused_{reason}") == "1")
        count = client.count(topics.JOINT_STATES)
        client.wait_for(lambda: client.count(topics.JOINT_STATES) > count + 3)
        assert node.bridge.sim.report.steps == 0


def test_it_ends_after_the_episodes_that_were_asked_for():
    parameters = {"episodes": 1, "pause_s": 0.0, "real_time_factor": 20.0, "publish_clock": True}
    with running(cameras="[]", command_timeout_s=100.0, **parameters) as (node, client):
        client.wait_for(lambda: client.count(topics.JOINT_STATES) > 0)
        client.command(client.heard[topics.JOINT_STATES.name][-1].position)
        client.wait_until(lambda: node.finished)
        assert len(node.bridge.reports) == 1


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"task": "pick_plce"}, "unknown task 'pick_plce'; did you mean 'pick_place'"),
        ({"cameras": "[font]"}, "unknown camera 'font'; did you mean 'front'"),
        ({"level": 4}, "got 4, expected 0 to 3"),
        ({"rate_hz": 70}, "control_hz is 70, expected a divisor of 300"),
        ({"person": True, "pacing": "lockstep"}, "person: not in lockstep"),
        ({"pacing": "lock"}, "unknown pacing 'lock'; did you mean 'lockstep'"),
        ({"real_time_factor": 2.0}, "only with publish_clock:=true"),
        ({"wdth": 64}, "unknown parameter 'wdth'; did you mean 'width'"),
    ],
)
def test_what_does_not_exist_is_named_at_the_start(parameters, text):
    with pytest.raises(ConfigurationError, match=text), running(**parameters):
        pass


def test_a_task_brings_its_cameras_and_the_level_that_its_expert_does_not_master_is_told(capfd):
    small = {"width": 32, "height": 24, "camera_rate_hz": 1.0}
    with running(task="transfer_cube", level=3, expert=True, **small) as (node, client):
        assert node.params.cameras == ("front", "left_wrist", "right_wrist")
        pictures = [topics.camera_image(name) for name in node.params.cameras]
        client.wait_for(lambda: all(client.count(topic) for topic in pictures))
    assert "the scripted expert of transfer_cube masters levels 0 to 2" in capfd.readouterr().err


def test_a_viewer_needs_a_display(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(ConfigurationError, match="there is no display"), running(viewer="true"):
        pass


def test_a_task_from_outside_is_a_parameter():
    place = Path(__file__).parents[2] / "examples/own_task.py"
    options = {"expert": True, "episodes": 1, "pause_s": 0.0, "pacing": "lockstep"}
    with running(task=f"{place}:PointAtBall", **options) as (_, client):
        heard = client.heard[topics.EPISODE_STATUS.name]
        client.wait_for(lambda: heard and ros.diagnostic_values(heard[-1])["finished"] == "true")
        values = ros.diagnostic_values(heard[-1])
    assert (values["task"], values["success"]) == ("point_at_ball", "true")
