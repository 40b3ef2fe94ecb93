from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="MuJoCo is not installed")

from act_sim.simulation import Simulation
from act_training.demonstrate import record_episode
from act_training.environments import open_environment
from act_training.environments.so101 import So101


@pytest.fixture(scope="module")
def env() -> So101:
    environment = So101("pick_place", height=24, width=32, render_height=48)
    yield environment
    environment.close()


def test_features(env):
    assert env.features.joints == env.features.actions
    assert env.features.joints[-1] == "gripper"
    assert env.features.camera_names == ("front", "wrist")
    assert env.placement_names == ("cube_0", "cube_1", "cube_yaw", "bowl_0", "bowl_1")
    assert env.noise_scale.tolist() == [0.02] * 5 + [0.0]


def test_every_seed_is_a_placement_of_its_own(env):
    placements = []
    for seed in range(6):
        env.reset(seed)
        placements.append(env.placement())
    assert (np.std(placements, axis=0) > 0.01).all()


def test_an_episode_of_the_expert(env):
    """Also: the same seed is the same episode, and noise disturbs what happens, not the labels."""
    episode = record_episode(env, 0)
    assert episode.success
    assert episode.images["wrist"].shape == (len(episode), 24, 32, 3)
    assert episode.simulated
    moved = np.diff(episode.joints, axis=0) * 30
    between = (episode.joint_velocities[1:] + episode.joint_velocities[:-1]) / 2
    assert np.abs(moved - between)[:, :5].max() < 0.5, "rad/s; the gripper hits the cube"
    assert episode.placement == dict(zip(env.placement_names, env.placement(), strict=True))
    np.testing.assert_array_equal(np.diff(episode.stamps_ns).round(-3), 33_333_000)
    again = record_episode(env, 0)
    np.testing.assert_array_equal(episode.actions, again.actions)
    np.testing.assert_array_equal(episode.images["front"], again.images["front"])


def test_noise_disturbs_the_motion_and_not_the_start(env):
    clean, noisy = record_episode(env, 1), record_episode(env, 1, noise=2.0)
    np.testing.assert_array_equal(clean.joints[0], noisy.joints[0])
    np.testing.assert_array_equal(clean.actions[0], noisy.actions[0])
    assert np.abs(clean.joints[5] - noisy.joints[5]).max() > 1e-3


def test_the_tail_shows_what_comes_after_success(env):
    assert len(record_episode(env, 0, tail_s=0.5)) == len(record_episode(env, 0)) + 15


def test_commands_pass_the_limiter(env):
    env.reset(0)
    start = env.hold_action()
    env.step(start + np.array([3.0, 0, 0, 0, 0, 0]))
    assert 0 < env.hold_action()[0] - start[0] < 0.2


def test_metaworld_has_no_levels():
    pytest.importorskip("metaworld", reason="MetaWorld is not installed")
    with pytest.raises(ValueError, match="metaworld/reach-v3 has neither randomization levels"):
        open_environment("metaworld/reach-v3", level=1)


def test_pictures_are_those_of_sim_node_made_smaller(monkeypatch):
    """In the look "room" smaller ones are drawn: that of sim_node takes four times as long."""
    drawn = []
    real = Simulation.render

    def render(self, camera, height, width):
        drawn.append((height, width))
        return real(self, camera, height, width)

    monkeypatch.setattr(Simulation, "render", render)
    for look, expected in (("plain", (480, 640)), ("room", (48, 64))):
        environment = So101("reach", cameras=("front",), height=24, width=32, look=look)
        assert environment.observe().images["front"].shape == (24, 32, 3)
        environment.close()
        assert drawn.pop() == expected
