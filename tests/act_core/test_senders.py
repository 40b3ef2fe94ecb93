"""Who sent something in the last second."""

from __future__ import annotations

from act_core.senders import Senders
from act_core.timing import FakeClock


def test_who_stops_is_forgotten_after_a_second():
    clock = FakeClock()
    senders = Senders(clock)
    assert senders.recent() == []
    senders.saw(b"policy")
    clock.advance(0.6)
    senders.saw(b"leader")
    assert sorted(senders.recent()) == [b"leader", b"policy"]
    clock.advance(0.6)
    assert senders.recent() == [b"leader"]
    clock.advance(0.6)
    assert senders.recent() == []


def test_ten_thousand_that_come_and_go_are_not_kept():
    clock = FakeClock()
    senders = Senders(clock)
    for number in range(10_000):
        clock.advance(0.1)
        senders.saw(str(number).encode())
    assert len(senders.recent()) == 11
    assert len(senders._last_ns) == 11


def test_two_that_tell_of_other_joints_each_are_in_nobodys_way():
    clock = FakeClock()
    senders = Senders(clock)
    senders.saw(b"left", ["left_pan", "left_lift"])
    senders.saw(b"right", ["right_pan", "right_lift"])
    assert senders.at_odds() == []
    senders.saw(b"rival", ["right_lift"])
    assert sorted(senders.at_odds()) == [b"right", b"rival"]
    clock.advance(0.6)
    senders.saw(b"left", ["right_pan"])  # what it told last counts
    clock.advance(0.6)
    senders.saw(b"right", ["right_pan", "right_lift"])
    assert sorted(senders.at_odds()) == [b"left", b"right"]


def test_one_that_does_not_say_of_what_it_tells_is_in_everybodys_way():
    senders = Senders(FakeClock())
    senders.saw(b"left", ["left_pan"])
    assert senders.at_odds() == []
    senders.saw(b"camera")
    assert sorted(senders.at_odds()) == [b"camera", b"left"]
