"""Any bytes in a file of ours give what was written, or the one declared error."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from act_core.errors import ConfigurationError
from act_core.files import read_json
from act_training.checkpoint import load_checkpoint, load_training_state
from act_training.config import TrainingConfig
from act_training.datasets.episode_file import episode_path, read_episode, write_episode
from act_training.datasets.hdf5_source import demo_places
from act_training.evaluation_record import condition_record, read_rows, write_record
from act_training.train import TrainOptions, train
from act_training.training_log import read_log
from safetensors.torch import load_file, save_file

from tests.exploring import EXPLORING, SEED

EXAMPLES = 400 if EXPLORING else 40
SLOW = ("weights", "state")  # torch reads them
MEMORY = 200 << 20  # bytes that a reader of these files of some 100 kB may ask Python for


@pytest.fixture(scope="module")
def run(tmp_path_factory, make_episode, tiny) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "data").mkdir()
    for seed in range(2):
        write_episode(episode_path(folder / "data", seed), make_episode(seed))
    training = TrainingConfig(steps=1, batch_size=2, precision="fp32", validation_batches=1)
    options = TrainOptions((folder / "data",), folder / "run", model=tiny, training=training)
    train(options)
    results = [{"seed": 1, "success": True, "steps": 3, "distance_m": 0.1, "grasped": None}]
    record = {"name": "a", "variant": "fp32", "env": "b", "seeds": [1, 1],
              "conditions": [condition_record("c", results)]}  # fmt: skip
    write_record(folder / "evaluation", record)
    return folder


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "episode": ("data/episode_000000.hdf5", read_episode),
    "weights": ("run/final/model.safetensors", lambda path: load_checkpoint(path.parent)),
    "config": ("run/final/config.json", lambda path: load_checkpoint(path.parent)),
    "state": ("run/last/training_state.pt", lambda path: load_training_state(path.parent)),
    "record": ("evaluation/evaluation.json", lambda path: read_rows(path.parent)),
    "log": ("run/log.jsonl", lambda path: read_log(path.parent)),
    "json": ("run/final/config.json", read_json),
}


def mutations(content: bytes, rng: np.random.Generator) -> bytes:
    """One of: bytes flipped, cut off, zeroed, doubled, put in; numbers of a text made extreme."""
    changed = bytearray(content)
    place = int(rng.integers(len(changed)))
    kind = rng.integers(7)
    if kind == 0:
        for _ in range(int(rng.integers(1, 9))):
            changed[rng.integers(len(changed))] = rng.integers(256)
    elif kind == 1:
        del changed[place:]
    elif kind == 2:
        size = int(rng.integers(1, 200))
        changed[place : place + size] = bytes(len(changed[place : place + size]))
    elif kind == 3:
        changed[place:place] = rng.bytes(int(rng.integers(1, 50)))
    elif kind == 4:
        changed[place : place + 8] = b"\xff" * 8
    elif kind == 5:
        del changed[place : place + int(rng.integers(1, 100))]
    else:
        digits = [i for i, byte in enumerate(changed) if byte in b"0123456789"]
        values = (b"1e30", b"-1", b"99999999999", b"null", b'"x"', b"[]", b"NaN", b"0")
        if digits:
            place = digits[rng.integers(len(digits))]
            changed[place : place + 1] = values[rng.integers(len(values))]
    return bytes(changed)


@pytest.mark.parametrize("name", READERS)
def test_any_bytes(run, tmp_path, name):
    place, reader = READERS[name]
    folder = tmp_path / "copy"
    shutil.copytree(run, folder)
    path = folder / place
    content = path.read_bytes()
    rng = np.random.default_rng(SEED)
    for number in range(EXAMPLES if name not in SLOW else EXAMPLES // 3):
        path.write_bytes(mutations(content, rng))
        said = path.name
        tracemalloc.start()
        try:
            reader(path)
        except ConfigurationError as error:
            said = str(error)
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert path.name in said or str(path.parent) in said, (SEED, number)
        assert peak < MEMORY, (SEED, number)


@pytest.mark.parametrize(
    "change",
    [
        {"chunk_size": 10**9},
        {"dim_model": 4 * 10**9, "n_heads": 1},
        {"n_encoder_layers": 10**9},
        {"dim_feedforward": 10**12},
        {"backbone_width": 10**7},
        {"latent_dim": 10**10},
        {"dropout": 3.0},
        {"chunk_size": "4"},
        {"chunk_size": True},
        {"nobody": 1},
        {"backbone_norm": "none"},
    ],
)
def test_no_configuration_makes_a_network_larger_than_its_weights(run, tmp_path, change):
    folder = tmp_path / "final"
    shutil.copytree(run / "run/final", folder)
    config = json.loads((folder / "config.json").read_text())
    config["model"] |= change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigurationError, match=r"config.json"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    "change",
    [{"height": 10**9}, {"width": 10**6}, {"height": 0}, {"height": "16"}, {"height": 1.5}],
)
def test_no_camera_is_larger_than_a_camera(run, tmp_path, change):
    folder = tmp_path / "final"
    shutil.copytree(run / "run/final", folder)
    config = json.loads((folder / "config.json").read_text())
    config["features"]["cameras"][0] |= change
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigurationError, match=r"config.json is damaged or of another version"):
        load_checkpoint(folder)


def test_weights_of_other_types_and_names(run, tmp_path):
    folder = tmp_path / "final"
    shutil.copytree(run / "run/final", folder)
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "more": torch.zeros(3)}, folder / "model.safetensors")
    with pytest.raises(ConfigurationError, match=r"more is float32 \(3,\), expected missing"):
        load_checkpoint(folder)
    del tensors["act.action_head.bias"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ConfigurationError, match=r"action_head.bias is missing, expected float32"):
        load_checkpoint(folder)


def free_of_no_length(heap: bytearray) -> None:
    """A page of zeros over the texts: an object without length, which is followed by itself."""
    heap[64:] = bytes(len(heap) - 64)


def text_of_every_length(heap: bytearray) -> None:
    """With its head, such a length comes to 0 in 64 bits."""
    heap[16 + 8 : 16 + 16] = (2**64 - 16).to_bytes(8, "little")


@pytest.mark.parametrize("damage", [free_of_no_length, text_of_every_length])
def test_no_damage_of_the_texts_makes_the_library_read_for_ever(run, tmp_path, damage):
    """HDF5 keeps texts in a heap ("GCOL") and follows its objects to no end. Found by exploring:
    the process was deaf to Ctrl-C."""
    ours, theirs = tmp_path / "episode_000000.hdf5", tmp_path / "demos.hdf5"
    shutil.copy(run / "data/episode_000000.hdf5", ours)
    with h5py.File(theirs, "w") as file:
        file.attrs["joint_names"] = ["a", "b"]
        for name in ("actions", "joints"):
            file[f"demo_0/{name}"] = np.zeros((3, 2))
        file["demo_0/images/front"] = np.zeros((3, 8, 8, 3), np.uint8)
    readers = {ours: lambda: read_episode(ours), theirs: lambda: demo_places(theirs)}
    for path, read in readers.items():
        read()  # once it is whole; what is known of it then does not hold
        content = bytearray(path.read_bytes())
        start = content.index(b"GCOL")
        end = start + int.from_bytes(content[start + 8 : start + 16], "little")
        heap = content[start:end]
        damage(heap)
        content[start:end] = heap
        path.write_bytes(content)
        with pytest.raises(
            ConfigurationError, match=rf"{path.name}.* damaged at byte {start}, whe"
        ):
            read()


class Attack:
    """What a pickle may do that is loaded without care."""

    def __reduce__(self):
        return (os.system, ("touch attacked",))


def test_a_state_that_is_a_program_is_not_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"optimizer": Attack(), "best": (0, 0), "recent": []}, "training_state.pt")
    with pytest.raises(ConfigurationError, match=r"training_state.pt is damaged"):
        load_training_state(tmp_path)
    assert not (tmp_path / "attacked").exists()


def huge(file: h5py.File) -> None:
    del file["action"]
    file.create_dataset("action", (10**15, 2), np.float32, chunks=(1000, 2))


def outside(file: h5py.File) -> None:
    del file["action"]
    file["action"] = h5py.ExternalLink("/etc/passwd", "action")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (huge, "'/action' has the shape|'/action' .*claims|'/action' .*memory|'/action' has 0 of"),
        (outside, "is a link to the file '/etc/passwd'"),
        (lambda file: file.attrs.__setitem__("rate_hz", float("nan")), "rate_hz is nan"),
        (lambda file: file.attrs.__setitem__("rate_hz", "fast"), "could not convert"),
        (lambda file: file.attrs.__setitem__("camera_names", 3), "not an episode"),
        (lambda file: file.__delitem__("stamps_ns"), "there is no 'stamps_ns' in it"),
        (lambda file: file.__delitem__("observations/images/front"), "there is no 'observations/i"),
    ],
)
def test_an_episode_that_claims_what_it_does_not_hold(run, tmp_path, change, text):
    path = tmp_path / "episode_000000.hdf5"
    shutil.copy(run / "data/episode_000000.hdf5", path)
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(ConfigurationError, match=rf"episode_000000.hdf5.*({text})"):
        read_episode(path)


def test_a_placement_that_is_not_finite(make_episode):
    with pytest.raises(ConfigurationError, match="placement holds values that are not finite"):
        dataclasses.replace(make_episode(0), placement={"x": float("nan")})
