"""Folders that are elsewhere, read through fsspec (here its file system in memory)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from act_core.errors import ConfigurationError
from act_training.checkpoint import load_checkpoint
from act_training.cli import CommandError
from act_training.config import TrainingConfig
from act_training.datasets.frame_cache import open_frame_cache
from act_training.datasets.mixture import parse_source
from act_training.hub import address, is_address, on_disk
from act_training.remote_files import copy_of
from act_training.sharing import shared_path
from act_training.train import TrainOptions, train


@pytest.fixture
def bucket(dataset, monkeypatch, tmp_path):
    """The example dataset at memory://bucket/data."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    system = fsspec.filesystem("memory")
    for path in dataset.iterdir():
        system.pipe_file(f"/bucket/data/{path.name}", path.read_bytes())
    system.pipe_file("/bucket/data2/not_of_it", b"")
    yield system
    system.rm("/bucket", recursive=True)


def test_an_option_may_be_an_address():
    for text in ("s3://bucket/data", "gs://bucket/a/b", "sftp://host:22/data", "hf://me/data"):
        assert is_address(Path(text))
        assert address(Path(text)) == text
        assert shared_path(Path(text), Path.cwd()) == text
    assert parse_source(Path("s3://bucket/data:3")) == (Path("s3://bucket/data"), 3.0)
    assert not any(map(is_address, (Path(), Path("data"), Path("/d"), Path("a:b/c"), Path("c:/d"))))


def test_a_dataset_is_copied_once_and_what_changes_again(bucket, dataset, monkeypatch):
    folder = on_disk(Path("memory://bucket/data"), "dataset")
    assert open_frame_cache(folder).sha256 == open_frame_cache(dataset).sha256
    copied = []
    get_file = bucket.get_file
    monkeypatch.setattr(
        type(bucket), "get_file", lambda _, path, to: copied.append(path) or get_file(path, to)
    )
    assert on_disk(Path("memory://bucket/data"), "dataset") == folder
    assert copied == []
    first, second = sorted(path.name for path in dataset.glob("*.hdf5"))[:2]
    bucket.pipe_file(f"/bucket/data/{first}", (dataset / second).read_bytes())
    bucket.rm(f"/bucket/data/{second}")
    copy_of("memory://bucket/data")
    assert copied == [f"/bucket/data/{first}"]
    assert (folder / first).read_bytes() == (dataset / second).read_bytes()
    assert not (folder / second).exists()


def test_a_copy_that_broke_off_goes_on(bucket, monkeypatch, tmp_path):
    copied = []
    get_file = bucket.get_file

    def break_off(_, path, to):
        if len(copied) == 2:
            raise TimeoutError("no answer")
        copied.append(path)
        get_file(path, to)

    with monkeypatch.context() as patched:
        patched.setattr(type(bucket), "get_file", break_off)
        with pytest.raises(CommandError, match=r"memory://bucket/data could not be read \(no answ"):
            copy_of("memory://bucket/data")
        copied.append("the network is there again")
        folder = copy_of("memory://bucket/data")
    assert len(copied) == len(set(copied)) == 5
    assert len(list(folder.glob("*.hdf5"))) == 4


def test_a_run_remembers_the_address(bucket, tiny, tmp_path):
    training = TrainingConfig(steps=2, batch_size=2, precision="fp32", validation_batches=1)
    run = train(
        TrainOptions(
            data=(Path("memory://bucket/data"),), out=tmp_path / "run", stop_after=1, model=tiny,
            training=training,
        )
    )  # fmt: skip
    assert load_checkpoint(run).config.datasets[0].data == "memory://bucket/data"
    assert load_checkpoint(train(replace(TrainOptions(), resume=run))).step == 2


def test_what_cannot_be_read(bucket, tmp_path):
    bucket.pipe_file("/bucket/odd/../x", b"")
    for text, said in (
        ("memory://nobody/here", "no folder with files at memory://nobody/here"),
        ("memory://bucket/data2/not_of_it", "no folder with files at"),
        ("memory://bucket/odd", r"holds a file with the name '\.\./x'"),
        ("nosuch://bucket/data", "nosuch://bucket/data: .*[Pp]rotocol"),
        ("sftp://me:secret@host/data", "an address with a password is refused"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            copy_of(text, tmp_path / "copies")
