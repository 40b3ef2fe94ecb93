"""A gamepad on the wire: what its controls push, and what becomes of one that is not there."""

from __future__ import annotations

import os
import pty
import tty

import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_core.robot import Joint, Robot
from act_core.robots import find_robot
from act_core.robots.so101 import JOINT_NAMES, SO101
from act_record import gamepad as module
from act_record.gamepad import DEAD_ZONE, Gamepad

from tests.act_record.wire_gamepad import AXIS, BUTTON, END, WireGamepad, event

REST = [0.0] * 6


@pytest.fixture
def wire(tmp_path):
    made = WireGamepad(tmp_path / "js0")
    yield made
    if made.path.exists():
        made.unplug()


@pytest.fixture
def gamepad(wire):
    with Gamepad(SO101, str(wire.path)) as opened:
        yield opened


def test_every_joint_moves_both_ways_and_the_help_names_it(gamepad):
    directions = {joint: set() for joint in range(6)}
    for (kind, _), (joint, direction) in gamepad.controls.items():
        directions[joint] |= {-1.0, 1.0} if kind == AXIS else {direction}
    assert all(found == {-1.0, 1.0} for found in directions.values())
    for name in JOINT_NAMES:
        assert name in gamepad.help


def test_other_robots_have_as_many_controls_as_joints_or_are_refused(wire):
    joints = tuple(Joint(f"joint_{i}", -1.0, 1.0) for i in range(7))
    seven = Robot("seven", (Joint("claw", 0.0, 1.0, is_gripper=True), *joints))
    with Gamepad(seven, str(wire.path)) as gamepad:
        assert "D-pad: joint_5 to the sides, joint_6 forwards and back" in gamepad.help
        wire.axis(7, -END)
        wire.button(1)
        assert gamepad.read().tolist() == [1.0, 0, 0, 0, 0, 0, 0, 1.0]
    with pytest.raises(ConfigurationError, match="'long' has 8 joints and 0 grippers, .* 7 and 1$"):
        Gamepad(Robot("long", (*joints, Joint("joint_7", 0.0, 1.0))), str(wire.path))
    with pytest.raises(ConfigurationError, match="choose a side, left or right"):
        Gamepad(find_robot("so101_bimanual"), str(wire.path))


def test_a_pad_at_rest_pushes_nothing(gamepad):
    assert gamepad.read().tolist() == REST
    assert gamepad.read().tolist() == REST  # also without events


@pytest.mark.parametrize(
    ("kind", "number", "value", "joint", "pushed"),
    [
        (AXIS, 0, END, "shoulder_pan", 1.0),
        (AXIS, 0, -END, "shoulder_pan", -1.0),
        (AXIS, 1, -END, "shoulder_lift", 1.0),  # away from the person
        (AXIS, 4, -END, "elbow_flex", 1.0),
        (AXIS, 3, END, "wrist_flex", 1.0),
        (AXIS, 3, -32768, "wrist_flex", -1.0),
        (BUTTON, 4, 1, "wrist_roll", -1.0),
        (BUTTON, 5, 1, "wrist_roll", 1.0),
        (BUTTON, 0, 1, "gripper", -1.0),
        (BUTTON, 1, 1, "gripper", 1.0),
    ],
)
def test_each_control_pushes_its_joint_until_it_is_let_go(
    wire, gamepad, kind, number, value, joint, pushed
):
    expected = [pushed if name == joint else 0.0 for name in JOINT_NAMES]
    wire.write(event(kind, number, value))
    assert gamepad.read().tolist() == expected
    assert gamepad.read().tolist() == expected  # held
    wire.write(event(kind, number, 0))
    assert gamepad.read().tolist() == REST


def test_a_stick_pushes_in_proportion_beyond_its_dead_zone(wire, gamepad):
    wire.axis(0, int(DEAD_ZONE * END))
    assert gamepad.read()[0] == 0.0
    wire.axis(0, round(0.625 * END))
    assert gamepad.read()[0] == pytest.approx(0.5, abs=1e-4)
    wire.axis(0, -round(0.625 * END))
    assert gamepad.read()[0] == pytest.approx(-0.5, abs=1e-4)


def test_both_shoulder_buttons_and_controls_without_a_use_push_nothing(wire, gamepad):
    for number in (4, 5, 6, 7, 8, 9, 10):
        wire.button(number)
    wire.axis(2, END)
    wire.axis(6, END)
    assert gamepad.read().tolist() == REST


def test_an_event_that_comes_in_two_parts_counts_once_it_is_whole(wire, gamepad):
    data = event(AXIS, 0, END)
    wire.write(data[:3])
    assert gamepad.read().tolist() == REST
    wire.write(data[3:] + event(BUTTON, 5, 1)[:7])
    assert gamepad.read().tolist() == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    wire.write(event(BUTTON, 5, 1)[7:])
    assert gamepad.read()[4] == 1.0


@pytest.mark.parametrize("number", [2, 3])
def test_a_tap_on_let_go_is_not_missed_and_what_is_held_counts_no_more(wire, gamepad, number):
    wire.axis(0, END)
    wire.axis(1, -END)
    assert gamepad.read().tolist() == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    wire.button(number)
    wire.button(number, down=False)
    assert gamepad.read() is None
    assert gamepad.connected
    wire.axis(0, END - 1)
    assert gamepad.read().tolist() == REST
    wire.axis(0, 0)
    wire.axis(0, END)
    assert gamepad.read().tolist() == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]  # the other is still held


def test_an_unplugged_pad_lets_go_and_counts_again_when_it_is_back_and_at_rest(wire, gamepad):
    wire.axis(0, END)
    assert gamepad.read()[0] == 1.0
    wire.unplug()
    assert gamepad.read() is None
    assert not gamepad.connected
    assert gamepad.read() is None
    wire.plug(held={(AXIS, 0): END, (BUTTON, 1): 1})
    assert gamepad.read().tolist() == REST
    assert gamepad.connected
    wire.axis(1, END)
    assert gamepad.read().tolist() == [0.0, -1.0, 0.0, 0.0, 0.0, 0.0]
    wire.axis(0, 0)
    wire.axis(0, -END)
    wire.button(1, down=False)
    wire.button(1)
    assert gamepad.read().tolist() == [-1.0, -1.0, 0.0, 0.0, 0.0, 1.0]


def test_half_an_event_of_a_pad_that_was_unplugged_is_forgotten(wire, gamepad):
    wire.write(event(AXIS, 0, END)[:5])
    gamepad.read()
    wire.unplug()
    assert gamepad.read() is None
    wire.plug()
    assert gamepad.read().tolist() == REST


def test_an_axis_that_rests_at_its_end_moves_nothing(tmp_path):
    """On pads that number otherwise, a trigger is where a stick is expected."""
    wire = WireGamepad(tmp_path / "js0")
    wire.unplug()
    wire.plug(held={(AXIS, 3): -END, (AXIS, 4): -END})
    with Gamepad(SO101, str(wire.path)) as gamepad:
        assert gamepad.read().tolist() == REST
    wire.unplug()


def test_a_device_that_fails_is_gone():
    """A terminal answers EIO when its other end is closed, as a pad answers ENODEV."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    with Gamepad(SO101, os.ttyname(slave)) as gamepad:
        os.close(slave)
        os.write(master, event(AXIS, 0, 0) + event(AXIS, 0, END))
        assert gamepad.read()[0] == 1.0
        os.close(master)
        assert gamepad.read() is None
        assert not gamepad.connected


def test_a_device_that_is_no_joystick_is_named(wire, gamepad):
    wire.write(np.array([1_700_000_000, 250_000, 0], np.int64).tobytes())  # as of /dev/input/event*
    with pytest.raises(
        ConfigurationError, match=r"js0 is no joystick device: type \d+ in an event"
    ):
        gamepad.read()


def test_a_pad_that_is_not_there_is_told_with_those_that_are(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DEVICES", tmp_path)
    with pytest.raises(ConfigurationError, match=rf"no gamepad at /dev/js7: .*no {tmp_path}/js\*"):
        Gamepad(SO101, "/dev/js7")
    for name in ("js1", "js0", "event3"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigurationError, match=r"there are: \S+/js0, \S+/js1; .*modprobe joydev"):
        Gamepad(SO101, str(tmp_path / "js7"))
    with pytest.raises(
        ConfigurationError, match="js0 cannot be read as a gamepad: it is no device"
    ):
        Gamepad(SO101, str(tmp_path / "js0"))


def test_a_pad_that_may_not_be_read_names_the_group(wire, monkeypatch):
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(module.os, "open", refuse)
    with pytest.raises(ConfigurationError, match=r"no permission; sudo usermod -aG input \$USER"):
        Gamepad(SO101, str(wire.path))
