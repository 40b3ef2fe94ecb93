"""One arm follows another: the approach, the following, and what interrupts them."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.limits import JointLimits
from so101_driver.teleoperation import APPROACHING, FOLLOWING, Guidance, Teleoperation

MS = 1_000_000
LIMITS = JointLimits(("a", "b"), np.full(2, -1.0), np.full(2, 1.0), np.ones(2), np.ones(2))


class Arms:
    """Both arms heard in every period of 10 ms, unless one is silent."""

    def __init__(self, leader, follower=(0.0, 0.0)) -> None:
        self.teleoperation = Teleoperation(LIMITS, period_s=0.01)
        self.leader, self.follower, self.now_ns = leader, follower, 0

    def period(self) -> Guidance:
        self.now_ns += 10 * MS
        if self.leader is not None:
            self.teleoperation.leader(self.leader, self.now_ns)
        if self.follower is not None:
            self.teleoperation.follower(self.follower, self.now_ns)
        return self.teleoperation.next(self.now_ns)

    def periods(self, count: int) -> list[Guidance]:
        return [self.period() for _ in range(count)]


def test_the_worked_example():
    steps = Arms((0.104, 0.0)).periods(13)
    positions = [step.position_rad[0] for step in steps]
    assert positions == pytest.approx([*np.arange(1, 12) * 0.005, 0.104, 0.104])
    assert [step.state for step in steps] == [APPROACHING] * 11 + [FOLLOWING] * 2


def test_it_follows_without_lag_once_it_has_arrived():
    arms = Arms((0.0, 0.0))
    arms.period()
    for k in range(100):
        arms.leader = (0.9 * np.sin(k / 5), 0.02 * k - 1)
        guidance = arms.period()
        assert guidance.state == FOLLOWING
        assert guidance.position_rad == pytest.approx(arms.leader)


def test_a_leader_that_moves_during_the_approach_is_not_jumped_to():
    arms = Arms((0.5, -0.5))
    last = np.zeros(2)
    for k in range(400):
        arms.leader = (0.5 + 0.4 * np.sin(k / 20), -0.5)
        guidance = arms.period()
        if guidance.state == FOLLOWING:
            assert np.abs(guidance.position_rad - last).max() <= 0.05 + 1e-9
            break
        assert np.abs(guidance.position_rad - last).max() <= 0.005 + 1e-9
        last = guidance.position_rad
    assert guidance.state == FOLLOWING


def test_the_leader_is_followed_inside_the_follower_s_limits_only():
    arms = Arms((1.3, 0.0), follower=(0.99, 0.0))
    assert arms.period().position_rad == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_silent_arm_ends_the_commands_and_then_the_approach_begins_again(who):
    arms = Arms((0.5, 0.5), follower=(0.5, 0.5))
    assert arms.period().state == FOLLOWING
    setattr(arms, who, None)
    assert all(step.state == FOLLOWING for step in arms.periods(20)), "0.2 s of patience"
    guidance = arms.period()
    assert guidance == Guidance(None, f"the {who} has been silent for more than 0.2 s")
    arms.leader, arms.follower = (0.5, 0.5), (-0.5, 0.5)  # where it sank to meanwhile
    guidance = arms.period()
    assert guidance.state == APPROACHING
    assert guidance.position_rad == pytest.approx([-0.495, 0.5])


def test_a_follower_that_stays_behind_is_approached_again_and_does_not_leap():
    arms = Arms((0.0, 0.0))
    arms.period()
    arms.leader = (0.99, 0.0)  # the follower is blocked at 0
    assert all(step.position_rad[0] == 0.99 for step in arms.periods(51)), "0.5 s of patience"
    steps = arms.periods(400)
    assert steps[0].position_rad[0] == pytest.approx(0.005)
    # Over and over again from where it is: at most 0.6 rad and what half a second adds ahead of it.
    assert 0.6 < max(step.position_rad[0] for step in steps) < 0.6 + 0.25 + 0.01
    assert {step.state for step in steps} == {APPROACHING}


def test_a_follower_that_is_a_little_behind_is_followed_by_nothing_but_the_leader():
    arms = Arms((0.0, 0.0))
    for k in range(300):
        arms.leader = (0.9 * np.sin(k / 20), 0.0)
        arms.follower = (0.9 * np.sin((k - 10) / 20) if k >= 10 else 0.0, 0.05)
        assert arms.period().state == FOLLOWING


def test_before_both_were_heard_there_is_no_command():
    arms = Arms(None, (0.0, 0.0))
    assert arms.period() == Guidance(None, "waiting for the leader's position")
    arms.leader, arms.follower = (0.0, 0.0), None
    arms.teleoperation = Teleoperation(LIMITS, 0.01)
    assert arms.period() == Guidance(None, "waiting for the follower's position")


def test_a_stop_lasts_until_the_start():
    arms = Arms((0.5, 0.0), follower=(0.5, 0.0))
    arms.period()
    arms.teleoperation.stop("the e-stop is engaged")
    assert arms.period() == Guidance(None, "the e-stop is engaged")
    arms.follower = (0.0, 0.0)
    arms.teleoperation.start()
    assert arms.period().state == APPROACHING
