"""Keys move joints evenly and inside their limits; the node stops when it must."""

from __future__ import annotations

import numpy as np
import pytest
from act_core import ros, topics
from act_core.so101 import JOINT_NAMES, SO101_LIMITS
from act_record.jog import KEYS, Jog
from act_record.teleop_node import TeleopNode
from std_msgs.msg import Bool

from tests.act_record.robot import Robot

START = np.zeros(6)


def test_every_joint_has_two_keys():
    assert sorted(KEYS.values()) == sorted((j, d) for j in range(6) for d in (-1.0, 1.0))


def test_nothing_is_commanded_before_the_first_key():
    jog = Jog()
    assert jog.next(0.02) is None
    assert not jog.key("ä", START)
    assert not jog.moving


def test_a_key_moves_its_joint_at_an_even_speed():
    jog = Jog(step_rad=0.05, speed_rad_s=0.5)
    assert jog.key("W", START)  # also with caps lock
    way = [jog.next(0.02)[1] for _ in range(8)]
    assert way == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05, 0.05, 0.05, 0.05])
    jog.key("s", START)
    assert jog.next(0.02)[1] == pytest.approx(0.04)


def test_a_key_that_is_held_ends_at_the_limit():
    jog = Jog()
    for _ in range(500):
        jog.key("q", START)
        target = jog.next(1.0)
    assert target[0] == SO101_LIMITS.upper_rad[0]


def test_space_opens_and_closes_the_gripper_and_x_stops():
    jog = Jog()
    jog.key(" ", START)
    assert jog.next(10.0)[5] == SO101_LIMITS.upper_rad[5]
    jog.key(" ", START)
    half = jog.next(0.1)[5]
    jog.key("x", START)
    assert jog.next(10.0)[5] == half


def test_after_a_release_it_starts_from_where_the_arm_is():
    jog = Jog()
    jog.key("q", START)
    jog.release()
    assert jog.next(0.02) is None
    jog.key("x", START + 0.3)
    assert jog.next(0.02) == pytest.approx(START + 0.3)


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
    made = TeleopNode(keys), Robot(), keys
    yield made
    for node in made[:2]:
        node.destroy_node()


def commands_of(node: TeleopNode) -> list:
    heard: list = []
    topic = topics.JOINT_COMMANDS
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
