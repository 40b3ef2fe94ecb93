"""Whether an arm gets anywhere: it stands, it trembles, its gripper holds nothing."""

from __future__ import annotations

import numpy as np
from act_core.robots import find_robot
from act_core.stuck_watch import StuckWatch

ROBOT = find_robot("so101")
HOME = ROBOT.pose("home")
S = 10**9


def watch() -> StuckWatch:
    return StuckWatch(ROBOT.limits, ROBOT.grippers)


def grip(opening: float) -> np.ndarray:
    return np.array([*HOME[:5], opening])


def test_an_arm_that_trembles_in_one_place_is_told_after_three_seconds():
    one, rng = watch(), np.random.default_rng(0)
    said = [one.see(HOME + rng.uniform(-0.01, 0.01, 6), k * S // 10) for k in range(50)]
    assert said[:30] == [None] * 30
    assert said[40] == "the arm has not moved for 4 s"
    assert one.stills == 1
    assert one.see(HOME + 0.1, 5 * S) is None
    assert one.see(HOME + 0.1, 7 * S) is None


def test_an_arm_on_its_way_is_never_stuck_however_slowly_it_goes():
    one = watch()
    for k in range(1000):
        assert one.see(HOME + 0.0015 * k * np.eye(6)[0], k * S // 10) is None


def test_a_gripper_that_closes_on_nothing_is_told_until_it_opens():
    one = watch()
    way = [(0.9, None), (0.5, None), (0.0, None), (0.0, None)]
    for k, (opening, said) in enumerate(way):
        assert one.see(grip(opening), k * S // 5) == said
    assert one.see(grip(0.0), S) == "gripper has closed on nothing"
    assert one.see(grip(0.2), S + S // 5) == "gripper has closed on nothing"
    assert one.misses == 1
    assert one.see(grip(0.9), S + 2 * S // 5) is None


def test_a_gripper_that_holds_a_cube_or_was_never_open_is_well():
    one = watch()
    for k in range(10):
        assert one.see(grip(-0.1 + 0.001 * k), k * S // 5) is None
    assert one.see(grip(0.9), 2 * S) is None
    for k in range(10):
        assert one.see(grip(0.19), 2 * S + k * S // 5) is None
    assert one.misses == 0


def test_a_clock_that_goes_back_begins_anew():
    one = watch()
    one.see(HOME, 100 * S)
    assert one.see(HOME, 1 * S) is None
    assert one.see(HOME, 3 * S) is None
    assert one.see(HOME, 5 * S) == "the arm has not moved for 4 s"


def test_another_driver_begins_anew():
    one = watch()
    for k in range(5):
        one.see(HOME, k * S)
    one.reset()
    assert one.see(HOME, 6 * S) is None


def test_each_hand_of_two_arms_is_told_by_its_name():
    robot = find_robot("so101_bimanual")
    one = StuckWatch(robot.limits, robot.grippers)
    open_, closed = robot.pose("home").copy(), robot.pose("home").copy()
    open_[[5, 11]] = 0.9
    closed[[5, 11]] = 0.19, -0.1
    one.see(open_, 0)
    one.see(closed, S)
    assert one.see(closed, 2 * S) == "right_gripper has closed on nothing"
