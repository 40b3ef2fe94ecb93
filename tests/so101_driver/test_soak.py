"""A short soak; `python -m bench.servo_soak` is the long one."""

from __future__ import annotations

import pytest

from bench._servo_soak import EVENTS, RATES, Soak


@pytest.mark.parametrize("seed", [1, 2])
def test_random_faults_are_survived_counted_and_never_break_a_limit(seed):
    soak = Soak(seed)
    soak.run(faults=4_000)
    assert soak.outside_limits == 0
    assert soak.resumed >= 10
    injected = soak.wire.faults.counts
    assert set(injected) >= set(RATES)
    assert set(injected) & set(EVENTS)
    values = soak.driver.values()
    assert int(values["accepted"]) > 0.2 * soak.cycles
    assert soak.longest_hold_s < 20.0, "it always comes back"


def test_the_same_seed_does_the_same():
    first, second = Soak(5), Soak(5)
    first.run(1_500)
    second.run(1_500)
    assert first.wire.faults.counts == second.wire.faults.counts
    assert first.driver.values() == second.driver.values()
    assert (first.cycles, first.holds) == (second.cycles, second.holds)
