from __future__ import annotations

from act_record.arrival import SimulatedArrival

MS = 1_000_000


def test_time_is_the_newest_stamp_so_far():
    arrival = SimulatedArrival()
    assert arrival.time_ns(100 * MS) == 100 * MS
    assert arrival.time_ns(70 * MS) == 100 * MS, "a picture that was taken before"
    assert arrival.time_ns(None) == 100 * MS
    assert arrival.time_ns(110 * MS) == 110 * MS


def test_time_that_goes_back_is_followed():
    arrival = SimulatedArrival()
    arrival.time_ns(5000 * MS)
    assert arrival.time_ns(10 * MS) == 10 * MS
