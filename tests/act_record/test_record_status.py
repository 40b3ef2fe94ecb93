"""What a recorder says of itself is true within a second, whatever stops or lies."""

from __future__ import annotations

import pytest
from act_core.timing import FakeClock
from act_record.record_status import RecordStatus, Stream

T0 = 1_700_000_000_000_000_000
S = 1_000_000_000


def made(simulated: bool = False):
    clock = FakeClock()
    streams = [
        Stream(name, simulated, clock) for name in ("joint_states", "camera/front/image_raw")
    ]
    return clock, streams, RecordStatus(streams, simulated, clock)


def run(clock, streams, status, seconds, ros_ns, stamp=lambda now_ns: now_ns, silent=()):
    """30 messages a second on each stream; what the status says at the end."""
    for step in range(round(seconds * 30)):
        clock.advance(1 / 30)
        now_ns = ros_ns(step / 30)
        for stream in streams:
            if stream not in silent:
                stream.saw(stamp(now_ns), now_ns)
        status.problems(now_ns)
    return status.problems(ros_ns(seconds))


def test_all_is_well_while_everything_comes():
    clock, streams, status = made()
    assert run(clock, streams, status, 2.0, lambda t: T0 + round(t * S)) == {}
    report = status.report(True, {}, (), {"kept": "1"})
    assert (report.level, report.text) == ("ok", "recording")
    assert float(report.values["joint_states_rate_hz"]) == pytest.approx(30.0, abs=1.0)


def test_a_silent_camera_is_named_within_a_second_and_recovers():
    clock, streams, status = made()
    problems = status.problems(T0)
    assert list(problems.values()) == [
        "nothing on joint_states yet", "nothing on camera/front/image_raw yet",
    ]  # fmt: skip
    assert status.report(False, problems, (), {}).level == "warn"
    run(clock, streams, status, 1.0, lambda t: T0 + round(t * S))
    problems = run(
        clock, streams, status, 0.8, lambda t: T0 + round((1 + t) * S), silent=streams[1:]
    )
    assert problems == {
        "silent camera/front/image_raw": "nothing on camera/front/image_raw for 0.8 s"
    }
    assert status.report(True, problems, (), {}).level == "error"
    assert run(clock, streams, status, 0.1, lambda t: T0 + round((2 + t) * S)) == {}


@pytest.mark.parametrize(
    ("stamp", "text"),
    [
        (lambda now_ns: 0, "stamped 0: the sender's clock never came"),
        (lambda now_ns: now_ns + 3600 * S, "1.0 h ahead: the sender's clock is ahead"),
        (lambda now_ns: now_ns - 3600 * S, "1.0 h ago: the sender's clock is behind"),
        (lambda now_ns: now_ns - T0 + 55 * S, "looks like uptime or simulated time"),
        (lambda now_ns: None, "it cannot be read"),
    ],
)
def test_wrong_stamps_have_their_true_reason(stamp, text):
    clock, streams, status = made()
    problems = run(clock, streams, status, 0.9, lambda t: T0 + round(t * S), stamp)
    assert list(problems) == ["stamps joint_states", "stamps camera/front/image_raw"]
    assert text in problems["stamps joint_states"]
    clock.advance(1.0)
    assert run(clock, streams, status, 0.2, lambda t: T0 + round((2 + t) * S)) == {}


def test_simulated_time_that_stands_still_or_never_began_is_named():
    clock, streams, status = made(simulated=True)
    never = run(clock, streams, status, 0.9, lambda t: 0, lambda now_ns: 0)
    assert "simulated time has not begun: nothing on /clock yet" in never["clock"]
    assert run(clock, streams, status, 1.5, lambda t: 5 * S + round(t * S)) == {}
    stands = run(clock, streams, status, 0.9, lambda t: 7 * S)
    assert stands == {"clock": "simulated time has stood still for 0.9 s"}
    back = run(clock, streams, status, 1.5, lambda t: 1 * S + round(t * S))  # a new simulation
    assert back == {}
