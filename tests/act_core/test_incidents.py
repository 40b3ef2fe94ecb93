"""A flood of events is two lines."""

from __future__ import annotations

from act_core.incidents import Incidents
from act_core.timing import FakeClock


def test_the_example_of_the_docstring():
    clock = FakeClock()
    incidents = Incidents(clock)
    told = []
    for _ in range(60 * 100):
        clock.advance(0.01)
        incidents.saw("estop", "command refused: e-stop engaged")
        told += incidents.lines()
    for _ in range(600):
        clock.advance(0.01)
        told += incidents.lines()
    assert told == [
        "command refused: e-stop engaged",
        "command refused: e-stop engaged: 6000 times in 60 s",
    ]


def test_what_happens_once_is_one_line():
    clock = FakeClock()
    incidents = Incidents(clock)
    incidents.saw("names", "no such joint")
    assert incidents.lines() == ["no such joint"]
    clock.advance(10.0)
    assert incidents.lines() == []
    incidents.saw("names", "no such joint, again")
    assert incidents.lines() == ["no such joint, again"], "the next one is an incident of its own"


def test_kinds_do_not_hide_each_other():
    clock = FakeClock()
    incidents = Incidents(clock)
    for number in range(100):
        clock.advance(0.01)
        incidents.saw("stamp", f"stamped {number} s ago")
        incidents.saw("names", "no such joint")
    assert incidents.lines() == ["stamped 0 s ago", "no such joint"]
    clock.advance(5.1)
    assert incidents.lines() == [
        "stamped 0 s ago: 100 times in 0.99 s",
        "no such joint: 100 times in 0.99 s",
    ]
