from __future__ import annotations

import numpy as np
import pytest
from act_policy.chunk import Chunk
from act_policy.command_stats import CommandStats, inference_values
from act_policy.policy_runner import Action, Hold, RunnerStatus
from act_policy.state_log import StateLog

S = 1_000_000_000
ACTING = Action(np.zeros(1), 0, 0, 1, None)
WAITING = Hold("no_plan", "waiting for the first chunk")
BLIND = Hold("no_observation", "nothing from joints yet")


def test_changes_are_told_and_holds_are_repeated():
    log, lines = StateLog(remind_s=5.0), []
    for t_s, result in [(0, ACTING), (1, ACTING), (2, BLIND), (3, BLIND), (7, BLIND), (8, ACTING)]:
        line = log.update(result, True, t_s * S)
        lines.append(line and (line.level, line.text))
    hold = ("warning", "holding: no_observation (nothing from joints yet)")
    assert lines == [("info", "acting"), None, hold, None, hold, ("info", "acting")]


def test_a_state_that_flaps_fills_no_log():
    log = StateLog(remind_s=5.0)
    results = [ACTING, WAITING] * 500  # over 10 s
    lines = [log.update(r, True, i * S // 100) for i, r in enumerate(results)]
    assert len([line for line in lines if line]) <= 5


def test_being_stopped_is_no_warning_and_told_once():
    log = StateLog()
    stopped = Hold("stopped", "not enabled")
    assert log.update(stopped, False, 0) == ("info", "holding: stopped (not enabled)")
    assert log.update(stopped, False, 100 * S) is None


def test_statistics_of_commands():
    stats, chunk = CommandStats(), Chunk(0, 10.0, np.zeros((2, 1)))
    for new_chunk, stamp_ms in ((chunk, 80), (None, 90), (None, 100)):
        stats.record(Action(np.zeros(1), stamp_ms * 1_000_000, 0, 1, new_chunk))
    for hold in (WAITING, BLIND, WAITING):
        stats.record(hold)
    assert stats.frame_to_command_s() == pytest.approx([0.08])
    assert stats.as_values() == {
        "commands": "3",
        "frame_to_command_p50_ms": "80.0",
        "frame_to_command_p99_ms": "80.0",
        "observation_age_p50_ms": "90.0",
        "observation_age_p99_ms": "99.8",
        "holds_no_observation": "1",
        "holds_no_plan": "2",
    }


def test_statistics_of_inference():
    nothing = RunnerStatus(0, None, None, 0, 0, None, None, (), None, None)
    assert inference_values(nothing) == {
        "inferences": "0", "failures": "0", "live_chunks": "0",
        "observation_ms": "none", "plan_ms": "none", "busy_ms": "none",
    }  # fmt: skip
    some = RunnerStatus(3, 0.02, 0.1, 7, 1, "ValueError: no", 0.05, (0.07, 0.09), 0.03, None)
    values = inference_values(some)
    assert values["inference_p50_ms"] == "80.0"
    assert values["busy_ms"] == "50.0"
    assert values["last_failure"] == "ValueError: no"
