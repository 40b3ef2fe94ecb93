"""What came in the last second of a steady clock."""

from __future__ import annotations

from act_core.timing import FakeClock
from act_core.traffic import Traffic


def test_the_example_of_the_docstring():
    clock = FakeClock()
    traffic = Traffic(clock)
    assert (traffic.rate_hz, traffic.age_s, traffic.total) == (0.0, None, 0)
    for pause_s in (0.0, 0.4, 0.8):
        clock.advance(pause_s)
        traffic.count()
    clock.advance(0.1)
    assert (traffic.rate_hz, round(traffic.age_s, 6), traffic.total) == (2.0, 0.1, 3)
    clock.advance(1.2)
    assert (traffic.rate_hz, round(traffic.age_s, 6), traffic.total) == (0.0, 1.3, 3)


def test_a_steady_stream_has_its_rate():
    clock = FakeClock()
    traffic = Traffic(clock)
    for _ in range(500):
        clock.advance(0.01)
        traffic.count()
    assert traffic.rate_hz == 100.0


def test_values_for_diagnostics():
    clock = FakeClock()
    traffic = Traffic(clock, window_s=0.5)
    assert traffic.as_values("commands") == {
        "commands": "0",
        "commands_rate_hz": "0.0",
        "commands_age_s": "never",
    }
    traffic.count()
    clock.advance(0.25)
    assert traffic.as_values("commands") == {
        "commands": "1",
        "commands_rate_hz": "2.0",
        "commands_age_s": "0.250",
    }
