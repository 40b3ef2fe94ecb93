"""Counts and latencies of the commands, for diagnostics."""

from __future__ import annotations

from collections import Counter, deque

import numpy as np
from act_core.timing import NS_PER_S

from act_policy.policy_runner import Action, Hold, RunnerStatus


class CommandStats:
    """Filled by the control thread, read by another; the windows are the last ``window`` entries.

    - frame to command: from the stamp of an observation to the first command that used it.
    - observation age: from the newest observation behind a command to that command.
    """

    def __init__(self, window: int = 1000) -> None:
        self.commands = 0
        self.holds: Counter[str] = Counter()  # ticks by reason
        self._frame_to_command_s: deque[float] = deque(maxlen=window)
        self._observation_age_s: deque[float] = deque(maxlen=window)

    def record(self, result: Action | Hold) -> None:
        if isinstance(result, Hold):
            self.holds[result.reason] += 1
            return
        age_s = (result.stamp_ns - result.observation_ns) / NS_PER_S
        self.commands += 1
        self._observation_age_s.append(age_s)
        if result.new_chunk is not None:
            self._frame_to_command_s.append(age_s)

    def frame_to_command_s(self) -> list[float]:
        """The window, oldest first."""
        return list(self._frame_to_command_s)

    def as_values(self) -> dict[str, str]:
        """For a diagnostics message."""
        values = {"commands": str(self.commands)}
        values |= _milliseconds("frame_to_command", self.frame_to_command_s())
        values |= _milliseconds("observation_age", list(self._observation_age_s))
        values |= {f"holds_{reason}": str(n) for reason, n in sorted(self.holds.items())}
        return values


def inference_values(status: RunnerStatus) -> dict[str, str]:
    """What the runner says of inference, for a diagnostics message."""
    values = {
        "inferences": str(status.inferences),
        "failures": str(status.failures),
        "live_chunks": str(status.live),
        **_milliseconds("inference", list(status.latency_s)),
    }
    for name, age_s in (("observation", status.observation_age_s), ("plan", status.plan_age_s),
                        ("busy", status.busy_s)):  # fmt: skip
        values[f"{name}_ms"] = "none" if age_s is None else f"{1e3 * age_s:.1f}"
    if status.spread is not None:
        values["plan_spread"] = f"{status.spread:.4f}"
    if status.last_failure is not None:
        values["last_failure"] = status.last_failure
    return values


def _milliseconds(name: str, samples_s: list[float]) -> dict[str, str]:
    if not samples_s:
        return {}
    p50, p99 = np.percentile(samples_s, [50, 99])
    return {f"{name}_p50_ms": f"{1e3 * p50:.1f}", f"{name}_p99_ms": f"{1e3 * p99:.1f}"}
