from __future__ import annotations

from act_record.arrival import KEPT, SimulatedArrival

MS = 1_000_000
WALL = 1_700_000_000_000_000_000


def test_a_message_came_at_the_simulated_time_of_its_publication():
    arrival = SimulatedArrival()
    assert arrival.newest_ns == 0
    for period in range(1, 11):  # ten times as fast as reality: 10 ms of it in 1 ms
        arrival.add_clock(WALL + period * MS, period * 10 * MS)
    assert arrival.newest_ns == 100 * MS
    late = arrival.time_ns(WALL + 4 * MS + 10, 40 * MS)
    assert late == 40 * MS, "handed over six periods after its publication: not six periods old"
    assert arrival.time_ns(WALL + 7 * MS, 50 * MS) == 70 * MS, "published 20 ms after its stamp"
    assert arrival.time_ns(WALL + 7 * MS, None) == 70 * MS


def test_a_message_before_its_clock_came_no_earlier_than_its_stamp():
    arrival = SimulatedArrival()
    assert arrival.time_ns(WALL, 10 * MS) == 10 * MS
    arrival.add_clock(WALL, 10 * MS)
    assert arrival.time_ns(WALL + 3 * MS, 20 * MS) == 20 * MS


def test_the_clock_may_come_out_of_order():
    arrival = SimulatedArrival()
    for period in (1, 3, 2):
        arrival.add_clock(WALL + period * MS, period * 10 * MS)
    assert arrival.time_ns(WALL + 2 * MS, 0) == 20 * MS
    assert arrival.newest_ns == 30 * MS


def test_time_that_goes_back_is_followed():
    arrival = SimulatedArrival()
    arrival.add_clock(WALL, 5000 * MS)
    arrival.add_clock(WALL + MS, 10 * MS)
    assert arrival.newest_ns == 10 * MS
    assert arrival.time_ns(WALL + 2 * MS, 10 * MS) == 10 * MS
    assert arrival.time_ns(WALL, 4990 * MS) == 5000 * MS


def test_what_is_kept_is_bounded():
    arrival = SimulatedArrival()
    for period in range(1, 3 * KEPT):
        arrival.add_clock(WALL + period, period)
    assert len(arrival._ticks) <= KEPT
    assert arrival.time_ns(WALL + 3 * KEPT - 9, None) == 3 * KEPT - 9
