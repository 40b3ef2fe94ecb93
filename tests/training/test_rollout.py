"""A point that has to be pushed to 1.0, and a policy that plans a ramp from where it is."""

from __future__ import annotations

import numpy as np
import pytest
from act_core.policy_spec import ActionOutput, ExecutionSpec, JointInput, PolicySpec
from act_policy.chunk import Chunk
from act_policy.observation import Observation
from act_policy.policy import Inference
from act_training.environments.environment import Outcome
from act_training.features import Features
from act_training.rollout import Condition, run_episode

SPEED = 0.1  # per step


class Point:
    name = "toy/point"
    features = Features(("x",), ("1",), ("target",), ("1",), (), 10.0)
    max_steps = 30
    noise_scale = np.array([0.02])
    placement_names = ("start",)

    def reset(self, seed: int) -> None:
        self.x = self.target = np.random.default_rng(seed).uniform(-0.5, 0.0)
        self.step_count = 0

    def placement(self):
        return np.array([self.x])

    def joints(self):
        return np.array([self.x], np.float32)

    def joint_velocities(self):
        return None

    def observe(self) -> Observation:
        return Observation(self.step_count * 100_000_000, self.joints(), {})

    def expert_action(self):
        return np.array([min(1.0, self.x + SPEED)])

    def hold_action(self):
        return np.array([self.target])

    def step(self, action) -> Outcome:
        self.target = float(action[0])
        self.x += float(np.clip(self.target - self.x, -SPEED, SPEED))
        self.step_count += 1
        success = abs(self.x - 1.0) < 1e-3
        return Outcome(success, success, abs(self.x - 1.0), self.x > 0.5)

    def close(self) -> None: ...


class Ramp:
    spec = PolicySpec(
        name="ramp",
        rate_hz=10.0,
        chunk_size=20,
        joint_input=JointInput("x", ("x",), "1"),
        image_inputs=(),
        output=ActionOutput("action", ("target",), "1"),
        execution=ExecutionSpec(max_jump=None),
    )

    def infer(self, observation: Observation) -> Inference:
        rows = np.minimum(1.0, observation.joint_position[0] + SPEED * (1 + np.arange(20)))
        return Inference(Chunk(observation.stamp_ns, 10.0, rows[:, None]), 0.0)


class Broken(Ramp):
    def infer(self, observation: Observation) -> Inference:
        raise RuntimeError("no luck")


def condition(mode="ensemble", **changes) -> Condition:
    return Condition(ExecutionSpec(mode, max_jump=None), **changes)


def expert_steps(seed: int) -> int:
    env = Point()
    env.reset(seed)
    while not env.step(env.expert_action()).success:
        pass
    return env.step_count


@pytest.mark.parametrize("mode", ["ensemble", "newest", "open_loop"])
def test_without_latency_the_policy_is_as_fast_as_the_expert(mode):
    result = run_episode(Point(), Ramp(), condition(mode), seed=3)
    assert result.success
    assert result.steps == expert_steps(3)
    assert (result.holds, result.failure, result.grasped) == (0, None, True)
    assert result.distance_m == pytest.approx(0.0, abs=1e-3)
    assert result.inferences == (result.steps if mode != "open_loop" else 1)


def test_latency_holds_once_and_then_costs_nothing():
    """With 200 ms the first two steps have no plan; the ramp starts at the observation's time, so
    the point still moves every step from then on."""
    result = run_episode(Point(), Ramp(), condition("newest", latency_s=0.2), seed=3)
    assert result.success
    assert result.holds == 2
    assert result.steps == expert_steps(3) + 2


def test_the_camera_rate_sets_the_inferences():
    result = run_episode(Point(), Ramp(), condition("newest", camera_rate_hz=5.0), seed=3)
    assert result.success
    assert result.inferences == -(-result.steps // 2)


def test_a_seed_is_an_episode():
    runs = [run_episode(Point(), Ramp(), condition(latency_s=0.1), seed=s) for s in (5, 6, 5)]
    assert runs[0] == runs[2]
    assert runs[0] != runs[1]


def test_failures_are_told_apart_from_misses():
    result = run_episode(Point(), Broken(), condition(), seed=0)
    assert not result.success
    assert (result.steps, result.holds) == (30, 30)
    assert result.failure == "RuntimeError: no luck"


def test_frames_are_kept_on_demand():
    frames: list[dict] = []
    result = run_episode(Point(), Ramp(), condition(), 1, frames)
    assert len(frames) == result.steps


def test_conditions_read_well():
    assert str(condition(latency_s=0.066)) == "ensemble m=0.01, latency 66 ms"
    assert str(condition("open_loop")) == "open loop, all rows, latency 0 ms"
