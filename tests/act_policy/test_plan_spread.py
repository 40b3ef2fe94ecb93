"""Plans that agree, plans that do not, and plans that speak of different times."""

from __future__ import annotations

import numpy as np
import pytest
from act_policy.chunk import Chunk
from act_policy.plan_spread import PlanSpread
from act_policy.policy_runner import RunnerLimits

from tests.act_policy.test_policy_runner import make_runner, observe

RATE_HZ = 30.0


def plan(k: int, level: float, rows: int = 30) -> Chunk:
    """Number k at 10 Hz, that says `level` for one of two joints."""
    return Chunk(k * 100_000_000, RATE_HZ, np.tile([level, 0.0], (rows, 1)))


def spread_of(levels, limit=None, rows=30) -> PlanSpread:
    spread = PlanSpread(limit)
    for k, level in enumerate(levels):
        spread.add(plan(k, level, rows))
    return spread


def test_the_example_of_the_docstring():
    assert spread_of([0.2, -0.2, 0.2, -0.2]).value == pytest.approx(0.2)
    assert spread_of([0.2] * 8).value == pytest.approx(0.0)


def test_few_plans_tell_nothing_and_old_ones_are_forgotten():
    assert spread_of([0.2, -0.2]).value is None
    spread = spread_of([0.5, -0.5] * 3 + [0.1] * 12)
    assert spread.value == pytest.approx(0.0)
    spread.clear()
    assert spread.value is None


def test_plans_that_are_over_have_no_say():
    """Three rows at 30 Hz say nothing of what is 100 ms later: nothing overlaps."""
    assert spread_of([0.2, -0.2, 0.2, -0.2], rows=3).value is None


def test_plans_of_a_moving_arm_agree_about_each_time():
    spread = PlanSpread()
    for k in range(10):
        seconds = 0.1 * k + np.arange(30) / RATE_HZ
        spread.add(Chunk(k * 100_000_000, RATE_HZ, np.stack([seconds, -seconds], axis=1)))
    assert spread.value == pytest.approx(0.0, abs=1e-6)


def test_what_lasts_for_a_second_is_told():
    assert spread_of([0.2, -0.2] * 5, limit=0.1).problem is None, "not for a second yet"
    problem = spread_of([0.2, -0.2] * 10, limit=0.1).problem
    assert problem == "its plans disagree: they are 0.20 rad apart (limit 0.1)"
    assert spread_of([0.2, -0.2] * 10, limit=0.3).problem is None
    assert spread_of([0.2, -0.2] * 10).problem is None
    assert spread_of([0.2, -0.2] * 10 + [0.1] * 12, limit=0.1).problem is None, "they agree again"


def test_the_runner_tells_of_it_but_not_while_somebody_else_drives():
    turn = iter(range(1000))

    def undecided(observation):
        return np.tile([0.2 if next(turn) % 2 else -0.2, 0.0], (10, 1))

    runner = make_runner(undecided, limits=RunnerLimits(spread=0.1))
    for k in range(30):
        observe(runner, 100 * k)
        runner.act(k * 100_000_000)
    status = runner.status(3 * 10**9)
    assert status.spread == pytest.approx(0.2, abs=0.01)
    assert "its plans disagree" in status.disagreement
    runner.stand_by(True)
    observe(runner, 3000)
    runner.act(3 * 10**9)
    assert runner.status(3 * 10**9).disagreement is None
