"""A recording is played again: its times, the way to its beginning, the tracking error."""

from __future__ import annotations

import math

import numpy as np
import pytest
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.robots.so101 import SO101_LIMITS
from act_record.replay import SETTLE_S, Replay, Track, Tracking, check_within, tracks
from act_record.replay_node import ReplayNode
from act_record.timeline import Timeline
from rclpy.node import Node
from rclpy.parameter import Parameter
from rosbag_lite import BagMessage
from std_msgs.msg import Bool

from tests.act_record import bags


def timeline_of(messages: list[BagMessage]) -> Timeline:
    timeline = Timeline()
    for message in messages:
        timeline.add(message)
    return timeline


def test_the_way_to_the_beginning_then_the_commands_at_their_times():
    commands, measured = tracks(timeline_of(bags.episode(2.0)))
    assert commands.names == bags.JOINT_NAMES
    start = commands.values[0] + np.array([1.0, 0, 0, -0.5, 0, 0])
    replay = Replay(commands, start, approach_rad_s=0.5)
    assert replay.approach_s == pytest.approx(2.0)
    assert np.allclose(replay.command(0.0), start)
    assert np.allclose(replay.command(1.0), (start + commands.values[0]) / 2)
    assert np.allclose(replay.command(2.0 + 0.505), bags.target(0.50))  # in force, not the next
    assert np.allclose(replay.command(2.0 + 1.99 + SETTLE_S), bags.target(1.99))
    assert replay.command(2.0 + 1.99 + SETTLE_S + 0.01) is None
    slow = Replay(commands, commands.values[0], speed=0.5)
    assert slow.approach_s == 0.0
    assert np.allclose(slow.command(1.01), bags.target(0.50))
    assert measured.at(0.5) == pytest.approx(bags.target(0.46), abs=1e-4)


def test_tracking_tells_the_distance_to_commands_and_recording():
    commands, measured = tracks(timeline_of(bags.episode(2.0)))
    tracking = Tracking(commands, measured)
    assert tracking.report() == ["no joint states came: nothing to compare"]
    aside = np.array([0.1, 0, 0, 0, 0, 0])
    for k in range(200):
        tracking.add(k / 100, bags.target(k / 100 - 0.04) + aside)
    tracking.add(99.0, np.full(6, 99.0))  # after its end
    assert tracking.worst_rad() == pytest.approx(0.1, abs=1e-3)
    lines = tracking.report()
    assert len(lines) == 7
    assert lines[1].split()[0] == "shoulder_pan"
    assert float(lines[1].split()[3]) == pytest.approx(0.1, abs=1e-3)
    assert float(lines[2].split()[3]) == pytest.approx(0.0, abs=1e-3)
    assert float(lines[2].split()[1]) > 0.01  # 40 ms behind its commands


def test_a_recording_without_commands_is_refused():
    messages = [m for m in bags.episode(0.5) if m.topic != "/joint_commands"]
    with pytest.raises(ConfigurationError, match="nothing on joint_commands; .* none"):
        tracks(timeline_of(messages))
    bad = bags.joints(topics.JOINT_COMMANDS, bags.T0, np.full(6, np.nan))
    with pytest.raises(ConfigurationError, match="not finite"):
        tracks(timeline_of([bad]))


@pytest.mark.parametrize(
    ("position", "text"),
    [
        (
            [0.1, 0.2, 25.7, -55.6, 51.5, 0.0],
            "elbow_flex: 25.7 rad is far outside .*: probably deg",
        ),
        ([0.1, 0.2, 1e30, 0, 0, 0], "elbow_flex: 1e\\+30 rad is far outside .*: no angle"),
    ],
)
def test_commands_in_another_unit_are_refused_before_anything_moves(ros, tmp_path, position, text):
    messages = [*bags.episode(0.5), bags.joints(topics.JOINT_COMMANDS, bags.T0 + 10**9, position)]
    bags.write_bag(tmp_path / "run", messages)
    with pytest.raises(ConfigurationError, match=rf"the command at 1\.00 s is refused: {text}"):
        ReplayNode(parameter_overrides=[Parameter("bag", value=str(tmp_path / "run"))])


def test_commands_of_another_robot_or_of_two_clocks_are_refused():
    commands, _ = tracks(timeline_of(bags.episode(0.5)))
    check_within(commands, SO101_LIMITS)
    other = Track(("hip", "knee"), commands.seconds, commands.values[:, :2])
    with pytest.raises(
        ConfigurationError, match=r"of another robot: it commands hip, knee, .*robot:="
    ):
        check_within(other, SO101_LIMITS)
    late = bags.joints(topics.JOINT_COMMANDS, bags.T0 + 300 * 86400 * 10**9, np.zeros(6))
    with pytest.raises(ConfigurationError, match="are 300.0 days apart: a clock was wrong"):
        tracks(timeline_of([*bags.episode(0.5), late]))
    nothing = bags.joints(topics.JOINT_COMMANDS, bags.T0, [])
    with pytest.raises(ConfigurationError, match="has a position for each of its joints"):
        tracks(timeline_of([nothing]))


class Arm(Node):
    """Goes at once where it is told."""

    def __init__(self) -> None:
        super().__init__("arm")
        self.position = np.zeros(6)
        self.commands = 0
        self._states = ros.publisher(self, topics.JOINT_STATES)
        self._estop = ros.publisher(self, topics.ESTOP_STATE)
        ros.subscription(self, topics.JOINT_COMMANDS, self._on_command)
        self.create_timer(0.01, self._tick)

    def engage(self) -> None:
        self._estop.publish(Bool(data=True))

    def _on_command(self, message) -> None:
        self.commands += 1
        self.position = ros.read_joints(message, bags.JOINT_NAMES).position

    def _tick(self) -> None:
        now_ns = self.get_clock().now().nanoseconds
        self._states.publish(ros.joint_state(bags.JOINT_NAMES, self.position, now_ns))


@pytest.fixture
def nodes(ros, tmp_path):
    bags.write_bag(tmp_path / "run", bags.episode(0.5))
    overrides = [Parameter("bag", value=str(tmp_path / "run")),
                 Parameter("approach_rad_s", value=2.0)]  # fmt: skip
    made = ReplayNode(parameter_overrides=overrides), Arm()
    yield made
    for node in made:
        node.destroy_node()


def test_an_arm_is_led_through_the_episode(nodes, spin_until, capsys):
    replay, arm = nodes
    spin_until(lambda: replay.finished, replay, arm)
    spin_until(lambda: np.allclose(arm.position, bags.target(0.49)), replay, arm)
    assert arm.commands > 5
    assert replay.tracking.worst_rad() < 1.0  # a busy machine is late
    replay.close()
    assert "shoulder_pan" in capsys.readouterr().out


def test_it_waits_while_somebody_else_commands(nodes, spin_until):
    replay, arm = nodes
    other = ros.publisher(arm, topics.JOINT_COMMANDS)
    command = ros.joint_state(bags.JOINT_NAMES, np.zeros(6), 1)
    said = "/arm sends joint_commands: end it first"
    spin_until(lambda: other.publish(command) or replay._in_the_way() == said, replay, arm)
    replay._replay = None  # should it have begun before the other was heard
    told = arm.commands
    spin_until(lambda: other.publish(command) or arm.commands > told + 30, replay, arm)
    assert replay._replay is None
    spin_until(lambda: replay._replay is not None, replay, arm)  # a second after the other's last


def test_the_emergency_stop_ends_it(nodes, spin_until):
    replay, arm = nodes
    spin_until(lambda: arm.commands > 0, replay, arm)
    replay._replay.length_s = math.inf  # only the stop can end it
    arm.engage()
    spin_until(lambda: replay.finished, replay, arm)


def test_a_replay_of_nothing_is_refused(ros):
    with pytest.raises(ConfigurationError, match="no bag is named"):
        ReplayNode()
