from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import textwrap
import zlib

import numpy as np
import pytest
from act_training.datasets import frame_cache
from act_training.datasets.downscale import downscale_images
from act_training.datasets.episode_file import episode_path, write_episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.frame_cache import open_frame_cache
from act_training.datasets.starts import check_starts_vary


def test_the_cache_holds_every_frame(dataset, make_episode):
    cache = open_frame_cache(dataset)
    assert cache.starts.tolist() == [0, 10, 21, 33, 46]
    episode = make_episode(2, steps=12)
    np.testing.assert_array_equal(cache.joints[21:33], episode.joints)
    np.testing.assert_array_equal(cache.actions[21:33], episode.actions)
    np.testing.assert_array_equal(cache.images["wrist"][21:33], episode.images["wrist"])
    assert isinstance(cache.images["wrist"], np.memmap)
    assert cache.frames(np.array([0, 2])).tolist() == [*range(10), *range(21, 33)]
    assert cache.placements.shape == (4, 2)
    assert cache.task == "toy"


def test_the_cache_is_built_once(dataset, monkeypatch):
    first = open_frame_cache(dataset)
    monkeypatch.setattr(frame_cache, "_build", None)
    assert open_frame_cache(dataset).sha256 == first.sha256


@pytest.mark.parametrize("name", ["images_front", "images_wrist", "joints", "actions"])
@pytest.mark.parametrize("start", [0.3, 0.99])
def test_what_a_crash_has_zeroed_is_built_anew(dataset, caplog, name, start):
    """A quarter of a file, or its last bytes, that never reached the disk: its size is right."""
    before = open_frame_cache(dataset)
    front = np.array(before.images["front"])
    path = dataset / ".frame_cache_1" / f"{name}.npy"
    content = bytearray(path.read_bytes())
    first = int(len(content) * start)
    end = min(len(content), first + len(content) // 4)
    content[first:end] = bytes(end - first)
    path.write_bytes(content)
    after = open_frame_cache(dataset)
    assert f"is damaged and is built anew: {name}.npy does not hold what was written" in caplog.text
    np.testing.assert_array_equal(after.images["front"], front)
    np.testing.assert_array_equal(after.actions, before.actions)


@pytest.mark.parametrize(
    "harm",
    [
        lambda cache: (cache / "images_wrist.npy").unlink(),
        lambda cache: (cache / "images_wrist.npy").write_bytes(b""),
        lambda cache: (cache / "joints.npy").write_bytes(b"\x93NUMPY garbage"),
        lambda cache: np.save(cache / "joints.npy", np.zeros((46, 4), np.float32)),
        lambda cache: np.save(cache / "joints.npy", np.array([{}], object), allow_pickle=True),
        lambda cache: (cache / "cache.json").write_text("{"),
        lambda cache: (cache / "cache.json").write_text("[]"),
        lambda cache: change_meta(cache, starts=[0, 10**18]),
        lambda cache: change_meta(cache, starts=[]),
        lambda cache: change_meta(cache, starts="x"),
        lambda cache: change_meta(cache, checksums={}),
        lambda cache: change_meta(cache, placements=[[1.0]] * 3),
        lambda cache: change_meta(cache, features={}),
    ],
)
def test_any_damage_is_built_anew(dataset, harm):
    before = open_frame_cache(dataset)
    wrist = np.array(before.images["wrist"])
    harm(dataset / ".frame_cache_1")
    after = open_frame_cache(dataset)
    assert after.sha256 == before.sha256
    np.testing.assert_array_equal(after.images["wrist"], wrist)
    np.testing.assert_array_equal(after.placements, before.placements)


def change_meta(cache, **values):
    path = cache / "cache.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_many_processes_on_one_cache(dataset):
    """One builds it, the others wait; all read every frame as it was recorded."""
    code = """
        import sys, zlib
        from pathlib import Path
        from act_training.datasets.frame_cache import open_frame_cache
        cache = open_frame_cache(Path(sys.argv[1]))
        print(cache.sha256, zlib.crc32(cache.images["front"]))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(dataset)]
    paths = os.pathsep.join(sys.path)
    children = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
        for _ in range(4)
    ]  # fmt: skip
    said = [child.communicate() for child in children]
    mine = open_frame_cache(dataset)
    expected = f"{mine.sha256} {zlib.crc32(mine.images['front'])}\n"
    assert [out for out, _ in said] == [expected] * 4, said
    assert sum("100%" in errors for _, errors in said) == 1  # of the bar that shows the decoding
    assert {p.name for p in dataset.iterdir() if p.name.startswith(".")} == {".frame_cache_1"}


def test_a_cache_that_nobody_may_write_is_read(dataset):
    """A dataset on a disc that is read-only, with its cache."""
    before = open_frame_cache(dataset)
    dataset.chmod(0o555)
    try:
        assert open_frame_cache(dataset).sha256 == before.sha256
    finally:
        dataset.chmod(0o755)


def test_the_cache_follows_its_dataset(dataset, make_episode):
    first = open_frame_cache(dataset)
    write_episode(episode_path(dataset, 9), make_episode(9, steps=5))
    second = open_frame_cache(dataset)
    assert len(second.joints) == len(first.joints) + 5
    assert second.sha256 != first.sha256


def test_episodes_in_sub_folders_belong_to_the_dataset(dataset, make_episode):
    before = open_frame_cache(dataset)
    (dataset / "more").mkdir()
    write_episode(episode_path(dataset / "more", 0), make_episode(7, steps=5))
    cache = open_frame_cache(dataset)
    assert set(cache.files) == {*before.files, "more/episode_000000.hdf5"}
    assert len(cache.joints) == len(before.joints) + 5


def test_the_hash_is_of_the_content(dataset):
    """Renaming and touching files changes nothing; one image value does."""
    first = open_frame_cache(dataset).sha256
    episode_path(dataset, 3).rename(episode_path(dataset, 5))
    assert open_frame_cache(dataset).sha256 == first


def test_downscaled_cache(dataset, make_episode):
    cache = open_frame_cache(dataset, 2)
    assert cache.images["front"].shape == (46, 8, 12, 3)
    np.testing.assert_array_equal(
        cache.images["front"][:10], downscale_images(make_episode(0, 10).images["front"], 2)
    )
    assert cache.features.cameras[0].height == 16


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate_hz": 30.0}, r"rate_hz: 30.0 instead of 20.0"),
        ({"joints": ("elbow", "shoulder", "gripper")}, r"joints: \('elbow', .* instead of"),
    ],
)
def test_mixed_datasets_are_refused(dataset, make_episode, features, change, message):
    other = make_episode(8, features=dataclasses.replace(features, **change))
    write_episode(episode_path(dataset, 8), other)
    with pytest.raises(DatasetError, match=rf"episode_000008.hdf5 does not fit .*{message}"):
        open_frame_cache(dataset)


def test_a_missing_camera_is_refused(dataset, make_episode, features):
    lacking = dataclasses.replace(features, cameras=features.cameras[:1])
    write_episode(episode_path(dataset, 8), make_episode(8, features=lacking))
    with pytest.raises(DatasetError, match=r"episode_000008.hdf5 does not fit .*cameras"):
        open_frame_cache(dataset)


def test_a_full_disk_is_noticed_before_it_kills(dataset, monkeypatch):
    monkeypatch.setattr(
        frame_cache.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})
    )
    with pytest.raises(OSError, match=r"decoded frames need 0.0 GB, but .* make room"):
        open_frame_cache(dataset)


def check(folder):
    cache = open_frame_cache(folder)
    check_starts_vary(cache.placements, cache.joints[cache.starts[:-1]])


def test_varied_starts_are_accepted(dataset):
    check(dataset)


def test_one_frozen_placement_is_refused(tmp_path, make_episode):
    for seed in range(3):
        episode = make_episode(seed, placement={"cube_x": 0.1, "cube_y": 0.2 + seed * 1e-17})
        write_episode(episode_path(tmp_path, seed), episode)
    with pytest.raises(DatasetError, match=r"all 3 episodes .* share one placement .*0.1 0.2"):
        check(tmp_path)


def test_without_placements_the_starting_poses_must_vary(tmp_path, make_episode):
    for seed in range(2):  # both start from zero
        write_episode(episode_path(tmp_path, seed), make_episode(seed, placement={}))
    with pytest.raises(DatasetError, match=r"share one starting pose .*--allow-identical-starts"):
        check(tmp_path)


def test_episodes_with_and_without_placements_mix(dataset, make_episode):
    write_episode(episode_path(dataset, 8), make_episode(8, placement={}))
    assert open_frame_cache(dataset).placements.shape == (5, 0)
