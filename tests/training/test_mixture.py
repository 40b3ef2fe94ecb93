"""Several datasets in one run: shares, what is drawn when, what is refused, what is kept of it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from act_core.errors import ConfigurationError
from act_policy.bundle import read_bundle
from act_training.checkpoint import load_checkpoint
from act_training.config import TrainingConfig
from act_training.datasets.chunks import ChunkSampler
from act_training.datasets.episode_file import episode_path, write_episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.frame_cache import open_frame_cache
from act_training.datasets.mixture import (
    STEP_TURN,
    Mixture,
    Part,
    Source,
    allot,
    parse_source,
)
from act_training.datasets.statistics import compute_moments, mix_moments
from act_training.evaluate import held_out
from act_training.export import ExportOptions, export
from act_training.train import TrainOptions, main, train
from act_training.training_log import read_log
from hypothesis import given
from hypothesis import strategies as st

WEIGHTS = st.lists(st.floats(0.01, 100), min_size=1, max_size=5)


@pytest.fixture
def base(dataset) -> Path:
    return dataset.rename(dataset.parent / "base")


@pytest.fixture
def corrections(tmp_path, make_episode) -> Path:
    """Three episodes whose joints are far from those of `base`."""
    folder = tmp_path / "corrections"
    folder.mkdir()
    for seed in range(3):
        episode = make_episode(100 + seed, steps=8)
        moved = dataclasses.replace(episode, joints=episode.joints + 10)
        write_episode(episode_path(folder, seed), moved)
    return folder


@pytest.fixture
def options(base, corrections, tmp_path, tiny) -> TrainOptions:
    training = TrainingConfig(
        steps=4, batch_size=4, precision="fp32", validation_batches=1, log_every=1,
        validate_every=2, save_every=2,
    )  # fmt: skip
    data = (Path(f"{base}:1"), Path(f"{corrections}:3"))
    return TrainOptions(data=data, out=tmp_path / "run", model=tiny, training=training)


@pytest.mark.parametrize(
    ("option", "source"),
    [
        ("data/base", Source(Path("data/base"), None)),
        ("data/base:3", Source(Path("data/base"), 3.0)),
        ("data/base:0.25", Source(Path("data/base"), 0.25)),
        ("hf://ann/pick", Source(Path("hf://ann/pick"), None)),
        ("hf://ann/pick@v3.0:2", Source(Path("hf://ann/pick@v3.0"), 2.0)),
    ],
)
def test_what_an_option_names(option, source):
    assert parse_source(Path(option)) == source


def test_a_folder_with_a_colon_in_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("take:2").mkdir()
    assert parse_source(Path("take:2")) == Source(Path("take:2"), None)
    assert parse_source(Path("take:2:5")) == Source(Path("take:2"), 5.0)


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "inf", "much", "1e999"])
def test_what_is_no_weight(weight):
    with pytest.raises(ConfigurationError, match=rf"the weight is '{weight}', expected a number"):
        parse_source(Path(f"base:{weight}"))


def test_the_example_of_the_docstring():
    weights = np.array([1.0, 3.0])
    assert allot(weights, 6, 0.2).tolist() == [2, 4]
    assert allot(weights, 6, 0.8).tolist() == [1, 5]


@given(weights=WEIGHTS, count=st.integers(1, 64), turn=st.floats(0, 1, exclude_max=True))
def test_every_batch_keeps_the_shares_to_within_one(weights, count, turn):
    weights = np.array(weights)
    counts = allot(weights, count, turn)
    assert counts.sum() == count
    assert (np.abs(counts - count * weights / weights.sum()) < 1 + 1e-9).all()


@pytest.mark.parametrize("weights", [(1, 3), (1, 1), (1, 2, 7), (0.37, 0.11, 5.2)])
def test_a_run_keeps_the_shares_to_within_a_few(weights):
    weights, drawn = np.array(weights, dtype=float), np.zeros(len(weights))
    for step in range(1, 10_001):
        drawn += allot(weights, 8, step * STEP_TURN % 1.0)
        assert (np.abs(drawn - 8 * step * weights / weights.sum()) < 3).all()


def _samplers(*folders: Path) -> list[ChunkSampler]:
    caches = [open_frame_cache(folder) for folder in folders]
    return [ChunkSampler(cache, np.arange(len(cache.files)), 4) for cache in caches]


def test_what_is_drawn_follows_from_the_key_alone(base, corrections):
    mixture = Mixture(_samplers(base, corrections), (1, 3))
    keys = [(7, step, 0) for step in range(1, 7)]
    first = [mixture.draw(8, key) for key in keys]
    again = [mixture.draw(8, key) for key in reversed(keys)][::-1]
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.joints, other.joints)
        assert all(torch.equal(a, b) for a, b in zip(one.images, other.images, strict=True))
    for batch in first:
        assert int((batch.joints > 5).all(1).sum()) == 6, "of 8 samples, three quarters"
    assert not torch.equal(first[0].joints, first[1].joints)


@pytest.mark.parametrize("weights", [(1,), (1, 3)])
@pytest.mark.parametrize("of", [2, 3])
def test_processes_share_what_one_would_draw(base, corrections, weights, of):
    mixture = Mixture(_samplers(*(base, corrections)[: len(weights)]), weights)
    for step in range(1, 5):
        alone = mixture.draw(4 * of, (7, step, 0)).joints
        parts = [mixture.draw(4, (7, step, 0), Part(i, of)).joints for i in range(of)]
        assert [len(part) for part in parts] == [4] * of
        assert sorted(torch.cat(parts).tolist()) == sorted(alone.tolist())


def test_one_dataset_is_drawn_from_as_ever(base):
    (sampler,) = _samplers(base)
    for key in ((0, 1), (0, 1, 0), (3, 17, 2)):
        assert torch.equal(
            Mixture([sampler], (5,)).draw(6, key).joints, sampler.draw(6, key).joints
        )


def test_the_moments_of_a_mixture_are_those_of_what_is_drawn():
    rng = np.random.default_rng(0)
    few, many = rng.normal(0, 1, (10, 3)), rng.normal(5, 2, (70, 3))
    drawn = np.concatenate([np.repeat(few, 21, axis=0), many])  # 210 of 280 are of the few
    mixed = mix_moments([few, many], (3, 1))
    np.testing.assert_allclose(mixed, compute_moments(drawn), rtol=1e-6)


def test_a_run_of_two_goes_on_and_its_bundle_says_of_what(options, tmp_path, caplog):
    with caplog.at_level("INFO"):
        train(options)
    assert "base: 3 episodes (+1 held out), 25.0% of the samples" in caplog.text
    halves = dataclasses.replace(options, out=tmp_path / "halves", stop_after=2)
    train(halves)
    moved = tmp_path / "moved"
    (tmp_path / "corrections").rename(moved)
    with pytest.raises(ConfigurationError, match=r"is not at .*corrections: say where it is"):
        train(TrainOptions(resume=halves.out))
    with pytest.raises(ConfigurationError, match=r"keeps its weights, and corrections has 3 in it"):
        train(TrainOptions(data=(Path(f"{moved}:2"), tmp_path / "base"), resume=halves.out))
    with pytest.raises(ConfigurationError, match=r"is not the one that this run was started with"):
        train(TrainOptions(data=(tmp_path / "base",), resume=halves.out))
    train(TrainOptions(data=(moved, tmp_path / "base"), resume=halves.out))
    assert read_log(options.out) == read_log(halves.out)

    first, second = (load_checkpoint(run) for run in (options.out, halves.out))
    for name, tensor in first.policy.state_dict().items():
        assert torch.equal(tensor, second.policy.state_dict()[name]), name
    assert [(d.data, d.weight) for d in first.config.datasets] == [
        ("../base", 1.0), ("../corrections", 3.0),
    ]  # fmt: skip

    with pytest.raises(
        ConfigurationError, match=r"--data has 1 folders, .* 2 datasets: base, corr"
    ):
        export(ExportOptions(options.out, tmp_path / "bundle", data=(moved,), fast=False))
    data = (tmp_path / "base", moved)
    export(ExportOptions(options.out, tmp_path / "bundle", data=data, fast=False))
    spec = read_bundle(tmp_path / "bundle").spec
    said = spec.provenance["datasets"]
    hashes = [open_frame_cache(folder).sha256 for folder in data]
    assert [(d["name"], d["sha256"], d["weight"], d["episodes"]) for d in said] == [
        ("base", hashes[0], 1.0, 3), ("corrections", hashes[1], 3.0, 2),
    ]  # fmt: skip
    assert spec.start is not None
    assert spec.start.upper[0] > 5 > spec.start.lower[0], "the starts of both"

    for policy in (options.out, tmp_path / "bundle"):
        for dataset in first.config.datasets:
            assert held_out(policy, tmp_path / dataset.name) == dataset.validation_episodes


def test_validation_weighs_the_datasets(options):
    """With a learning rate of 0 the policy is the same in three runs: one on both, one on each."""
    still = dataclasses.replace(options.training, lr=0.0, lr_backbone=0.0, validation_batches=50)
    both = train(dataclasses.replace(options, training=still))
    l1 = {}
    for option in options.data:
        folder, _ = parse_source(option)
        alone = dataclasses.replace(
            options, data=(folder,), out=options.out / folder.name, weights=both, training=still
        )
        l1[folder.name] = read_log(train(alone))[-1]["validation_l1"]
    mixed = read_log(both)[-1]["validation_l1"]
    assert mixed == pytest.approx((l1["base"] + 3 * l1["corrections"]) / 4)
    assert l1["base"] != pytest.approx(l1["corrections"])


def test_what_does_not_go_together_is_refused(options, base, corrections, make_episode, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(base, copied)
    inner = base / "inner"
    shutil.copytree(corrections, inner)
    other = tmp_path / "other"
    other.mkdir()
    for seed in range(2):
        episode = make_episode(seed)
        features = dataclasses.replace(episode.features, rate_hz=10.0)
        write_episode(episode_path(other, seed), dataclasses.replace(episode, features=features))
    for data, text in (
        ((base, base), "are the same dataset: name it once, with one weight"),
        ((base, inner), r"inner is a part of .*base: move it out"),
        ((inner, base), r"inner is a part of .*base: move it out"),
        ((corrections, inner), "are the same dataset"),
    ):
        with pytest.raises(ConfigurationError, match=text):
            train(dataclasses.replace(options, data=data))
    with pytest.raises(DatasetError, match=r"other does not fit .*corrections: rate_hz: 10.0 inst"):
        train(dataclasses.replace(options, data=(corrections, other)))
    assert not options.out.exists()


def test_a_dataset_of_one_episode_is_all_trained_on(options, base, make_episode, tmp_path):
    one = tmp_path / "one"
    one.mkdir()
    write_episode(episode_path(one, 0), make_episode(50))
    train(dataclasses.replace(options, data=(base, one)))
    datasets = load_checkpoint(options.out).config.datasets
    assert [len(d.validation_episodes) for d in datasets] == [1, 0]


def test_checkpoints_of_one_dataset_of_old_are_read(options, base):
    train(dataclasses.replace(options, data=(base,), stop_after=2))
    path = options.out / "last" / "config.json"
    config = json.loads(path.read_text())
    (dataset,) = config.pop("datasets")
    old = {
        ("dataset_sha256" if name == "sha256" else name): value for name, value in dataset.items()
    }
    del old["weight"]
    path.write_text(json.dumps({**config, **old}))
    assert load_checkpoint(options.out).config.datasets[0].data == "../base"
    train(TrainOptions(resume=options.out))
    assert load_checkpoint(options.out).step == 4


def test_the_command(base, corrections, tmp_path):
    options = ["--preset", "debug", "--training.steps", "1", "--training.precision", "fp32"]
    main([*options, "--data", f"{base}:1", f"{corrections}:3", "--out", str(tmp_path / "run")])
    assert [d.weight for d in load_checkpoint(tmp_path / "run").config.datasets] == [1.0, 3.0]
    with pytest.raises(SystemExit, match="the weight is 'many', expected a number above 0"):
        main([*options, "--data", f"{base}:many", "--out", str(tmp_path / "second")])
