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


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match="timeout_s is 0.001, below one control period of 0.01 s"):
        CommandGate(LIMITS, PERIOD_S, timeout_s=0.001)
    with pytest.raises(ValueError, match="reset the limiter"):
        CommandGate(LIMITS, PERIOD_S).next()
