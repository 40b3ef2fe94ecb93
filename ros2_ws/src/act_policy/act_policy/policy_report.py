"""What the node says of itself: what was really sent and received, by a steady clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from act_core.report import Report
from act_core.timing import LoopStatistics
from act_core.traffic import Traffic

from act_policy.command_stats import CommandStats, inference_values
from act_policy.policy_runner import Action, Hold, RunnerStatus

SILENT_S = 1.0  # without a command for so long, nobody can say that the policy acts


# Beside those of the runner, which knows neither clock nor topics.
HOLD_REASONS = {
    "no_clock": "simulated time has not begun or stands still",
    "no_command": "no command goes out, whatever the runner says",
}


class PolicyState(NamedTuple):
    """What the node does, as far as anybody can see."""

    result: Action | Hold | None  # None before the first control tick
    enabled: bool
    settling: bool  # it has just begun, an episode for example: to hold is no fault yet


def true_result(
    result: Action | Hold | None, clock_problem: str | None, sent: Traffic, loop_problem: str | None
) -> Action | Hold | None:
    """The result of the last control tick, or why it says nothing about now.

    Args:
        result: of that tick.
        clock_problem: why the ROS clock gives no time, see `ClockWatch`.
        sent: commands that went out.
        loop_problem: the last error of the control loop.
    """
    if clock_problem is not None:
        return Hold("no_clock", clock_problem)
    age_s = sent.age_s
    if isinstance(result, Action) and age_s is not None and age_s > SILENT_S:
        why = loop_problem or "the control loop does not run"
        return Hold("no_command", f"none went out for {age_s:.1f} s: {why}")
    return result


def control_report(
    state: PolicyState,
    driver: str,
    loop: LoopStatistics | None,
    stats: CommandStats,
    sent: Traffic,
    warnings: list[str],
    settings: dict[str, str],
) -> Report:
    """The control loop: a warning while it holds although it was enabled, and while others command
    the same arm or send the same joints.

    driver: who drives while it acts.
    """
    values = {
        **settings,
        **(loop.as_values() if loop is not None else {}),
        **stats.as_values(),
        **sent.as_values("commands"),
    }
    result, enabled, settling = state
    if enabled and isinstance(result, Hold):
        verb = "beginning" if settling else "holding"
        text, level = f"{verb}: {result.reason} ({result.detail})", "ok" if settling else "warn"
        if result.reason == "no_command":
            level = "error"
    elif isinstance(result, Hold) and result.reason == "no_clock":
        text, level = f"stopped; {result.detail}", "warn"
    else:
        text, level = ("acting" if enabled else "stopped"), "ok"
    if warnings:
        text, level = (
            "; ".join([text, *warnings]),
            max(level, "warn", key=("ok", "warn", "error").index),
        )
    return Report("control", level, text, {**values, "driver": driver})


def inference_report(
    policy: str,
    result: Action | Hold | None,
    status: RunnerStatus,
    streams: Mapping[str, Traffic],
    inputs: dict[str, str],
) -> Report:
    """Inference and its inputs: an error while it fails."""
    failing = isinstance(result, Hold) and result.reason == "inference_failed"
    received = {
        key: value for name, one in streams.items() for key, value in one.as_values(name).items()
    }
    return Report(
        "inference",
        "error" if failing else "ok",
        f"{policy}, failing" if failing else policy,
        {**inference_values(status), **received, **inputs},
    )
