"""Demonstrations, chunks, runner and environment agree on what a row is for.

A policy that knows a demonstration by heart succeeds on its seed, in every mode and just as fast:
an off-by-one in any of them would show here, long before anybody trains on it.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("metaworld", reason="MetaWorld is not installed (training only)")

from act_core.policy_spec import ActionOutput, ExecutionSpec, JointInput, PolicySpec
from act_policy.chunk import Chunk
from act_policy.observation import Observation
from act_policy.policy import Inference
from act_training.datasets.episode_file import Episode
from act_training.demonstrate import Lead, record_episode
from act_training.environments.metaworld import MetaWorld
from act_training.rollout import Condition, run_episode

pytestmark = pytest.mark.filterwarnings("ignore:Constant")
CHUNK_SIZE = 20


class Memory:
    """Answers an observation with what the demonstration did from that time on, up to a step."""

    def __init__(self, episode: Episode, steps: int | None = None) -> None:
        features = episode.features
        self._episode = episode
        self._last = (steps or len(episode)) - 1
        self.spec = PolicySpec(
            name="memory",
            rate_hz=features.rate_hz,
            chunk_size=CHUNK_SIZE,
            joint_input=JointInput("joint_position", features.joints, "m"),
            image_inputs=(),
            output=ActionOutput("action", features.actions, "m"),
        )

    def infer(self, observation: Observation) -> Inference:
        step = int(np.searchsorted(self._episode.stamps_ns, observation.stamp_ns))
        rows = np.minimum(step + np.arange(CHUNK_SIZE), self._last)
        chunk = Chunk(observation.stamp_ns, self.spec.rate_hz, self._episode.actions[rows])
        return Inference(chunk, 0.0)


@pytest.fixture(scope="module")
def env() -> MetaWorld:
    environment = MetaWorld("pick-place-v3", cameras=("corner4",), height=12, width=16)
    yield environment
    environment.close()


@pytest.fixture(scope="module")
def episode(env) -> Episode:
    return record_episode(env, seed=1)


@pytest.mark.parametrize("mode", ["ensemble", "newest", "open_loop"])
def test_a_remembered_demonstration_succeeds(env, episode, mode):
    assert episode.success
    execution = ExecutionSpec(mode, max_jump=None)
    result = run_episode(env, Memory(episode), Condition(execution), seed=1)
    assert result.success
    assert result.steps == len(episode)
    assert result.holds == 0


def test_latency_costs_only_the_wait_for_the_first_chunk(env, episode):
    """The path is played from the observation's time, 3 steps in: the hand catches up."""
    condition = Condition(ExecutionSpec("newest", max_jump=None), latency_s=3 / 80)
    result = run_episode(env, Memory(episode), condition, seed=1)
    assert result.holds == 3
    assert abs(result.steps - len(episode)) <= 3


def test_the_expert_takes_over_where_the_policy_has_got_stuck(env, episode):
    stuck = Memory(episode, steps=20)
    shown = record_episode(env, seed=1, lead=Lead(stuck, latest_s=5.0))
    assert shown.success
    assert shown.begun_by == "memory"
    assert shown.stamps_ns[0] > 0.5e9
    np.testing.assert_allclose(shown.joints[0], episode.joints[20], atol=0.03)
    again = record_episode(env, seed=1, lead=Lead(stuck, latest_s=5.0))
    np.testing.assert_array_equal(shown.actions, again.actions)


def test_a_policy_that_is_done_leaves_nothing_to_show(env, episode):
    assert record_episode(env, seed=1, lead=Lead(Memory(episode), latest_s=1000.0)) is None
