"""The slow way to a pose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from act_core.robots.so101 import SO101_LIMITS
from so101_driver.approach import Approach

PERIOD_NS = 10_000_000
NAMES = SO101_LIMITS.names
ONE = replace(
    SO101_LIMITS, names=NAMES[:1], lower_rad=[-1.0], upper_rad=[1.0], max_velocity_rad_s=[3.0],
    max_acceleration_rad_s2=[40.0],
)  # fmt: skip


class Follower:
    """A joint that is where it was sent, unless it is held."""

    def __init__(self, target: float, **arguments) -> None:
        self.approach = Approach([target], ONE, 0.01, **arguments)
        self.now_ns, self.position, self.held, self.silent = 0, 0.0, False, False

    def period(self):
        self.now_ns += PERIOD_NS
        if not self.silent:
            self.approach.measured([self.position], self.now_ns)
        guidance = self.approach.next(self.now_ns)
        if guidance.position_rad is not None and not self.held:
            self.position = float(guidance.position_rad[0])
        return guidance


def test_the_numbers_of_the_docstring():
    follower = Follower(0.012)
    seen = [follower.period() for _ in range(4)]
    assert [g.position_rad[0] for g in seen] == pytest.approx([0.005, 0.010, 0.012, 0.012])
    assert [g.is_there for g in seen] == [False, False, True, True]


def test_a_target_past_a_limit_is_moved_onto_it():
    follower = Follower(1.5, speed_rad_s=50.0)
    for _ in range(5):
        follower.period()
    assert follower.position == 1.0


def test_nothing_is_commanded_before_the_arm_was_heard_and_while_it_is_silent():
    approach = Approach([0.5], ONE, 0.01)
    assert approach.next(0) == (None, False, "waiting for the arm's position")
    follower = Follower(0.5)
    follower.period()
    follower.silent = True
    for _ in range(25):
        guidance = follower.period()
    assert guidance.position_rad is None
    assert guidance.why == "the arm has been silent for more than 0.2 s"
    follower.silent, follower.position = False, -0.3  # moved meanwhile
    assert follower.period().position_rad == pytest.approx([-0.295])


def test_an_arm_that_is_held_and_comes_free_does_not_leap():
    follower = Follower(1.0, speed_rad_s=1.0)
    follower.held = True
    for _ in range(300):
        guidance = follower.period()
    assert np.abs(guidance.position_rad[0] - follower.position) < 1.0
    far = [follower.period().position_rad[0] for _ in range(200)]
    assert min(far) < 0.02, "it begins again where the arm is"
    assert max(far) < 0.6 + 0.5 + 0.02
