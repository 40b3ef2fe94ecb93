from __future__ import annotations

import numpy as np
import pytest
import torch
from act_training.datasets.chunks import ChunkSampler, split_episodes
from act_training.datasets.frame_cache import open_frame_cache
from act_training.datasets.statistics import compute_moments
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def cache(dataset):
    return open_frame_cache(dataset)


def test_the_last_action_is_repeated_and_masked(cache):
    """The docstring's example: step 3 of 5 with chunks of 4; here the last two of 10 steps."""
    batch = ChunkSampler(cache, np.arange(4), 4).batch(np.array([8, 9, 10]))
    assert batch.is_pad.tolist() == [
        [False, False, True, True],
        [False, True, True, True],
        [False, False, False, False],  # first step of the next episode
    ]
    actions = torch.from_numpy(cache.actions)
    torch.testing.assert_close(batch.actions[0], actions[[8, 9, 9, 9]])
    torch.testing.assert_close(batch.actions[2], actions[[10, 11, 12, 13]])
    np.testing.assert_array_equal(batch.images[1][2], cache.images["wrist"][10])


def test_draws_depend_on_their_key_alone(cache):
    sampler = ChunkSampler(cache, np.array([1, 3]), 4)
    first, second, other = sampler.draw(8, (0, 1)), sampler.draw(8, (0, 1)), sampler.draw(8, (0, 2))
    torch.testing.assert_close(first.joints, second.joints)
    assert not torch.equal(first.joints, other.joints)


def test_draws_come_from_the_given_episodes(cache):
    sampler = ChunkSampler(cache, np.array([1]), 2)
    drawn = sampler.draw(200, (0,)).joints.numpy()
    expected = cache.joints[10:21]
    assert {tuple(row) for row in drawn} == {tuple(row) for row in expected}


@given(count=st.integers(1, 300), fraction=st.floats(0.0, 0.99), seed=st.integers(0, 9))
def test_splits_are_disjoint_and_complete(count, fraction, seed):
    split = split_episodes(count, fraction, seed)
    assert sorted([*split.training, *split.validation]) == list(range(count))
    assert len(split.training) >= 1
    if fraction > 0 and count > 1:
        assert len(split.validation) >= 1


def test_moments():
    moments = compute_moments(np.array([[1.0, 5.0], [3.0, 5.0]]))
    assert moments.mean.tolist() == [2.0, 5.0]
    assert moments.std.tolist() == [1.0, np.float32(0.01)]  # a constant keeps its noise small
