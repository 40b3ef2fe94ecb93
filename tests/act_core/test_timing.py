"""Schedules on a fake clock: no test here waits or measures real time."""

from __future__ import annotations

import pytest
from act_core.timing import FakeClock, LoopStats, MonotonicClock, PeriodicSchedule, Tick
from hypothesis import given
from hypothesis import strategies as st


def test_worked_example_of_the_docstring():
    clock = FakeClock(start_ns=5_000_000)
    schedule = PeriodicSchedule(0.010, clock)
    ticks = [schedule.wait(), schedule.wait()]
    clock.advance(0.023)  # tick 1 takes 23 ms
    ticks += [schedule.wait(), schedule.wait()]
    assert ticks == [
        Tick(0, 5_000_000, 0.0, 0),
        Tick(1, 15_000_000, 0.0, 0),
        Tick(3, 35_000_000, 0.003, 1),
        Tick(4, 45_000_000, 0.0, 0),
    ]


def test_a_late_tick_does_not_move_the_ones_after_it():
    clock = FakeClock()
    schedule = PeriodicSchedule(0.010, clock)
    schedule.wait()
    clock.advance(0.0137)  # 3.7 ms late for tick 1: less than a period, so it runs
    assert schedule.wait() == Tick(1, 10_000_000, 0.0037, 0)
    assert schedule.wait() == Tick(2, 20_000_000, 0.0, 0)


def test_exactly_one_period_late_still_runs():
    clock = FakeClock()
    schedule = PeriodicSchedule(0.010, clock)
    schedule.wait()
    clock.advance(0.020)
    assert schedule.wait() == Tick(1, 10_000_000, 0.010, 0)


@given(
    period_ms=st.integers(1, 50),
    work_ms=st.lists(st.floats(0, 200), max_size=40),
)
def test_tick_k_always_lands_on_t0_plus_k_periods(period_ms, work_ms):
    clock = FakeClock(start_ns=123)
    schedule = PeriodicSchedule(period_ms / 1e3, clock)
    last = schedule.wait()
    skipped = 0
    for work in work_ms:
        clock.advance(work / 1e3)
        tick = schedule.wait()
        assert tick.due_ns == 123 + tick.index * period_ms * 1_000_000
        assert 0 <= tick.lateness_s <= period_ms / 1e3
        assert tick.index == last.index + 1 + tick.skipped
        assert clock.now_ns() >= tick.due_ns
        skipped += tick.skipped
        last = tick
    assert last.index == len(work_ms) + skipped


def test_no_drift_over_a_day_at_a_period_that_is_no_whole_number():
    clock = FakeClock()
    schedule = PeriodicSchedule(1 / 30, clock)
    for _ in range(1000):
        tick = schedule.wait()
    assert tick.due_ns == 999 * round(1e9 / 30)


def test_the_real_clock_waits_until_the_time_asked_for():
    clock = MonotonicClock()
    start_ns = clock.now_ns()
    clock.sleep_until_ns(start_ns + 2_000_000)
    assert clock.now_ns() >= start_ns + 2_000_000
    clock.sleep_until_ns(start_ns)  # in the past: returns at once


def test_statistics_of_known_lateness():
    stats = LoopStats(window=1000)
    assert stats.snapshot() is None
    for k in range(1000):
        stats.record(Tick(k, 0, lateness_s=k / 1000, skipped=2 if k == 500 else 0))
    result = stats.snapshot()
    assert result.p50_s == pytest.approx(0.4995)
    assert result.p99_s == pytest.approx(0.98901)
    assert result.p999_s == pytest.approx(0.998001)
    assert (result.max_s, result.ticks, result.overruns, result.skipped) == (0.999, 1000, 1, 2)
    assert result.as_values()["lateness_max_ms"] == "999.000"


def test_statistics_forget_what_lies_before_the_window():
    stats = LoopStats(window=10)
    for lateness in [1.0] * 5 + [0.001] * 10:
        stats.record(Tick(0, 0, lateness, 0))
    assert stats.snapshot().max_s == 0.001
    assert stats.snapshot().ticks == 15


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match="period_s must be at least 1e-9 s, got 0"):
        PeriodicSchedule(0)
    with pytest.raises(ValueError, match="a monotonic clock cannot go back, got -1 s"):
        FakeClock().advance(-1)
    with pytest.raises(ValueError, match="window must be at least 1 tick, got 0"):
        LoopStats(window=0)
