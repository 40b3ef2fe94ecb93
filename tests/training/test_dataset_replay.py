from __future__ import annotations

import json

import numpy as np
import pytest
from act_core.policy_spec import ActionOutput, ImageInput, JointInput, PolicySpec
from act_policy.chunk import Chunk
from act_policy.policy import Inference
from act_training import evaluate as evaluate_module
from act_training.checkpoint import load_checkpoint
from act_training.config import TrainingConfig
from act_training.dataset_replay import Judgement, choose_episodes, replay, verdict
from act_training.evaluate import EvaluateOptions, evaluate
from act_training.train import TrainOptions, train

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
    monkeypatch.setattr(evaluate_module, "load", lambda _: Standing())
    options = EvaluateOptions(
        policy=tmp_path, dataset=dataset, episode=2, out=tmp_path / "out", videos=1
    )
    assert evaluate(options) == []
    assert "better than both in 1 of 1 episodes: 0." in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "episode_000002.png", "episode_000002.mp4", "replay.json",
    }  # fmt: skip


def test_which_episodes_it_is_judged_on(dataset):
    one = dataset / "episode_000001.hdf5"
    assert choose_episodes(one, 9, ()).files == [one]
    assert choose_episodes(dataset, 1, ("episode_000003.hdf5",)).files == [one]
    held_out = choose_episodes(dataset, None, ("episode_000001.hdf5", "gone.hdf5"))
    assert held_out == ([one], "episodes that were held out in training")
    everything = choose_episodes(dataset, None, ())
    assert len(everything.files) == 4
    assert "those that it was trained on flatter" in everything.note
    with pytest.raises(ValueError, match=r"episode 4 is not in .*, which has 4: 0 to 3"):
        choose_episodes(dataset, 4, ())


class Answering:
    """Always the same chunk."""

    spec = SPEC

    def __init__(self, value):
        self.rows = np.tile(value, (3, 1))

    def infer(self, observation):
        return Inference(Chunk(observation.stamp_ns, 20.0, self.rows), 0.0)


def test_what_needs_no_policy(make_episode):
    """The toy arm goes evenly, 0 to 1 in 11 steps: the last action is 1, 2 and 3 steps behind (at
    the first step 0, 1 and 2)."""
    episode = make_episode(0, actions=np.tile(np.linspace(0, 11, 12)[:, None], (1, 2)))
    replayed = replay(Answering(np.zeros(2)), episode)
    of_last = (0 + 11 * 1 + 1 + 10 * 2 + 2 + 9 * 3) / 33
    np.testing.assert_allclose(replayed.error_of_last, of_last)
    steps = np.arange(12)
    rows = np.concatenate([steps, steps[1:], steps[2:]])
    np.testing.assert_allclose(replayed.error_of_mean(np.full(2, 5.5)), abs(rows - 5.5).mean())
    np.testing.assert_allclose(replayed.error, rows.mean())


@pytest.mark.parametrize(
    ("errors", "text"),
    [
        ((0.1, 0.8, 0.3), "better than both in 2 of 2 episodes: 0.100 standard deviations"),
        ((0.8, 0.8, 0.9), "WARNING: no better than always answering the mean: 0.800"),
        ((0.4, 0.8, 0.4), "WARNING: no better than repeating the last action: 0.400"),
        ((float("nan"), 0.8, 0.4), "WARNING: no better than always answering the mean: nan"),
    ],
)
def test_the_verdict(errors, text):
    assert verdict([Judgement("a", *errors), Judgement("b", *errors)]).startswith(text)


def test_a_policy_of_recordings_is_judged_on_held_out_episodes(
    dataset, tmp_path, tiny, monkeypatch, capsys
):
    """From training to the judgement, over a run, its bundle and the fallback without a record."""
    training = TrainingConfig(steps=1, batch_size=2, precision="fp32", validation_batches=1)
    run = train(TrainOptions(data=(dataset,), out=tmp_path / "run", model=tiny, training=training))
    with pytest.raises(ValueError, match=r"trained on recordings \('toy'\).*--dataset FOLDER"):
        evaluate(EvaluateOptions(policy=run))
    evaluate(EvaluateOptions(policy=run, dataset=dataset, out=tmp_path / "out"))
    said = capsys.readouterr().out
    assert "1 of 4 episodes: episodes that were held out in training" in said
    assert "WARNING: no better than" in said  # after one step
    record = json.loads((tmp_path / "out/replay.json").read_text())
    (held_out,) = load_checkpoint(run).config.datasets[0].validation_episodes
    assert [judgement["episode"] for judgement in record["judgements"]] == [held_out]
