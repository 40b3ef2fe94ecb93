"""What one arm of two concludes from the other."""

from __future__ import annotations

import pytest
from act_core.partner import Partner
from act_core.timing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def partner(clock) -> Partner:
    return Partner("right", clock)


def test_both_hold_until_the_other_one_is_there(partner, clock):
    assert partner.problem() == "the right arm is not there yet"
    clock.advance(100.0)
    assert partner.problem() == "the right arm is not there yet"
    partner.heard(None, False)
    assert partner.problem() is None


def test_what_keeps_the_other_from_moving_is_told(partner):
    partner.heard("torque is off", False)
    assert partner.problem() == "the right arm: torque is off"
    assert not partner.is_stopped
    partner.heard(None, False)
    assert partner.problem() is None


def test_silence_of_half_a_second_counts(partner, clock):
    partner.heard(None, False)
    clock.advance(0.5)
    assert partner.problem() is None
    clock.advance(0.2)
    assert partner.problem() == "the right arm has been silent for 0.7 s"
    partner.heard(None, False)
    assert partner.problem() is None


def test_a_stop_outlives_the_arm_that_told_of_it(partner, clock):
    partner.heard("no command yet", True)
    clock.advance(60.0)
    assert partner.is_stopped
    assert partner.problem() == "the e-stop of the right arm is engaged"
    partner.heard(None, False)
    assert not partner.is_stopped
