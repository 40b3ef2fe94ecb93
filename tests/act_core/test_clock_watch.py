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


def test_two_clocks_at_once_are_no_clock():
    steady = FakeClock()
    watch = ClockWatch(steady)
    said = []
    for step in range(40):  # looked at ten times a second, of two simulations in turn
        steady.advance(0.1)
        said.append(watch.look((100 if step % 2 else 5000) * S + step * S // 10))
    assert said[0] is said[1] is None, "once is a new start"
    assert all("more than one node publish /clock?" in str(text) for text in said[4:])
    for step in range(40):  # one of them has ended
        steady.advance(0.1)
        text = watch.look(5005 * S + step * S // 10)
    assert text is None


def test_a_clock_that_starts_anew_every_four_seconds_is_a_bag_in_a_loop():
    steady = FakeClock()
    watch = ClockWatch(steady)
    for step in range(400):
        steady.advance(0.1)
        assert watch.look(100 * S + step % 40 * S // 10) is None
