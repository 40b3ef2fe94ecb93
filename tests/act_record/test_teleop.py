"""Keys and sticks move joints evenly and inside their limits; the node stops when it must."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack

import numpy as np
import pytest
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.robot import Joint
from act_core.robot import Robot as RobotData
from act_core.robots import find_robot
from act_core.robots.so101 import JOINT_NAMES, SO101, SO101_LIMITS
from act_record import teleop_node
from act_record.gamepad import Gamepad
from act_record.jog import Jog
from act_record.teleop_node import TeleopNode
from std_msgs.msg import Bool

from tests.act_record.robot import Robot
from tests.act_record.wire_gamepad import END, WireGamepad

START = np.zeros(6)


def test_every_joint_has_two_keys():
    assert sorted(Jog(SO101).keys.values()) == sorted((j, d) for j in range(6) for d in (-1.0, 1.0))


def test_another_robot_has_a_column_of_keys_for_each_joint():
    left = find_robot("so101_bimanual").side("left")
    assert Jog(left).help.startswith("q w e r t y: left_shoulder_pan ")
    hand = RobotData("hand", (Joint("claw", 0.0, 2.0, is_gripper=True), Joint("turn", -1.0, 1.0)))
    jog = Jog(hand)
    assert sorted(jog.keys) == ["a", "q", "s", "w"]
    jog.key(" ", [0.0, 0.5])  # the gripper, which is not the last joint
    assert jog.next(10.0).tolist() == [2.0, 0.5]
    assert not jog.key("e", [0.0, 0.5])


def test_a_robot_with_more_joints_than_keys_is_refused():
    with pytest.raises(ConfigurationError, match="keys move 10: choose a side, left"):
        Jog(find_robot("so101_bimanual"))


def test_nothing_is_commanded_before_the_first_key():
    jog = Jog(SO101)
    assert jog.next(0.02) is None
    assert not jog.key("ä", START)
    assert not jog.moving


def test_a_key_moves_its_joint_at_an_even_speed():
    jog = Jog(SO101, step_rad=0.05, speed_rad_s=0.5)
    assert jog.key("W", START)  # also with caps lock
    way = [jog.next(0.02)[1] for _ in range(8)]
    assert way == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05, 0.05, 0.05, 0.05])
    jog.key("s", START)
    assert jog.next(0.02)[1] == pytest.approx(0.04)


def test_a_key_that_is_held_ends_at_the_limit():
    jog = Jog(SO101)
    for _ in range(500):
        jog.key("q", START)
        target = jog.next(1.0)
    assert target[0] == SO101_LIMITS.upper_rad[0]


def test_space_opens_and_closes_the_gripper_and_x_stops():
    jog = Jog(SO101)
    jog.key(" ", START)
    assert jog.next(10.0)[5] == SO101_LIMITS.upper_rad[5]
    jog.key(" ", START)
    half = jog.next(0.1)[5]
    jog.key("x", START)
    assert jog.next(10.0)[5] == half


def test_after_a_release_it_starts_from_where_the_arm_is():
    jog = Jog(SO101)
    jog.key("q", START)
    jog.release()
    assert jog.next(0.02) is None
    jog.key("x", START + 0.3)
    assert jog.next(0.02) == pytest.approx(START + 0.3)


PAN = np.eye(6)[0]


def test_nothing_is_commanded_before_a_stick_is_pushed():
    jog = Jog(SO101)
    jog.push(np.zeros(6), START)
    assert jog.next(0.02) is None
    assert not jog.moving


def test_a_stick_moves_its_joint_at_its_share_of_the_speed_until_it_is_let_go():
    jog = Jog(SO101, speed_rad_s=0.8, gripper_rad_s=2.0)
    jog.push(0.5 * PAN, START + 0.2)
    way = [jog.next(0.02) for _ in range(3)]
    assert [target[0] for target in way] == pytest.approx([0.208, 0.216, 0.224])
    assert np.array_equal(way[2][1:], START[1:] + 0.2)
    jog.push(np.zeros(6), START)
    assert jog.next(0.02) == pytest.approx(way[2])
    jog.push(np.eye(6)[5] * 3.0, START)  # never faster than the whole speed
    assert jog.next(0.02)[5] == pytest.approx(0.2 + 0.04)


def test_a_stick_that_is_held_ends_at_the_limit_and_turns_back_at_once():
    jog = Jog(SO101)
    jog.push(PAN, START)
    for _ in range(20):
        target = jog.next(1.0)
    assert target[0] == SO101_LIMITS.upper_rad[0]
    jog.push(-PAN, START)
    assert jog.next(0.1)[0] == pytest.approx(SO101_LIMITS.upper_rad[0] - 0.08)


def test_after_a_release_a_stick_starts_from_where_the_arm_is():
    jog = Jog(SO101)
    jog.push(PAN, START)
    jog.next(1.0)
    jog.release()
    assert jog.next(1.0) is None
    jog.key("x", START + 0.3)  # what was pushed before the release is forgotten
    assert jog.next(1.0) == pytest.approx(START + 0.3)


class Keys:
    """A keyboard for tests."""

    def __init__(self) -> None:
        self.waiting = ""

    def read(self) -> str:
        keys, self.waiting = self.waiting, ""
        return keys


@pytest.fixture
def nodes(ros):
    keys = Keys()
    made = TeleopNode(keys, SO101), Robot(), keys
    yield made
    for node in made[:2]:
        node.destroy_node()


def commands_of(node: TeleopNode) -> list:
    heard: list = []
    topic = topics.JOINT_COMMANDS_PERSON
    ros.subscription(node, topic, lambda m: heard.append(ros.read_joints(m, JOINT_NAMES).position))
    return heard


@pytest.mark.parametrize("end", ["estop", "episode"])
def test_commands_come_from_the_first_key_until_the_end(nodes, spin_until, end):
    teleop, robot, keys = nodes
    robot.silent = True  # it commands itself otherwise
    robot.tell(0)
    heard = commands_of(robot)
    spin_until(lambda: teleop._measured is not None and teleop._watch._episode, teleop, robot)
    assert heard == []
    keys.waiting = "q"
    spin_until(lambda: len(heard) > 5, teleop, robot)
    assert heard[5][0] > heard[0][0]
    if end == "estop":
        ros.publisher(robot, topics.ESTOP_STATE).publish(Bool(data=True))
    else:
        robot.tell(0, finished=True, success=True)
    spin_until(lambda: not teleop.jog.moving, teleop, robot)


def test_keys_during_an_estop_move_nothing_when_it_is_over(nodes, spin_until):
    teleop, robot, keys = nodes
    robot.silent = True
    heard = commands_of(robot)
    stop = ros.publisher(robot, topics.ESTOP_STATE)
    spin_until(lambda: teleop._measured is not None, teleop, robot)
    stop.publish(Bool(data=True))
    spin_until(lambda: teleop._stopped, teleop, robot)
    keys.waiting = "qqq"
    spin_until(lambda: not keys.waiting, teleop, robot)
    assert not teleop.jog.moving
    stop.publish(Bool(data=False))
    spin_until(lambda: not teleop._stopped, teleop, robot)
    assert heard == []
    keys.waiting = "q"
    spin_until(lambda: heard, teleop, robot)


@pytest.fixture
def pad(ros, tmp_path):
    """The node with a gamepad, a robot that leaves commands to it, and the gamepad's wire."""
    wire = WireGamepad(tmp_path / "js0")
    with ExitStack() as stack:
        gamepad = stack.enter_context(Gamepad(SO101, str(wire.path)))
        made = TeleopNode(gamepad, SO101), Robot(), wire
        for node in made[:2]:
            stack.callback(node.destroy_node)
        made[1].silent = True
        yield made
    if wire.path.exists():
        wire.unplug()


def test_a_stick_moves_the_arm_and_its_controls_are_told(capsys, pad, spin_until):
    teleop, robot, wire = pad
    assert "left stick: shoulder_pan" in capsys.readouterr().out
    heard = commands_of(robot)
    spin_until(lambda: teleop._measured is not None, teleop, robot)
    assert heard == []
    wire.axis(0, END)
    spin_until(lambda: len(heard) > 5, teleop, robot)
    assert np.diff([target[0] for target in heard]).min() > 0
    assert all(np.array_equal(target[1:], heard[0][1:]) for target in heard)
    wire.axis(0, 0)
    spin_until(lambda: len(heard) > 5 and heard[-1][0] == heard[-2][0], teleop, robot)  # it holds
    wire.button(3)
    spin_until(lambda: not teleop.jog.moving, teleop, robot)


@pytest.mark.parametrize("end", ["estop", "episode"])
def test_a_stick_that_is_still_held_moves_nothing_after_the_end(pad, spin_until, end):
    teleop, robot, wire = pad
    robot.tell(0)
    heard = commands_of(robot)
    spin_until(lambda: teleop._measured is not None and teleop._watch._episode, teleop, robot)
    wire.axis(0, END)
    spin_until(lambda: heard, teleop, robot)
    stop = ros.publisher(robot, topics.ESTOP_STATE)
    if end == "estop":
        stop.publish(Bool(data=True))
        spin_until(lambda: teleop._stopped, teleop, robot)
        stop.publish(Bool(data=False))
        spin_until(lambda: not teleop._stopped, teleop, robot)
    else:
        robot.tell(0, finished=True, success=True)
        spin_until(lambda: not teleop.jog.moving, teleop, robot)
    wire.axis(0, END - 1)
    wire.button(5)
    spin_until(lambda: teleop.jog.moving, teleop, robot)
    first = teleop.jog.next(0.0)
    spin_until(lambda: teleop.jog.next(0.0)[4] > first[4], teleop, robot)
    assert teleop.jog.next(0.0)[0] == first[0]


def test_an_unplugged_pad_ends_the_commands_until_it_is_back(pad, spin_until):
    teleop, robot, wire = pad
    heard = commands_of(robot)
    spin_until(lambda: teleop._measured is not None, teleop, robot)
    wire.axis(0, END)
    spin_until(lambda: heard, teleop, robot)
    wire.unplug()
    spin_until(lambda: not teleop._connected, teleop, robot)
    assert not teleop.jog.moving
    wire.plug()
    spin_until(lambda: teleop._connected, teleop, robot)
    assert not teleop.jog.moving
    count = len(heard)
    wire.axis(1, -END)
    spin_until(lambda: len(heard) > count and teleop.jog.moving, teleop, robot)


def test_the_command_says_what_it_cannot_read(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["act-teleop", "--gamepad", str(tmp_path / "js9")])
    assert teleop_node.main() == 2
    assert "act-teleop: there is no gamepad at" in capsys.readouterr().err
    read, write = os.pipe()
    with os.fdopen(read) as no_terminal:
        os.close(write)
        monkeypatch.setattr(sys, "stdin", no_terminal)
        monkeypatch.setattr(sys, "argv", ["act-teleop", "--ros-args", "-p", "use_sim_time:=true"])
        assert teleop_node.main() == 2
    assert "act-teleop: keys are read from a terminal" in capsys.readouterr().err


def test_the_first_pad_is_the_default():
    assert teleop_node.parser().parse_args(["--gamepad"]).gamepad == "/dev/input/js0"
    assert teleop_node.parser().parse_args([]).gamepad is None


@pytest.mark.parametrize("device", ["keys", "pad"])
def test_one_key_or_button_hands_the_arm_back(request, spin_until, device):
    teleop, robot, controls = request.getfixturevalue("nodes" if device == "keys" else "pad")
    calls = []

    def on_return(_request, response):
        calls.append(1)
        return response

    ros.service(robot, topics.CONTROL_RETURN, on_return)
    spin_until(teleop._return.service_is_ready, teleop, robot)
    spin_until(lambda: teleop._measured is not None, teleop, robot)
    if device == "keys":
        controls.waiting = "q"
    else:
        controls.axis(0, END)
    spin_until(lambda: teleop.jog.moving, teleop, robot)
    if device == "keys":
        controls.waiting = "\n"
    else:
        controls.button(7)
    spin_until(lambda: calls, teleop, robot)
    assert not teleop.jog.moving


def test_when_somebody_else_has_the_arm_its_motion_is_over(nodes, spin_until):
    teleop, robot, keys = nodes
    owner = ros.publisher(robot, topics.CONTROL_OWNER)
    spin_until(lambda: teleop._measured is not None, teleop, robot)
    keys.waiting = "q"
    spin_until(lambda: teleop.jog.moving, teleop, robot)
    owner.publish(ros.diagnostic("control owner", "ok", "taken over", {"owner": "person"}))
    spin_until(lambda: teleop._owner == "person", teleop, robot)
    assert teleop.jog.moving
    owner.publish(ros.diagnostic("control owner", "ok", "handed back", {"owner": "policy"}))
    spin_until(lambda: not teleop.jog.moving, teleop, robot)


def test_a_motion_begins_at_the_arm_s_target_so_that_a_gripper_goes_on_holding(nodes, spin_until):
    teleop, robot, keys = nodes
    applied = ros.publisher(robot, topics.JOINT_COMMANDS_APPLIED)
    target = np.array([0.1, 0.2, 0.3, 0.4, 0.5, -0.17])

    def heard():
        applied.publish(ros.joint_state(JOINT_NAMES, target, 0))
        return teleop._applied is not None and teleop._measured is not None

    spin_until(heard, teleop, robot)
    keys.waiting = "x"
    spin_until(lambda: teleop.jog.moving, teleop, robot)
    assert teleop.jog.next(0.0) == pytest.approx(target)
