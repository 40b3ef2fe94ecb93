from __future__ import annotations

import numpy as np
import pytest
import torch
from act_training.datasets.chunks import ChunkSampler, split_episodes
from act_training.datasets.episode_file import episode_path, write_episode
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


def test_the_mistake_before_a_take_over_begins_no_sample_and_is_in_no_chunk(tmp_path, make_episode):
    taken = np.array([0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1], dtype=bool)
    for seed, column in enumerate([np.zeros(12, dtype=bool), taken, np.ones(12, dtype=bool)]):
        episode = make_episode(seed=seed, intervention=column)
        write_episode(episode_path(tmp_path, seed), episode)
    cache = open_frame_cache(tmp_path)
    assert cache.takeovers == (17, 22), "not the one that begins with its episode"
    sampler = ChunkSampler(cache, np.arange(3), 4, skip=3)
    assert sampler.skipped == 6
    assert set(range(36)) - set(sampler.frames.tolist()) == {14, 15, 16, 19, 20, 21}
    batch = sampler.batch(np.array([11, 12, 13, 17, 18, 22]))
    assert batch.is_pad.sum(dim=1).tolist() == [3, 2, 3, 2, 3, 2]
    assert ChunkSampler(cache, np.arange(3), 4).skipped == 0
    again = open_frame_cache(tmp_path)
    assert again.takeovers == cache.takeovers


def test_a_take_over_just_after_the_start_leaves_out_what_there_is(tmp_path, make_episode):
    column = np.arange(12) >= 2
    write_episode(episode_path(tmp_path, 0), make_episode(seed=0, intervention=column))
    sampler = ChunkSampler(open_frame_cache(tmp_path), np.array([0]), 4, skip=9)
    assert sampler.frames.tolist() == list(range(2, 12))


@pytest.mark.parametrize("obs_steps", [1, 2])
def test_frames_on_a_device_give_the_same_batches(cache, obs_steps):
    there = cache.on(torch.device("cpu"))
    assert all(isinstance(images, torch.Tensor) for images in there.images.values())
    expected = ChunkSampler(cache, np.array([1, 3]), 4, obs_steps=obs_steps).draw(8, (0, 1))
    batch = ChunkSampler(there, np.array([1, 3]), 4, obs_steps=obs_steps).draw(8, (0, 1))
    for mine, theirs in zip(batch.images, expected.images, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    torch.testing.assert_close(batch.actions, expected.actions, rtol=0, atol=0)
