"""Devices of a person that others read: Joy messages, and a pedal beside a leader."""

from __future__ import annotations

import itertools
import os
import pty

import pytest
from act_core import ros, topics
from act_core.arbiter import PERSON, POLICY
from act_core.robots.so101 import SO101
from act_core.timing import FakeClock
from act_record import teleop_node
from act_record.joy_pad import SILENT_S, JoyPad
from act_record.keyboard import Keyboard
from act_record.pedal_node import PedalNode
from act_record.teleop_node import TeleopNode
from sensor_msgs.msg import Joy
from std_srvs.srv import SetBool, Trigger

from tests.act_record.robot import Robot

BUTTONS = [0] * 11


def axes(**pushed: float) -> list[float]:
    """Of an Xbox pad: ``a0=1.0`` pushes the first one; triggers rest at 1."""
    values = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    for name, value in pushed.items():
        values[int(name[1:])] = value
    return values


def button(number: int) -> list[int]:
    return [int(n == number) for n in range(11)]


@pytest.fixture
def clock():
    return FakeClock(10**9)


@pytest.fixture
def joy(clock):
    """At rest."""
    pad = JoyPad(SO101, clock)
    pad.hear(axes(), BUTTONS)
    assert pad.read().tolist() == [0.0] * 6
    return pad


def test_sticks_and_buttons_are_those_of_a_pad_that_the_kernel_shows(joy):
    joy.hear(axes(a0=1.0), BUTTONS)
    assert joy.read().tolist() == [-1.0, 0, 0, 0, 0, 0], "Joy counts to the left"
    joy.hear(axes(a1=1.0), BUTTONS)
    assert joy.read().tolist() == [0, 1.0, 0, 0, 0, 0], "and forwards"
    joy.hear(axes(), button(1))
    assert joy.read().tolist() == [0, 0, 0, 0, 0, 1.0]
    joy.hear(axes(), button(7))
    joy.read()
    assert joy.hands_back
    joy.hear(axes(), button(2))
    assert joy.read() is None


def test_silence_lets_go_and_what_is_held_then_counts_after_a_rest(joy, clock):
    joy.hear(axes(a0=1.0), BUTTONS)
    joy.read()
    clock.advance(SILENT_S)
    assert joy.read() is None
    joy.hear(axes(a0=1.0), BUTTONS)
    assert joy.read().tolist() == [0.0] * 6
    joy.hear(axes(), BUTTONS)
    joy.hear(axes(a0=1.0), BUTTONS)
    assert joy.read()[0] == -1.0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_is_as_good_as_silence(joy, clock, bad):
    clock.advance(0.9 * SILENT_S)
    joy.hear(axes(a0=bad), BUTTONS)
    assert joy.read().tolist() == [0.0] * 6
    clock.advance(0.2 * SILENT_S)
    assert joy.read() is None


def test_pads_of_any_size_do(joy):
    joy.hear([], [])
    joy.hear([0.5] * 1000, [1] * 1000)
    joy.read()
    joy.hear([5.0], [])
    assert (abs(joy.read()) <= 1.0).all()


@pytest.fixture
def nodes(ros):
    """To be destroyed after the test."""
    made: list = []
    yield made
    for node in made:
        node.destroy_node()


def test_a_joy_message_moves_the_arm(nodes, spin_until):
    robot = Robot()
    teleop = TeleopNode(JoyPad(SO101), SO101)
    nodes += [robot, teleop]
    robot.silent = True
    heard: list = []
    ros.subscription(robot, topics.JOINT_COMMANDS_PERSON, lambda m: heard.append(m.position[0]))
    sender = ros.publisher(robot, topics.JOY)

    turns = itertools.count()

    def moves() -> bool:
        # At rest before each push: after a pause of this machine, it has to be seen again.
        axis = 1.0 if next(turns) % 100 > 20 else 0.0
        sender.publish(Joy(axes=axes(a0=axis), buttons=BUTTONS))
        return len(heard) > 5 and heard[-1] < heard[0]

    spin_until(lambda: teleop._measured is not None, teleop, robot)
    spin_until(moves, teleop, robot)


def test_a_pedal_takes_the_arm_with_the_leader_and_hands_it_back(nodes, spin_until, clock):
    inner, outer = pty.openpty()
    with Keyboard(outer) as keyboard:
        pedal, robot = PedalNode(keyboard, clock), Robot()
        nodes += [pedal, robot]
        asked: list[str] = []

        def enable(request, response):
            asked.append(f"leader/enable {request.data}")
            response.success = True
            return response

        def hand_back(_request, response):
            asked.append("control/return")
            response.success = True
            return response

        robot.create_service(SetBool, topics.LEADER_ENABLE.name, enable)
        robot.create_service(Trigger, topics.CONTROL_RETURN.name, hand_back)
        owner = ros.publisher(robot, topics.CONTROL_OWNER)
        clients = (pedal._enable, pedal._return)
        spin_until(lambda: all(c.service_is_ready() for c in clients), pedal, robot)

        def owned_by(name: str) -> None:
            owner.publish(ros.diagnostic("control owner", "ok", "a test", {"owner": name}))
            spin_until(lambda: pedal._owner == name, pedal, robot)

        owned_by(POLICY)
        os.write(inner, b"b")
        spin_until(lambda: asked == ["leader/enable True"], pedal, robot)
        clock.advance(0.5)
        os.write(inner, b"b")  # it is still held
        spin_until(lambda: pedal._key_ns == clock.now_ns(), pedal, robot)
        owned_by(PERSON)
        clock.advance(1.0)
        os.write(inner, b"b")
        spin_until(lambda: asked == ["leader/enable True", "control/return"], pedal, robot)
    os.close(inner)
    os.close(outer)


def test_the_command_knows_both():
    assert teleop_node.parser().parse_args(["--joy"]).joy
    assert teleop_node.parser().parse_args(["--pedal"]).pedal
