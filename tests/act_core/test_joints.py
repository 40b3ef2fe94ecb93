"""Joints by name: any order, company and pieces; what is damaged is refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.joints import JointMatcher, JointMerger, OtherJointsError
from act_core.timing import FakeClock
from hypothesis import given
from hypothesis import strategies as st

MS = 1_000_000


def test_order_and_company_do_not_matter():
    matcher = JointMatcher(["c", "a"])
    reading = matcher.read(["a", "b", "c"], [1.0, 2.0, 3.0], [0.1, 0.2, 0.3])
    assert reading.position.tolist() == [3.0, 1.0]
    assert reading.velocity.tolist() == [0.3, 0.1]
    again = matcher.read(("c", "b", "a"), [1.0, 2.0, 3.0], [])
    assert again.position.tolist() == [1.0, 3.0]
    assert again.velocity is None


@given(
    names=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8, unique=True),
    data=st.data(),
)
def test_every_joint_gets_its_own_value(names, data):
    sent = data.draw(st.permutations("abcdefgh"))
    value = {name: float(ord(name)) for name in sent}
    reading = JointMatcher(names).read(list(sent), [value[n] for n in sent], [])
    assert reading.position.tolist() == [value[name] for name in names]


@pytest.mark.parametrize(
    ("names", "position", "text"),
    [
        (["a"], [1.0], "joints missing in the message: b; it has a"),
        ([], [], "joints missing in the message: a, b; it has none"),
        (["a", "a", "b"], [1.0] * 3, "a joint is named twice in the message: a, a, b"),
        (["a", "b"], [1.0], "2 joint names but 1 positions"),
        (["a", "b"], [1.0, float("nan")], "the position of b is nan, expected a finite number"),
        (["b", "a"], [1.0, float("-inf")], "the position of a is -inf"),
        (["a", "\x1b[2J" + 99 * "x"], [1.0] * 2, r"it has a, \?\[2Jx+…$"),
    ],
)
def test_what_is_damaged_is_refused(names, position, text):
    matcher = JointMatcher(["a", "b"])
    for _ in range(2):  # what was learnt of a message that was refused does no harm
        with pytest.raises(ValueError, match=text):
            matcher.read(names, position, [])
    assert matcher.read(["b", "a"], [1.0, 2.0], []).position.tolist() == [2.0, 1.0]


def test_a_joint_that_is_not_asked_for_may_be_anything():
    assert JointMatcher(["a"]).read(["a", "x"], [1.0, float("nan")], []).position.tolist() == [1.0]


def test_speeds_that_nobody_measures_are_none():
    """ros2_control writes NaN for a state that a driver does not have."""
    assert JointMatcher(["a"]).read(["a"], [1.0], [float("nan")]).velocity is None
    assert JointMatcher(["a", "b"]).read(["a", "b"], [1.0, 2.0], [0.5]).velocity is None


def test_the_example_of_two_drivers():
    both = JointMerger(["left", "right"])
    assert both.add(["left"], [1.0], [0.1], 10_000 * MS) is None
    assert both.lacking == ["right"]
    stamp_ns, reading = both.add(["right"], [2.0], [0.2], 10_004 * MS)
    assert (stamp_ns, reading.position.tolist()) == (10_000 * MS, [1.0, 2.0])
    assert reading.velocity.tolist() == [0.1, 0.2]
    assert both.add(["left"], [3.0], [], 10_010 * MS) is None
    stamp_ns, reading = both.add(["right"], [4.0], [0.2], 10_014 * MS)
    assert (stamp_ns, reading.position.tolist()) == (10_010 * MS, [3.0, 4.0])
    assert reading.velocity is None
    assert both.add(["left"], [5.0], [0.1], 10_020 * MS) is None
    assert reading.position.tolist() == [3.0, 4.0], "what was handed out does not change"


def test_whole_messages_pass_at_once():
    both = JointMerger(["a", "b"])
    assert both.add(["b", "a"], [1.0, 2.0], [], 5)[1].position.tolist() == [2.0, 1.0]
    assert both.add(["b", "a"], [3.0, 4.0], [], 6)[0] == 6


def test_a_sender_that_stops_stops_the_readings():
    both = JointMerger(["a", "b"])
    both.add(["a", "b"], [1.0, 2.0], [], 1)
    assert all(both.add(["a"], [float(i)], [], i) is None for i in range(2, 100))
    assert both.lacking == ["b"]


def test_a_message_of_another_robot_is_refused():
    with pytest.raises(ValueError, match="joints missing in the message: a, b; it has wheel"):
        JointMerger(["a", "b"]).add(["wheel"], [1.0], [], 1)


def test_arrays_of_messages_as_rclpy_gives_them():
    from array import array

    reading = JointMatcher(["a", "b"]).read(["b", "a"], array("d", [1.0, 2.0]), array("d"))
    assert np.array_equal(reading.position, [2.0, 1.0])


def test_it_says_what_it_waits_for_when_one_half_stops():
    clock = FakeClock()
    both = JointMerger(["a", "b"], clock)
    assert both.waits() is None
    both.add(["a"], [1.0], (), 1)
    assert both.waits() is None, "the other half may be on its way"
    clock.advance(0.2)
    assert both.waits() == "joints missing in the message: b; it has a"
    assert both.waits(0.5) is None
    assert both.add(["b"], [2.0], (), 2) is not None
    clock.advance(9.0)
    assert both.waits() is None, "nothing comes at all"


def test_a_message_of_another_arm_is_told_from_a_wrong_one():
    both = JointMerger(["a", "b"])
    with pytest.raises(OtherJointsError):
        both.add(["c"], [1.0], (), 1)
    with pytest.raises(ValueError, match="2 joint names") as wrong:
        both.add(["a", "c"], [1.0], (), 1)
    assert not isinstance(wrong.value, OtherJointsError)
