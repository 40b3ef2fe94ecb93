"""The Gymnasium environments."""

from __future__ import annotations

import json
import warnings

import act_sim  # noqa: F401 (registers the environments)
import gymnasium
import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_sim.environment import So101Env
from act_sim.experts import make_expert
from act_sim.task_registry import task_names
from gymnasium.utils.env_checker import check_env


@pytest.mark.parametrize("name", ["PickPlace", "LiftCube", "Reach"])
def test_passes_gymnasiums_checker(name):
    env = gymnasium.make(
        f"act_sim/{name}-v0", cameras=("front",), image_size=(48, 64), render_mode="rgb_array"
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=UserWarning)
        # It advises actions in -1..1; ours are joint targets in rad, as everywhere here.
        warnings.filterwarnings("ignore", message=".*symmetric and normalized space.*")
        check_env(env.unwrapped)
    env.close()


def test_every_task_is_registered():
    registered = {
        spec.kwargs["task"] for name, spec in gymnasium.registry.items() if "act_sim/" in name
    }
    assert registered == set(task_names())


def test_observation_has_what_was_asked_for():
    env = So101Env(cameras=("top", "wrist"), image_size=(32, 48))
    observation, _ = env.reset(seed=0)
    assert observation["joint_position"].dtype == np.float32
    assert observation["joint_position"] == pytest.approx(env.sim.joint_position, abs=1e-6)
    assert set(observation["images"]) == {"top", "wrist"}
    assert observation["images"]["top"].shape == (32, 48, 3)
    env.close()


def test_without_cameras_nothing_is_rendered(monkeypatch):
    env = So101Env(cameras=())
    monkeypatch.setattr(env.sim, "render", None)
    observation, _ = env.reset(seed=0)
    assert set(observation) == {"joint_position", "joint_velocity"}
    env.step(env.action_space.sample())


def test_an_episode_of_the_expert_ends_with_reward_1():
    env = So101Env("reach", cameras=(), level=2)
    _, info = env.reset(seed=3)
    assert json.loads(json.dumps(info["record"]))["seed"] == 3
    assert info["record"]["randomization"]["servo_gain"]
    expert = make_expert(env.sim)
    rewards, terminated = [], False
    while not terminated:
        _, reward, terminated, truncated, info = env.step(expert.act())
        rewards.append(reward)
        assert not truncated
    assert rewards[-1] == sum(rewards) == 1.0
    assert info["is_success"] is True
    assert info["report"]["outcome"] == "success"


def test_the_time_limit_truncates():
    env = So101Env("reach", cameras=())
    env.reset(seed=0)
    hold = np.array(env.sim.record["arm_start_rad"])
    for _ in range(149):
        *_, terminated, truncated, _ = env.step(hold)
        assert (terminated, truncated) == (False, False)
    *_, terminated, truncated, info = env.step(hold)
    assert (terminated, truncated) == (False, True)
    assert info["report"]["reason"] == "time limit of 5 s"


def test_a_target_past_a_limit_is_moved_onto_it():
    env = So101Env("reach", cameras=())
    states = []
    for excess in (0.0, 0.9):
        env.reset(seed=0)
        for _ in range(5):
            observation, *_ = env.step(env.sim.limits.upper_rad + excess)
        states.append(observation["joint_position"])
    assert np.array_equal(*states)


def test_a_target_that_is_no_number_is_refused():
    env = So101Env("reach", cameras=())
    env.reset(seed=0)
    with pytest.raises(ValueError, match="elbow_flex: target nan is not finite"):
        env.step(np.array([0, 0, np.nan, 0, 0, 0]))


def test_seeds_give_episodes_and_episodes_go_on_from_a_seed():
    env = So101Env("pick_place", cameras=())
    _, first = env.reset(seed=5)
    _, second = env.reset()
    _, again = env.reset(seed=5)
    assert first["record"] == again["record"] != second["record"]
    assert env.reset()[1]["record"] == second["record"]


@pytest.mark.parametrize(("mode", "settings"), [("sync", {}), ("async", {"context": "spawn"})])
def test_is_vectorizable(mode, settings):
    envs = gymnasium.make_vec(
        "act_sim/Reach-v0", num_envs=2, vectorization_mode=mode, cameras=("wrist",),
        image_size=(32, 32), level=1, vector_kwargs=settings,
    )  # fmt: skip
    observation, _ = envs.reset(seed=1)
    assert observation["images"]["wrist"].shape == (2, 32, 32, 3)
    observation, *_, info = envs.step(envs.action_space.sample())
    assert observation["joint_position"].shape == (2, 6)
    assert info["report"]["steps"].tolist() == [1, 1]
    envs.close()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"cameras": ("frnt",)}, "unknown camera 'frnt'; did you mean 'front'"),
        ({"task": "reech"}, "unknown task 'reech'; did you mean 'reach'"),
        ({"level": 9}, "randomization level is 9"),
        ({"render_mode": "human"}, "unknown render mode 'human'.* known: rgb_array"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(ConfigurationError, match=text):
        So101Env(**arguments)
