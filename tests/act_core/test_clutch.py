"""Hands change without a jump: the offsets of a clutch and of the way back."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.clutch import FADE_SHARE, REST_RAD, RETURN_RAD_S, Clutch, HandBack
from act_core.limits import JointLimits

PERIOD_S = 0.01
BRAKE = 0.003  # 0.75 * 40 rad/s^2 * (10 ms)^2


def limits(count: int) -> JointLimits:
    names = tuple("abcdefgh"[:count])
    return JointLimits(
        names, np.full(count, -2.0), np.full(count, 2.0), np.full(count, 3.0), np.full(count, 40.0)
    )


def clutch(count: int = 1, gripper: int | None = None) -> Clutch:
    mask = np.array([i == gripper for i in range(count)])
    return Clutch(limits(count), mask, PERIOD_S)


def vector(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


ZERO = vector(0.0)


def test_the_worked_example():
    one = clutch()
    assert one.engage(ZERO, ZERO, vector(0.5)) == pytest.approx([0.0])
    assert one.map(vector(0.5), 1) == pytest.approx([0.0])
    for k in range(51):
        target = one.map(vector(0.505 + 0.004 * k), 1)
    assert target == pytest.approx([0.255], abs=1e-6)
    assert one.largest_rad == pytest.approx(0.45)


def test_nothing_moves_until_the_person_does_not_even_with_a_tremor():
    rng = np.random.default_rng(1)
    one = clutch()
    one.engage(ZERO, ZERO, vector(0.8))
    for _ in range(3000):
        target = one.map(vector(0.8 + rng.uniform(-0.5, 0.5) * REST_RAD), 1)
        assert abs(target[0]) <= REST_RAD
    assert one.largest_rad == pytest.approx(0.8)


@pytest.mark.parametrize("seed", range(20))
def test_the_arm_moves_by_the_hand_s_motion_and_a_quarter_of_it_at_most(seed):
    rng = np.random.default_rng(seed)
    one, device, arm = clutch(6), rng.uniform(-1, 1, 6), rng.uniform(-1, 1, 6)
    one.engage(arm, np.zeros(6), device)
    last = one.map(device, 1)
    largest = one.largest_rad
    speed = np.zeros(6)
    for _ in range(500):
        speed = np.clip(speed + rng.normal(0, 0.002, 6), -0.02, 0.02)
        device = device + speed
        target = one.map(device, 1)
        step = np.abs(target - last - speed)
        assert (step <= FADE_SHARE * np.abs(speed) + 1e-9).all()
        assert one.largest_rad <= largest + 1e-9
        largest, last = one.largest_rad, target
    assert largest < 1.0


def test_hand_and_arm_come_together_in_the_course_of_the_work():
    one = clutch()
    one.engage(ZERO, ZERO, vector(0.4))
    for k in range(2000):
        target = one.map(vector(0.4 * np.cos(k / 40)), 1)
    assert target == pytest.approx([0.4 * np.cos(1999 / 40)], abs=1e-6)


def test_an_arm_in_motion_brakes_and_its_first_step_is_the_one_that_it_had():
    one = clutch()
    step = vector(0.02)
    targets = [ZERO, one.engage(ZERO, step, vector(0.3))]
    targets += [one.map(vector(0.3), 1) for _ in range(20)]
    steps = np.diff(np.array(targets)[:, 0])
    assert steps[0] == pytest.approx(0.02)
    assert np.diff(steps).min() >= -BRAKE - 1e-12
    assert (steps >= -1e-12).all(), "it does not come back"
    assert steps[-1] == 0.0


def test_a_hand_that_moves_already_is_joined_smoothly():
    one = clutch()
    targets = [ZERO, one.engage(ZERO, vector(0.01), vector(0.3))]
    targets += [one.map(vector(0.3 - 0.015 * k), 1) for k in range(1, 40)]
    steps = np.diff(np.array(targets)[:, 0])
    assert np.abs(np.diff(steps)).max() <= BRAKE + FADE_SHARE * 0.015 + 1e-9
    assert steps[-1] == pytest.approx(-0.015, abs=0.004)


def test_several_messages_in_a_period_and_several_periods_without_one():
    often, seldom = clutch(), clutch()
    for one in (often, seldom):
        one.engage(ZERO, vector(0.01), vector(0.5))
    for k in range(1, 101):
        device = vector(0.5 + 0.002 * k)
        for _ in range(3):
            last_often = often.map(device, 0)
        last_often = often.map(device, 1)
        if k % 4 == 0:
            last_seldom = seldom.map(device, 4)
    assert last_often == pytest.approx(last_seldom, abs=0.02)


def test_a_gripper_holds_what_it_holds_until_the_person_s_has_met_it():
    one = clutch(2, gripper=1)
    arm = vector(0.0, -0.1)
    one.engage(arm, np.zeros(2), vector(0.3, 0.9))
    for opening in (0.95, 1.2, 0.6, 0.3, 0.0):
        assert one.map(vector(0.3, opening), 1) == pytest.approx(arm)
    met = one.map(vector(0.3, -0.08), 1)
    assert met == pytest.approx(arm, abs=0.03)
    opened = one.map(vector(0.3, 0.5), 1)
    assert opened[1] == pytest.approx(0.5, abs=0.05)


def test_a_gripper_that_crosses_in_one_step_follows_from_where_it_was():
    one = clutch(1, gripper=0)
    one.engage(vector(0.5), ZERO, vector(1.0))
    assert one.map(vector(0.2), 10) == pytest.approx([0.5], abs=0.05)
    assert one.map(vector(0.1), 10)[0] < 0.45


def test_a_gripper_that_is_where_the_arm_s_is_follows_at_once():
    one = clutch(1, gripper=0)
    one.engage(vector(0.5), ZERO, vector(0.52))
    assert one.map(vector(0.62), 10) == pytest.approx([0.6], abs=0.03)


def test_to_engage_again_centres_again():
    one = clutch()
    one.engage(ZERO, ZERO, vector(0.5))
    one.map(vector(0.7), 10)
    assert one.engage(vector(0.2), ZERO, vector(-0.4)) == pytest.approx([0.2])
    assert one.map(vector(-0.4), 1) == pytest.approx([0.2])


def test_at_a_limit_it_slips():
    one = clutch()
    one.engage(vector(1.9), ZERO, ZERO)
    target = one.map(vector(0.5), 100)
    one.slip(2.0 - target)
    assert one.map(vector(0.49), 1)[0] < 2.0


@pytest.mark.parametrize("seed", range(20))
def test_the_way_back_adds_little_to_the_policy_s_own_motion_and_ends(seed):
    rng = np.random.default_rng(seed)
    back = HandBack(limits(6), PERIOD_S)
    plan = rng.uniform(-0.5, 0.5, 6)
    drift = rng.uniform(-0.01, 0.01, 6)
    arm_step = rng.uniform(-0.02, 0.02, 6)
    arm = plan + rng.uniform(-0.3, 0.3, 6)
    targets = [arm, back.engage(arm, arm_step, plan)]
    targets += [back.map(plan + k * drift, 1) for k in range(1, 600)]
    steps = np.diff(np.array(targets), axis=0)
    assert steps[0] == pytest.approx(arm_step)
    low = np.minimum(arm_step, drift) - RETURN_RAD_S * PERIOD_S - 1e-9
    high = np.maximum(arm_step, drift) + RETURN_RAD_S * PERIOD_S + 1e-9
    assert (steps >= low).all()
    assert (steps <= high).all()
    assert np.abs(np.diff(steps, axis=0)).max() <= BRAKE + 1e-9
    assert back.is_over
    assert targets[-1] == pytest.approx(plan + 599 * drift, abs=1e-4)


def test_a_policy_with_few_commands_gets_its_arm_back_as_well():
    back = HandBack(limits(1), PERIOD_S)
    back.engage(vector(0.2), ZERO, ZERO)
    way = [back.map(ZERO, 30)[0] for _ in range(30)]
    assert way[-1] == pytest.approx(0.0, abs=1e-4)
    assert min(way) > -0.05
