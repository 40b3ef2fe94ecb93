"""What the node says of itself every second."""

from __future__ import annotations

from act_core.report import Report
from act_core.timing import LoopStatistics

from act_policy.command_stats import CommandStats, inference_values
from act_policy.policy_runner import Action, Hold, RunnerStatus


def control_report(
    result: Action | Hold | None,
    enabled: bool,
    loop: LoopStatistics | None,
    stats: CommandStats,
    settings: dict[str, str],
) -> Report:
    """The control loop: a warning while it holds although it was enabled."""
    values = {**settings, **(loop.as_values() if loop is not None else {}), **stats.as_values()}
    if enabled and isinstance(result, Hold):
        text = f"holding: {result.reason} ({result.detail})"
        return Report("control", "warn", text, values)
    return Report("control", "ok", "acting" if enabled else "stopped", values)


def inference_report(
    policy: str, result: Action | Hold | None, status: RunnerStatus, inputs: dict[str, str]
) -> Report:
    """Inference and its inputs: an error while it fails."""
    failing = isinstance(result, Hold) and result.reason == "inference_failed"
    return Report(
        "inference",
        "error" if failing else "ok",
        f"{policy}, failing" if failing else policy,
        {**inference_values(status), **inputs},
    )
