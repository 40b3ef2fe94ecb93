"""Dragging a joint in the page: how far it goes, and that it ends with the page."""

from __future__ import annotations

import math

import numpy as np
import pytest
from act_console.drag import PERIOD_S, SILENT_S, SPEED_RAD_S, Drag
from act_core.robots import find_robot
from act_core.timing import to_ns

ROBOT = find_robot("so101")
HERE = np.zeros(6)


class Clock:
    def __init__(self) -> None:
        self.ns = 1

    def now_ns(self) -> int:
        return self.ns

    def sleep_until_ns(self, t_ns: int) -> None:
        self.ns = t_ns


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def drag(clock):
    return Drag(ROBOT, clock)


def goal(value: float) -> list[float]:
    return [value, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_it_follows_from_where_the_arm_is_at_no_more_than_its_speed(drag):
    assert drag.hold("a", goal(1.0), HERE) is None
    step = SPEED_RAD_S * PERIOD_S
    assert drag.next()[0] == pytest.approx(step)
    assert drag.next()[0] == pytest.approx(2 * step)


def test_a_page_that_vanishes_ends_it_where_it_is(drag, clock):
    drag.hold("a", goal(1.0), HERE)
    drag.next()
    clock.ns += to_ns(SILENT_S) + 1
    assert drag.next() is None
    assert drag.holder is None
    drag.hold("a", goal(1.0), np.full(6, 0.5))  # it is back: from where the arm then is
    assert drag.next()[0] == pytest.approx(0.5 + SPEED_RAD_S * PERIOD_S)


def test_a_second_page_waits_until_the_first_has_let_go(drag):
    assert drag.hold("a", goal(0.1), HERE) is None
    assert "another page" in drag.hold("b", goal(0.2), HERE)
    drag.let_go("b")  # is not its to let go
    assert drag.holder == "a"
    drag.let_go("a")
    assert drag.hold("b", goal(0.2), HERE) is None


def test_limits_hold(drag):
    drag.hold("a", goal(99.0), np.full(6, -99.0))
    for _ in range(1000):
        target = drag.next()
    assert target[0] == pytest.approx(ROBOT.limits.upper_rad[0])
    assert (target >= ROBOT.limits.lower_rad).all()


@pytest.mark.parametrize(
    "wrong",
    [goal(math.nan), goal(math.inf), [0.0] * 5, [0.0] * 7, goal(10**400), None, "0", {"a": 1},
     [True] * 6, [None] * 6, ["0"] * 6, goal(1e6)],
)  # fmt: skip
def test_what_is_no_goal_is_refused(drag, wrong):
    assert "6 finite numbers" in drag.hold("a", wrong, HERE)
    assert drag.next() is None


def test_an_arm_that_nobody_has_heard_of_is_not_dragged(drag):
    assert "where the arm is" in drag.hold("a", goal(0.0), None)
