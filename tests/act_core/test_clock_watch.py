from __future__ import annotations

from act_core.clock_watch import ClockWatch
from act_core.timing import FakeClock

S = 1_000_000_000


def test_a_clock_that_runs_in_either_direction_is_well():
    steady = FakeClock()
    watch = ClockWatch(steady)
    for ros_ns in (5 * S, 6 * S, 3 * S, 3 * S + 1):
        steady.advance(0.4)
        assert watch.look(ros_ns) is None


def test_the_example_of_the_docstring():
    steady = FakeClock()
    watch = ClockWatch(steady)
    assert watch.look(12_300_000_000) is None
    steady.advance(0.4)
    assert watch.look(12_300_000_000) is None
    steady.advance(0.2)
    assert watch.look(12_300_000_000) == "simulated time has stood still for 0.6 s"
    assert watch.look(12_310_000_000) is None


def test_a_clock_that_never_came():
    watch = ClockWatch(FakeClock())
    assert "nothing on /clock yet" in str(watch.look(0))
    assert watch.look(1) is None
