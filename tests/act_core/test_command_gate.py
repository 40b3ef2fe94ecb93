"""E-stop, epoch, watchdog and limiter in one: the arm follows, or holds and says why."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.command_gate import CommandGate
from act_core.limits import JointLimits

LIMITS = JointLimits(("a", "b"), [-1, -1], [1, 1], [2, 2], [100, 100])
PERIOD_S = 0.01


@pytest.fixture
def gate() -> CommandGate:
    gate = CommandGate(LIMITS, PERIOD_S, timeout_s=0.05)
    gate.reset([0.0, 0.0], epoch_ns=1000)
    return gate


def run(gate: CommandGate, periods: int):
    return [gate.next() for _ in range(periods)]


def test_it_holds_until_the_first_command(gate):
    (applied,) = run(gate, 1)
    assert applied.hold == "no command yet"
    assert applied.position_rad.tolist() == [0.0, 0.0]


def test_it_follows_names_in_any_order(gate):
    assert gate.command(["b", "a"], [0.01, 0.005], stamp_ns=1000) is None
    (applied,) = run(gate, 1)
    assert applied.hold is None
    assert applied.position_rad.tolist() == [0.005, 0.01]


def test_the_watchdog_stops_the_arm_where_it_is(gate):
    gate.command(["a", "b"], [0.9, 0.0], 2000)
    applied = run(gate, 30)
    assert [a.hold is None for a in applied[:6]] == [True] * 5 + [False]
    assert applied[5].hold == "no command for 5 control periods"
    stopped_at = applied[-1].position_rad[0]
    assert 0.05 < stopped_at < 0.2, "it brakes at once and does not go on to 0.9"
    counts = gate.counts()
    assert (counts["accepted"], counts["refused_watchdog"]) == ("1", "1")
    assert int(counts["limited_acceleration"]) >= 1
    gate.command(["a", "b"], [0.9, 0.0], 2000)
    assert run(gate, 1)[0].hold is None, "the next command is followed again"


def test_commands_from_before_the_reset_are_refused(gate):
    refusal = gate.command(["a", "b"], [0.5, 0.5], stamp_ns=999)
    assert refusal == "command refused: stamped 0.000 s before the last reset"
    assert gate.command(["a", "b"], [0.5, 0.5], stamp_ns=0) is None, "unstamped"
    gate.reset([0.1, 0.1], epoch_ns=5000)
    (applied,) = run(gate, 1)
    assert applied.hold == "no command yet", "a reset forgets the command in force"
    assert applied.position_rad.tolist() == [0.1, 0.1]


def test_the_estop_is_latched(gate):
    gate.command(["a", "b"], [0.9, 0.9], 2000)
    run(gate, 3)
    gate.estop(True)
    assert gate.is_stopped
    assert "e-stop engaged" in gate.command(["a", "b"], [0.9, 0.9], 2000)
    applied = run(gate, 20)
    assert {a.hold for a in applied} == {"e-stop engaged"}
    assert np.array_equal(applied[-1].position_rad, applied[-2].position_rad)
    gate.reset([0.0, 0.0], 3000)
    assert gate.is_stopped, "a reset does not release it"
    gate.estop(False)
    assert run(gate, 1)[0].hold == "no command since the e-stop was released"
    assert gate.command(["a", "b"], [0.01, 0.01], 4000) is None
    assert run(gate, 1)[0].hold is None


def test_hold_drops_the_command_in_force_and_takes_the_next(gate):
    gate.command(["a", "b"], [0.9, 0.9], 2000)
    run(gate, 3)
    gate.hold("the bus is silent")
    applied = run(gate, 20)
    assert {a.hold for a in applied} == {"the bus is silent"}
    assert np.array_equal(applied[-1].position_rad, applied[-2].position_rad)
    gate.command(["a", "b"], [0.9, 0.9], 2000)
    assert run(gate, 1)[0].hold is None


def test_a_non_finite_command_stops_the_arm(gate):
    gate.command(["a", "b"], [0.9, 0.9], 2000)
    run(gate, 3)
    refusal = gate.command(["a", "b"], [0.9, float("nan")], 2000)
    assert refusal == "command refused: b: target nan is not finite"
    applied = run(gate, 10)
    assert applied[0].hold == "b: non-finite target"
    assert np.isfinite(applied[-1].position_rad).all()
    assert np.array_equal(applied[-1].position_rad, applied[-2].position_rad)


@pytest.mark.parametrize(
    ("names", "position", "text"),
    [
        (["a", "c"], [0.0, 0.0], "unknown joint 'c'; known: a, b"),
        (["a"], [0.0], "joints missing: b; expected a, b"),
        (["a", "b", "b"], [0.0, 0.0, 0.0], "a joint is named twice: a, b, b"),
        (["a", "b"], [0.0], "2 joint names but 1 positions"),
    ],
)
def test_wrong_joints_are_refused_and_change_nothing(gate, names, position, text):
    gate.command(["a", "b"], [0.01, 0.0], 2000)
    assert text in gate.command(names, position, 2000)
    (applied,) = run(gate, 1)
    assert applied.hold is None
    assert applied.position_rad.tolist() == [0.01, 0.0]
    assert gate.counts()["refused_names"] == "1"


NOW_NS = 1_790_000_000_000_000_000


@pytest.mark.parametrize(
    ("stamp_ns", "text"),
    [
        (NOW_NS - 3_600_000_000_000, "stamped 1.0 h ago"),
        (NOW_NS + 3_600_000_000_000, "stamped 1.0 h ahead: the sender's clock is ahead"),
        (NOW_NS - 700_000_000, "stamped 0.7 s ago"),
        (86_400_000_000_000, "stamped 86400.0 s after 1970: that looks like uptime"),
        (-5, "stamped before 1970"),
    ],
)
def test_a_stamp_far_from_now_is_refused_although_it_is_newer_than_the_reset(gate, stamp_ns, text):
    refusal = gate.command(["a", "b"], [0.5, 0.5], stamp_ns, NOW_NS)
    assert refusal.startswith(f"command refused: {text}")
    assert refusal.kind == "stamp"
    assert run(gate, 1)[0].hold == "no command yet"
    assert gate.counts()["refused_stamp"] == "1"
    assert gate.command(["a", "b"], [0.01, 0.01], NOW_NS - 3_000_000, NOW_NS) is None


@pytest.mark.parametrize("back_s", [0.2, 2.0, 3600.0])
def test_after_a_step_back_commands_are_followed_at_once(gate, back_s):
    back_ns = round(back_s * 1e9)
    gate.reset([0.0, 0.0], epoch_ns=NOW_NS)
    assert gate.command(["a", "b"], [0.01, 0.01], NOW_NS + 1, NOW_NS + 1) is None
    stepped_ns = NOW_NS - back_ns
    assert gate.command(["a", "b"], [0.01, 0.01], stepped_ns, stepped_ns) is None
    late_ns = stepped_ns + 20_000_000
    assert gate.command(["a", "b"], [0.01, 0.01], late_ns, late_ns) is None


def test_an_epoch_in_the_present_holds_against_late_commands(gate):
    gate.reset([0.0, 0.0], epoch_ns=NOW_NS)
    refusal = gate.command(["a", "b"], [0.01, 0.01], NOW_NS - 10_000_000, NOW_NS + 1_000_000)
    assert refusal == "command refused: stamped 0.010 s before the last reset"


@pytest.mark.parametrize(
    ("position", "text"),
    [
        ([25.7, -55.6], "a: 25.7 rad is far outside -1 to 1: probably degrees, expected radians"),
        ([0.0, 2.6], "b: 2.6 rad is far outside -1 to 1: probably degrees, expected radians"),
        ([0.0, -1e9], "b: -1e+09 rad is far outside -1 to 1: no angle, expected radians"),
    ],
)
def test_a_command_in_degrees_is_refused_and_stops_the_arm(gate, position, text):
    gate.command(["a", "b"], [0.9, 0.9], 2000)
    run(gate, 3)
    refusal = gate.command(["a", "b"], position, 2000)
    assert refusal == f"command refused: {text}"
    applied = run(gate, 20)
    assert {a.hold for a in applied} == {text}
    assert np.array_equal(applied[-1].position_rad, applied[-2].position_rad)
    assert gate.counts()["refused_unit"] == "1"


def test_what_is_near_a_limit_is_clipped(gate):
    assert gate.command(["a", "b"], [1.4, -2.5], 2000) is None
    for _ in range(20):
        gate.command(["a", "b"], [1.4, -2.5], 2000)
        applied = run(gate, 5)[-1]
    assert applied.position_rad.tolist() == [1.0, -1.0]


def test_names_of_strangers_are_short_and_without_escapes(gate):
    refusal = gate.command(["a", "\x1b[2J" + 10_000 * "x"], [0.0, 0.0], 2000)
    assert refusal.isprintable()
    assert len(refusal) < 200
    refusal = gate.command(10_000 * ["a"] + ["b"], 10_001 * [0.0], 2000)
    assert refusal.isprintable()
    assert len(refusal) < 200


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match="timeout_s is 0.001, below one control period of 0.01 s"):
        CommandGate(LIMITS, PERIOD_S, timeout_s=0.001)
    with pytest.raises(ValueError, match="reset the limiter"):
        CommandGate(LIMITS, PERIOD_S).next()
