from __future__ import annotations

import dataclasses
import math
import re

import pytest
import torch
from act_core.errors import ConfigurationError
from act_core.files import InUseError, read_json, working_in
from act_training.checkpoint import load_checkpoint
from act_training.collect import CollectOptions, collect
from act_training.config import TrainingConfig
from act_training.datasets.episode_file import episode_path, write_episode
from act_training.datasets.errors import DatasetError
from act_training.train import TrainingError, TrainOptions, learning_rate_factor, main, train
from act_training.trainable_policy import get_preset
from act_training.training_log import read_log


@pytest.fixture
def options(dataset, tmp_path, tiny) -> TrainOptions:
    training = TrainingConfig(
        steps=4,
        batch_size=2,
        lr=1e-2,
        lr_backbone=1e-2,
        lr_schedule="cosine",
        warmup_steps=1,
        precision="fp32",
        validation_batches=1,
        log_every=1,
        validate_every=2,
        save_every=2,
        augment_shift_px=1,
        augment_colour=0.1,
    )
    model = dataclasses.replace(tiny, dropout=0.1)
    return TrainOptions(data=(dataset,), out=tmp_path / "run", model=model, training=training)


def test_a_resumed_run_is_the_unbroken_one(options, tmp_path):
    train(options)
    halves = dataclasses.replace(options, out=tmp_path / "halves", stop_after=2)
    train(halves)
    assert not (tmp_path / "halves" / "final").exists()
    train(TrainOptions(resume=tmp_path / "halves"))

    whole, resumed = read_log(options.out), read_log(tmp_path / "halves")
    assert len([entry for entry in whole if "loss" in entry]) == 4
    assert whole == resumed
    first = load_checkpoint(options.out).policy.state_dict()
    second = load_checkpoint(tmp_path / "halves").policy.state_dict()
    for name, tensor in first.items():
        torch.testing.assert_close(tensor, second[name], rtol=0, atol=0, msg=name)


def test_a_run_within_a_time_has_the_steps_that_fit(options):
    rarely = dataclasses.replace(options.training, validate_every=10_000, save_every=10_000)
    options = dataclasses.replace(options, training=rarely)
    train(dataclasses.replace(options, within_s=1.5))
    speed = read_json(options.out / "speed.json")
    config = load_checkpoint(options.out).config.training
    assert config.steps == speed["steps"] == read_log(options.out)[-1]["step"]
    assert 1 <= speed["steps"] <= max(1, 1.5 / speed["step_s"])
    assert 0.0 < speed["data_s"] < speed["step_s"]
    assert speed["samples_per_s"] == pytest.approx(options.training.batch_size / speed["step_s"])
    assert config.save_every <= max(1, speed["steps"] // 10)
    with pytest.raises(ConfigurationError, match="a resumed one has its steps"):
        train(TrainOptions(resume=options.out, within_s=3.0))
    with pytest.raises(ConfigurationError, match="--within-s is 0, expected a time above 0"):
        train(dataclasses.replace(options, out=options.out / "other", within_s=0.0))


def test_what_a_run_leaves(options, capsys, caplog):
    caplog.set_level("INFO")
    train(options)
    out = options.out
    said = next(text for text in caplog.messages if " CPU threads: " in text)
    assert re.fullmatch(r"4 steps of .* s on 1 CPU threads: about 0 h \d\d min", said)
    there = {path.name for path in out.iterdir()}
    assert there == {"best", "final", "last", "curves.png", "log.jsonl", "tensorboard"}
    assert "Step 4/4 | Loss " in capsys.readouterr().out
    checkpoint = load_checkpoint(out)
    assert checkpoint.step == 4
    assert checkpoint.config.model == options.model
    assert checkpoint.config.task == "toy"
    (data,) = checkpoint.config.datasets
    assert (data.data, data.weight) == ("../dataset", 1.0)
    assert len(data.validation_episodes) == 1
    assert not checkpoint.policy.training
    best = min(entry["validation_l1"] for entry in read_log(out) if "validation_l1" in entry)
    best_step = load_checkpoint(out / "best").step
    assert {"step": best_step, "validation_l1": best} in read_log(out)


def test_learning_lowers_the_loss(options):
    training = dataclasses.replace(
        options.training,
        steps=120,
        batch_size=8,
        lr=3e-3,
        log_every=20,
        validation_fraction=0.0,
        augment_colour=0.0,
    )
    model = dataclasses.replace(options.model, dropout=0.0, use_vae=False)
    train(dataclasses.replace(options, training=training, model=model))
    l1 = [entry["l1"] for entry in read_log(options.out)]
    assert l1[-1] < 0.7 * l1[0]


def test_a_second_run_in_the_same_folder_is_refused(options):
    train(options)
    with pytest.raises(ValueError, match=r"holds a run: continue it with --resume"):
        train(options)


def test_a_run_or_a_collection_is_one_process(options, tmp_path):
    with working_in(options.out), pytest.raises(InUseError, match=r"is in use by process"):
        train(options)
    with working_in(options.out), pytest.raises(InUseError, match=r"is in use by process"):
        train(TrainOptions(resume=options.out))
    data = tmp_path / "collection"
    with working_in(data), pytest.raises(InUseError, match=r"is in use by process"):
        collect(CollectOptions(env="so101/reach", out=data))
    assert not options.out.exists()


def test_a_run_that_was_killed_between_two_renames_is_found_by_all(options):
    """On a file system that cannot exchange two folders; and by a fresh --out, which leaves it."""
    train(dataclasses.replace(options, stop_after=2))
    last = options.out / "last"
    last.rename(options.out / ".last.old")
    with pytest.raises(ValueError, match=r"holds a run: continue it with --resume"):
        train(options)
    last.rename(options.out / ".last.old")
    train(TrainOptions(resume=options.out))
    assert load_checkpoint(options.out).step == 4


def test_a_changed_dataset_is_refused(options, make_episode):
    train(dataclasses.replace(options, stop_after=2))
    write_episode(episode_path(options.data[0], 9), make_episode(9))
    with pytest.raises(ValueError, match=r"the dataset is not the one that this run was started"):
        train(TrainOptions(resume=options.out))


def test_identical_starts_are_refused_unless_meant(options, make_episode):
    for path in options.data[0].glob("episode_*"):
        path.unlink()
    for seed in range(2):
        write_episode(episode_path(options.data[0], seed), make_episode(seed, placement={"x": 0.0}))
    with pytest.raises(DatasetError, match="share one placement"):
        train(options)
    train(dataclasses.replace(options, allow_identical_starts=True))


def test_divergence_stops_with_the_batch_saved(options, monkeypatch):
    wild = dataclasses.replace(options.training, lr=1e6, lr_backbone=1e6, steps=50, save_every=1)
    with pytest.raises(TrainingError, match=r"step \d+: loss .*the batch is in .*failed_batch.pt"):
        train(dataclasses.replace(options, training=wild))
    saved = torch.load(options.out / "failed_batch.pt", weights_only=True)
    assert saved["batch"][0].shape == (2, 3)
    state = load_checkpoint(options.out / "last").policy.state_dict()
    assert all(tensor.isfinite().all() for tensor in state.values())


def test_missing_data_is_said():
    with pytest.raises(ValueError, match="--data is missing"):
        train(TrainOptions())


def test_a_folder_without_a_checkpoint(tmp_path):
    with pytest.raises(ValueError, match=r"is no checkpoint: neither it nor its final/"):
        load_checkpoint(tmp_path)


def test_a_run_can_begin_with_the_weights_of_another(options, tmp_path, make_episode):
    train(options)
    first = load_checkpoint(options.out)
    write_episode(episode_path(options.data[0], 9), make_episode(9, steps=30))
    still = dataclasses.replace(options.training, steps=1, lr=0.0, lr_backbone=0.0)
    second = dataclasses.replace(
        options, out=tmp_path / "second", weights=options.out, training=still
    )
    train(second)
    begun = load_checkpoint(tmp_path / "second")
    for name, tensor in first.policy.state_dict().items():
        torch.testing.assert_close(begun.policy.state_dict()[name], tensor, rtol=0, atol=0)
    assert begun.config.weights == "../run"
    wider = dataclasses.replace(options.model, dim_model=32)
    with pytest.raises(ValueError, match=r"--weights: .* another model: dim_model 16 \(here 32\)"):
        train(dataclasses.replace(second, out=tmp_path / "third", model=wider))


def test_weights_of_another_model(options):
    train(options)
    config = options.out / "final" / "config.json"
    config.write_text(config.read_text().replace('"dim_model": 16', '"dim_model": 32'))
    with pytest.raises(ValueError, match=r"model.safetensors does not fit .*another model"):
        load_checkpoint(options.out)


def test_a_kill_between_two_renames_costs_nothing(options):
    train(options)
    final = options.out / "final"
    final.rename(options.out / ".final.old")
    assert load_checkpoint(final).step == 4


def test_learning_rate():
    settings = TrainingConfig(steps=110, warmup_steps=10, lr_schedule="cosine")
    assert learning_rate_factor(1, settings) == pytest.approx(0.1)
    assert learning_rate_factor(10, settings) == 1.0
    assert learning_rate_factor(60, settings) == pytest.approx(0.5)
    assert learning_rate_factor(110, settings) == pytest.approx(0.0)
    constant = dataclasses.replace(settings, lr_schedule="constant")
    assert learning_rate_factor(110, constant) == 1.0
    assert math.isclose(learning_rate_factor(1, TrainingConfig()), 1.0)


def test_the_preset_is_the_default_of_the_options(dataset, tmp_path, capsys):
    main(["--preset", "debug", "--data", str(dataset), "--out", str(tmp_path / "run"),
          "--training.steps", "1", "--training.precision", "fp32"])  # fmt: skip
    config = load_checkpoint(tmp_path / "run").config
    assert config.preset == "debug"
    assert config.model == get_preset("debug").model
    assert (config.training.steps, config.training.batch_size) == (1, 2)


def test_a_wrong_preset_ends_with_a_suggestion():
    with pytest.raises(SystemExit, match="unknown preset 'debgu'; did you mean 'debug'"):
        main(["--preset", "debgu"])
