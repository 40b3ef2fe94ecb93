"""A Gymnasium environment from outside the tree: one file, collected, trained on and evaluated."""

from __future__ import annotations

import importlib
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from act_core.errors import ConfigurationError
from act_training.collect import CollectOptions, collect
from act_training.config import TrainingConfig
from act_training.environments import open_environment
from act_training.evaluate import EvaluateOptions, evaluate
from act_training.evaluation_record import read_rows
from act_training.train import TrainOptions, train
from act_training.trainable_policy import get_preset
from gymnasium import spaces

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAME = "gym/own_environment:Dot-v0"


@pytest.fixture(autouse=True)
def found(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES))  # of processes that collect


def test_it_is_collected_trained_on_and_evaluated(tmp_path):
    data, run, out = (tmp_path / name for name in ("data", "run", "evaluation"))
    collect(CollectOptions(env=NAME, episodes=6, noise=1.0, workers=1, out=data))
    settings = TrainingConfig(steps=3, batch_size=4, precision="fp32", save_every=3)
    model = get_preset("debug").model
    train(TrainOptions(data=(data,), out=run, model=model, training=settings))
    evaluate(EvaluateOptions(policy=run, out=out, episodes=2, workers=1))
    (row,) = read_rows(out)
    assert row.env == NAME
    assert row.episodes == 2


def test_it_tells_what_there_is():
    env = open_environment(NAME, height=24, width=24)
    assert env.features.joints == ("x", "y") == env.features.actions
    assert env.features.joint_units == ("m", "m")
    assert (env.features.rate_hz, env.max_steps) == (10.0, 40)
    env.reset(3)
    first, where = env.observe(), env.placement()
    assert env.placement_names == ("ring_x", "ring_y")
    assert first.images["front"].shape == (24, 24, 3)
    assert env.hold_action() == pytest.approx(env.joints())
    outcome = env.step(env.expert_action())
    steps = 1
    while not outcome.finished:
        outcome = env.step(env.expert_action())
        steps += 1
    assert outcome.success
    assert env.observe().stamp_ns == pytest.approx(steps * 1e8)
    env.reset(3)
    assert np.array_equal(env.placement(), where)
    assert np.array_equal(env.observe().images["front"], first.images["front"])


def test_the_arm_of_this_project_through_the_same_door():
    """act_sim's own environment, by its Gymnasium name."""
    env = open_environment("gym/act_sim:act_sim/Reach-v0", cameras=("wrist",), height=24, width=32)
    env.reset(1)
    assert env.features.camera_names == ("wrist",)
    assert env.joint_velocities().shape == (6,)
    assert not env.step(env.joints().astype(float)).success
    with pytest.raises(
        ConfigurationError, match="no scripted expert: its class defines no expert_"
    ):
        env.expert_action()
    env.close()


def dot(**changes):
    """The example with what is changed of it, registered under a name of its own."""
    base = importlib.import_module("own_environment").Dot
    limit = changes.pop("max_episode_steps", 40)
    name = f"Changed{len(gymnasium.registry)}-v0"

    class Changed(base):
        def __init__(self):
            super().__init__()
            for key, value in changes.items():
                setattr(self, key, value)

    gymnasium.register(name, entry_point=Changed, max_episode_steps=limit)
    return f"gym/{name}"


BOX, IMAGE = spaces.Box(-1, 1, (2,)), spaces.Box(0, 255, (8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"observation_space": BOX}, r"an observation is Box.*expected a Dict with joints"),
        ({"observation_space": spaces.Dict({"pixels": IMAGE, "pose": BOX})},
         r"have no joints \(joint_position, agent_pos, state\), but pixels, pose"),
        ({"observation_space": spaces.Dict({"state": BOX, "image": IMAGE})},
         r"have no images \(images, pixels\), but image, state|but state, image"),
        ({"observation_space": spaces.Dict({"state": BOX, "pixels": BOX})},
         r"the image front is Box.*expected a Box of \(height, width, 3\) uint8"),
        ({"action_space": spaces.Discrete(3)}, r"an action is Discrete\(3\), expected a Box"),
        ({"metadata": {}}, r"metadata\['render_fps'\] is None, expected its steps a second"),
        ({"max_episode_steps": None}, "was registered without max_episode_steps"),
        ({"joint_names": ("x", "x")}, "joint_names are x, x, expected 2, each once"),
    ],
)  # fmt: skip
def test_what_it_does_not_tell_is_named(changes, said):
    with pytest.raises(ConfigurationError, match=said):
        open_environment(dot(**changes))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("gym/Nothing-v0", {}, "environment gym/Nothing-v0: .*Nothing"),
        ("gym/nowhere:Dot-v0", {}, "environment gym/nowhere:Dot-v0: .*nowhere"),
        (NAME, {"height": 24, "width": 32}, "has other proportions than the policy's 32x24"),
        (NAME, {"cameras": ("top",)}, "unknown camera 'top'; known: front"),
        (NAME, {"level": 2}, "neither randomization levels nor .*: level is of so101 only"),
    ],
)
def test_what_is_not_there_is_refused(name, options, said):
    with pytest.raises(ConfigurationError, match=said):
        open_environment(name, **options)


def test_a_step_without_a_verdict():
    class Silent(importlib.import_module("own_environment").Dot):
        def step(self, action):
            return (*super().step(action)[:4], {"score": 1.0})

    gymnasium.register("Silent-v0", entry_point=Silent, max_episode_steps=5)
    env = open_environment("gym/Silent-v0")
    with pytest.raises(
        ConfigurationError, match="info has no is_success or success; it has: score"
    ):
        env.step(np.zeros(2))


@pytest.mark.parametrize("known", [True, False])
def test_what_keeps_it_where_it_is(known):
    changes = {"joint_names": ("a", "b"), "action_names": ("da", "db")}
    if known:
        changes["hold_action"] = lambda: np.zeros(2)
    env = open_environment(dot(**changes))
    if known:
        assert list(env.hold_action()) == [0.0, 0.0]
    else:
        with pytest.raises(ConfigurationError, match="its class defines no hold_action"):
            env.hold_action()
    env.step(np.array([0.1, 0.2]))
    assert list(env.hold_action()) == [0.1, 0.2]
