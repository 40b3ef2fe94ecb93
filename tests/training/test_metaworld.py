from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("metaworld", reason="MetaWorld is not installed (training only)")

from act_training.environments import open_environment
from act_training.environments.metaworld import MetaWorld

pytestmark = pytest.mark.filterwarnings("ignore:Constant")  # pytest undoes the module's own filter


@pytest.fixture(scope="module")
def env() -> MetaWorld:
    environment = MetaWorld("shelf-place-v3", height=48, width=64)
    yield environment
    environment.close()


def play_expert(env, seed, steps=500):
    """Hand positions and whether the expert succeeded."""
    env.reset(seed)
    path = []
    for _ in range(steps):
        outcome = env.step(env.expert_action())
        path.append(env.joints())
        if outcome.success:
            return np.array(path), True
    return np.array(path), False


def test_every_seed_is_a_placement_of_its_own(env):
    """The trap that cost an earlier project its success: one frozen placement."""
    placements = []
    for seed in range(8):
        env.reset(seed)
        placements.append(env.placement())
    spread = np.std(placements, axis=0)
    assert (spread[[0, 1, 3, 4]] > 0.01).all(), spread  # block and shelf, x and y [m]


def test_the_block_is_where_the_placement_says(env):
    for seed in (1, 2):
        env.reset(seed)
        # MetaWorld shifts the block by the offset of its mesh, a fraction of a millimetre.
        np.testing.assert_allclose(env._observation[4:6], env.placement()[:2], atol=2e-3)


def test_a_seed_is_one_episode_whatever_came_before(env):
    first, _ = play_expert(env, 5, steps=40)
    play_expert(env, 6, steps=25)
    second, _ = play_expert(env, 5, steps=40)
    np.testing.assert_array_equal(first, second)


def test_absolute_targets_replay_metaworlds_own_actions(env):
    """The expert through targets moves the hand as the expert's clipped changes do."""
    through_targets, _ = play_expert(env, 7, steps=60)
    env.reset(7)
    observation, path = env._observation, []
    for _ in range(60):
        change = np.clip(env._expert.get_action(observation), -1, 1)
        observation, *_ = env._env.step(change)
        path.append(observation[:4])
    np.testing.assert_allclose(through_targets, path, atol=1e-6)


def test_the_expert_succeeds(env):
    assert play_expert(env, 0)[1]


def test_a_hold_stands_still(env):
    play_expert(env, 3, steps=30)
    for _ in range(100):  # the hand is pulled softly
        env.step(env.hold_action())
    settled = env.joints()
    for _ in range(20):
        env.step(env.hold_action())
    np.testing.assert_allclose(env.joints()[:3], settled[:3], atol=1e-3)


def test_observations_hold_the_hand_and_images_alone(env):
    env.reset(0)
    observation = env.observe()
    assert observation.joint_position.shape == (4,)
    assert observation.joint_position.dtype == np.float32
    assert {name: image.shape for name, image in observation.images.items()} == {
        "corner4": (48, 64, 3),
        "gripperPOV": (48, 64, 3),
    }
    assert all(image.std() > 10 for image in observation.images.values())
    env.step(env.hold_action())
    assert env.observe().stamp_ns == 12_500_000


def test_the_end_of_an_episode_is_an_error(env, monkeypatch):
    monkeypatch.setattr(env, "max_steps", 1)
    env.reset(0)
    env.step(env.hold_action())
    with pytest.raises(RuntimeError, match="the episode is over after 1 steps: reset first"):
        env.step(env.hold_action())


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("metaworld/shelf-plce-v3", {}, "did you mean 'shelf-place-v3'"),
        ("metaword/x", {}, "unknown environment family 'metaword'; did you mean 'metaworld'"),
        ("metaworld/reach-v3", {"cameras": ("corner9",)}, "unknown MetaWorld camera 'corner9'"),
    ],
)
def test_unknown_names_get_a_suggestion(name, options, message):
    with pytest.raises(ValueError, match=message):
        open_environment(name, **options)
