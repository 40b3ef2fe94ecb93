"""Nothing in the hot path grows with time."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from act_core.policy_spec import ExecutionSpec
from act_policy.command_stats import CommandStats
from act_policy.inference_worker import VirtualWorker
from act_policy.observation_sync import ObservationSync
from act_policy.policy_runner import PolicyRunner

from tests.act_policy.policies import FunctionPolicy, H, W, make_spec

MS = 1_000_000


@pytest.mark.parametrize("mode", ["ensemble", "newest"])
def test_five_minutes_take_no_more_than_two(mode):
    spec = make_spec(chunk_size=20, rate_hz=30.0)
    policy = FunctionPolicy(spec, lambda observation: np.zeros((20, 2)))
    sync = ObservationSync(spec)
    runner = PolicyRunner(spec, VirtualWorker(policy, 0.05), ExecutionSpec(mode))
    stats = CommandStats()

    def run(from_s: int, to_s: int) -> None:
        for t_ms in range(from_s * 1000, to_s * 1000, 50):
            sync.add_joints(t_ms * MS, [0.0, 0.0])
            sync.add_image("front", t_ms * MS, np.zeros((H, W, 3), np.uint8))
            runner.observe(sync.take(t_ms * MS), t_ms * MS)
            stats.record(runner.act(t_ms * MS))
        policy.seen.clear()

    tracemalloc.start()
    run(0, 100)  # every window is full by then
    before, _ = tracemalloc.get_traced_memory()
    run(100, 300)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 20_000
