from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from act_core.policy_spec import ActionOutput, ImageInput, JointInput, PolicySpec
from act_policy.chunk import Chunk
from act_policy.policy import Inference
from act_training import evaluate as evaluate_module
from act_training.dataset_replay import find_episode, replay
from act_training.evaluate import EvaluateOptions, evaluate

SPEC = PolicySpec(
    name="toy",
    rate_hz=20.0,
    chunk_size=3,
    joint_input=JointInput("joint_position", ("shoulder", "elbow", "gripper")),
    image_inputs=(ImageInput("image_wrist", "wrist", 16, 16),),
    output=ActionOutput("action", ("shoulder", "gripper")),
)


class Standing:
    """Predicts that the arm stays where it is; the toy arm moves evenly, from 0 in 11 steps."""

    spec = SPEC

    def infer(self, observation):
        here = observation.joint_position[[0, 2]]
        assert observation.images["wrist"].shape == (16, 16, 3)
        return Inference(Chunk(observation.stamp_ns, 20.0, np.tile(here, (3, 1))), 0.0)


def test_the_error_counts_rows_that_were_recorded(make_episode):
    """Row i is i steps behind: 0, 1 and 2 steps, of which 12, 11 and 10 were recorded."""
    episode = make_episode(0)
    per_step = np.abs(episode.actions[1] - episode.actions[0])
    error = replay(Standing(), episode).error
    np.testing.assert_allclose(error, per_step * (0 * 12 + 1 * 11 + 2 * 10) / 33, rtol=1e-4)


def test_command(dataset, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(evaluate_module, "_load", lambda _: Standing())
    options = EvaluateOptions(
        policy=tmp_path, dataset=dataset, episode=2, out=tmp_path / "out", videos=1
    )
    assert evaluate(options) == []
    assert "over 12 chunks" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "episode_000002.png", "episode_000002.mp4",
    }  # fmt: skip


def test_unknown_episode(dataset):
    assert find_episode(dataset / "episode_000001.hdf5", 9).name == "episode_000001.hdf5"
    with pytest.raises(ValueError, match=r"episode 4 is not in .*, which has 4: 0 to 3"):
        find_episode(dataset, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate_hz": 30.0}, "rate_hz of policy 'toy': 30.0, of the episode: 20.0"),
        ({"joint_input": JointInput("j", ("a",))}, r"joints of policy 'toy': \('a',\), of the"),
        ({"image_inputs": (ImageInput("i", "top", 16, 16),)}, "needs 16x16 images of camera 'top'"),
    ],
)
def test_another_robots_episode(make_episode, monkeypatch, change, message):
    monkeypatch.setattr(Standing, "spec", dataclasses.replace(SPEC, **change))
    with pytest.raises(ValueError, match=message):
        replay(Standing(), make_episode(0))
