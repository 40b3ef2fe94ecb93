"""Stamps near now pass; for the others the reason in words is the true one."""

from __future__ import annotations

import pytest
from act_core.stamps import StampCheck, duration
from act_core.timing import NS_PER_S, FakeClock, to_ns
from hypothesis import given
from hypothesis import strategies as st

NOW_NS = 1_790_000_000 * NS_PER_S  # some day of 2026


class Stream:
    """A node and one sender of 100 messages a second, each with a clock of its own."""

    def __init__(self, now_ns: int = NOW_NS, **arguments) -> None:
        self.steady = FakeClock(start_ns=12_345)
        self.check = StampCheck(clock=self.steady, **arguments)
        self.now_ns = now_ns
        self.sender_ns = now_ns

    def refusals(self, seconds: float) -> list[str | None]:
        heard = []
        for _ in range(round(seconds * 100)):
            self.steady.advance(0.01)
            self.now_ns += to_ns(0.01)
            self.sender_ns += to_ns(0.01)
            heard.append(self.check.refusal(self.sender_ns, self.now_ns))
        return heard


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.6234, "0.623 s"), (1.0, "1 s"), (9.99, "9.99 s"), (90.2, "90 s"), (3600.0, "1.0 h"),
        (3599.98, "1.0 h"), (259_200.0, "3.0 days"), (1_790_000_000.0, "56.7 years"),
    ],
)  # fmt: skip
def test_durations_are_short(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("offset_s", [0.0, 0.003, -0.003, 0.49, -0.49])
def test_two_machines_a_little_apart_work(offset_s):
    stream = Stream()
    stream.sender_ns += to_ns(offset_s)
    assert set(stream.refusals(3.0)) == {None}


def test_the_tolerance_is_a_setting():
    stream = Stream(tolerance_s=2.0)
    stream.sender_ns -= to_ns(1.9)
    assert set(stream.refusals(1.0)) == {None}
    stream.sender_ns -= to_ns(0.2)
    assert "2.1 s ago" in stream.refusals(0.01)[0]
    for wrong in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="tolerance_s must be above zero"):
            StampCheck(wrong)


@pytest.mark.parametrize(
    ("step_s", "text"),
    [
        (-3600.0, "stamped 1.0 h ahead: this node's clock stepped back by 1.0 h, "),
        (-2.0, "stamped 2 s ahead: this node's clock stepped back by 2 s, "),
        (3600.0, "stamped 1.0 h ago: this node's clock stepped forward by 1.0 h, "),
        (86400.0 * 400, "stamped 1.1 years ago: this node's clock stepped forward by 1.1 years, "),
    ],
)
def test_a_step_of_the_own_clock_is_told_as_such(step_s, text):
    stream = Stream()
    assert set(stream.refusals(0.5)) == {None}
    stream.now_ns += to_ns(step_s)
    for refusal in stream.refusals(0.5):  # the sender has not followed yet
        assert refusal.startswith(text)
    stream.sender_ns += to_ns(step_s)
    assert set(stream.refusals(0.5)) == {None}, "it recovers by itself"


@pytest.mark.parametrize("asleep_s", [0.4, 0.7, 3.0])
def test_a_thread_that_slept_between_its_two_clocks_has_seen_no_step(asleep_s):
    stream = Stream()
    stream.refusals(0.5)
    for _ in range(5):
        now_ns = stream.now_ns  # is read, and then the machine is busy
        stream.steady.advance(asleep_s)
        stream.now_ns += to_ns(asleep_s)
        stream.sender_ns += to_ns(asleep_s)
        refusal = stream.check.refusal(stream.sender_ns, now_ns)
        assert refusal is None or refusal.endswith(", or it was too busy to look")
        assert set(stream.refusals(1.1)) == {None}
        stream.sender_ns -= to_ns(asleep_s + 0.2)  # the sender's step is not this node's
        heard = stream.refusals(0.5)
        assert {text for text in heard if "this node's clock" in str(text)} == set()
        stream.sender_ns += to_ns(asleep_s + 0.2)


@pytest.mark.parametrize("step_s", [0.3, -0.3])
def test_small_steps_go_on(step_s):
    stream = Stream()
    stream.refusals(0.1)
    stream.now_ns += to_ns(step_s)
    assert set(stream.refusals(1.0)) == {None}
    stream.sender_ns += to_ns(step_s)
    assert set(stream.refusals(1.0)) == {None}


def test_a_step_of_the_sender_is_the_sender_s():
    stream = Stream()
    stream.refusals(0.1)
    stream.sender_ns += to_ns(3600)
    assert stream.refusals(0.01) == [
        "stamped 1.0 h ahead: the sender's clock is ahead of this node's"
    ]
    stream.sender_ns -= to_ns(7200)
    heard = stream.refusals(0.5)
    assert heard[0] == "stamped 1.0 h ago", "one stamp alone may as well be an old message"
    assert heard[-1] == "stamped 1.0 h ago: the sender's clock is behind this node's"
    stream.sender_ns += to_ns(3600)
    assert set(stream.refusals(0.1)) == {None}


def test_messages_of_a_busy_machine_are_not_said_to_have_another_clock():
    """A simulation that drew its pictures 1.5 s late was told that its clock was behind."""
    stream = Stream()
    stream.refusals(0.1)
    stream.sender_ns -= to_ns(1.5)
    told = "stamped 1.5 s ago: it comes late, or the sender's clock is behind this node's"
    assert stream.refusals(0.5)[-1] == told


def test_an_old_message_again_and_again_is_old():
    stream = Stream()
    old_ns = NOW_NS - to_ns(10)
    for _ in range(100):
        stream.steady.advance(0.01)
        stream.now_ns += to_ns(0.01)
        assert "the sender's clock" not in stream.check.refusal(old_ns, stream.now_ns)
    assert stream.check.refusal(old_ns, stream.now_ns) == "stamped 11 s ago"


def test_two_old_messages_far_apart_are_no_stream():
    stream = Stream()
    for _ in range(3):
        stream.steady.advance(60.0)
        stream.now_ns += to_ns(60.0)
        assert stream.check.refusal(stream.now_ns - to_ns(5), stream.now_ns) == "stamped 5 s ago"


def test_uptime_and_simulated_time_are_no_wall_time():
    stream = Stream()
    stream.sender_ns = to_ns(4711.25)
    assert stream.refusals(0.01) == [
        "stamped 4711.3 s after 1970: that looks like uptime or simulated time, this node has wall "
        "time"
    ]


def test_a_clock_of_this_machine_that_was_never_set():
    stream = Stream(now_ns=to_ns(30.0))
    stream.sender_ns = NOW_NS
    text = "stamped with wall time, but the clock of this machine was never set"
    assert stream.refusals(0.01) == [text]


def test_wall_time_in_a_simulation():
    stream = Stream(now_ns=to_ns(30.0), simulated=True, zero_passes=False)
    assert set(stream.refusals(0.5)) == {None}
    stream.sender_ns = NOW_NS
    assert "start the sender with use_sim_time:=true" in stream.refusals(0.01)[0]


def test_stamps_of_zero():
    assert StampCheck().refusal(0, NOW_NS) is None
    waits = StampCheck(simulated=True, zero_passes=False)
    assert "the sender's clock never came" in waits.refusal(0, to_ns(30.0))
    assert "nothing publishes /clock" in waits.refusal(0, 0)
    assert "nothing publishes /clock" in waits.refusal(NOW_NS, 0)


def test_a_simulation_of_any_speed_that_stands_still_and_starts_again():
    stream = Stream(now_ns=to_ns(30.0), simulated=True, zero_passes=False)
    stream.refusals(0.1)
    stream.steady.advance(60.0)  # it stood still
    assert set(stream.refusals(0.1)) == {None}
    stream.now_ns = to_ns(1.0)
    text = "stamped 29 s ahead: this node's clock stepped back by 29 s, "
    assert stream.refusals(0.01)[0].startswith(text)
    stream.sender_ns = stream.now_ns
    assert set(stream.refusals(0.1)) == {None}


def test_negative_stamps_are_refused():
    assert StampCheck().refusal(-1, NOW_NS) == "stamped before 1970: a damaged stamp"


@given(
    st.lists(st.tuples(st.integers(-(2**63), 2**63), st.integers(0, 2**62)), max_size=20),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_any_stamps_give_one_short_line_or_none(pairs, simulated, zero_passes):
    check = StampCheck(0.5, simulated, zero_passes, FakeClock())
    for stamp_ns, now_ns in pairs:
        refusal = check.refusal(stamp_ns, now_ns)
        near = abs(now_ns - stamp_ns) <= to_ns(0.5) and stamp_ns > 0 and now_ns > 0
        assert (refusal is None) == (near or (stamp_ns == 0 and zero_passes))
        assert refusal is None or (len(refusal) < 150 and refusal.isprintable())
