from __future__ import annotations

import dataclasses
import errno
import zlib

import h5py
import numpy as np
import pytest
from act_training.datasets import episode_file
from act_training.datasets.episode_file import (
    episode_files,
    episode_path,
    read_episode,
    read_first_image,
    write_episode,
)
from act_training.datasets.errors import DatasetError


def test_an_episode_survives_the_round_trip(tmp_path, make_episode):
    path = episode_path(tmp_path, 7)
    velocities = np.ones((12, 3), np.float32)
    episode = make_episode(7, joint_velocities=velocities, simulated=True, begun_by="toy")
    write_episode(path, episode)
    assert path.name == "episode_000007.hdf5"
    read = read_episode(path)
    for name in ("features", "task", "seed", "success", "placement", "simulated", "begun_by"):
        assert getattr(read, name) == getattr(episode, name)
    for name in ("joints", "actions", "stamps_ns", "joint_velocities"):
        np.testing.assert_array_equal(getattr(read, name), getattr(episode, name))
    for name, images in episode.images.items():
        np.testing.assert_array_equal(read.images[name], images)
    np.testing.assert_array_equal(read_first_image(path, "wrist"), episode.images["wrist"][0])
    assert read_episode(path, with_images=False).images == {}


def test_the_layout_is_the_one_of_the_original_act(tmp_path, make_episode):
    write_episode(tmp_path / "e.hdf5", make_episode(0))
    with h5py.File(tmp_path / "e.hdf5") as file:
        assert file["action"].shape == (12, 2)
        assert file["observations/qpos"].shape == (12, 3)
        assert file["observations/images/front"].shape == (12, 16, 24, 3)
        assert not file.attrs["sim"]


def test_an_unjudged_episode_stays_unjudged(tmp_path, make_episode):
    write_episode(tmp_path / "e.hdf5", make_episode(0, success=None))
    assert read_episode(tmp_path / "e.hdf5").success is None


def test_a_full_disk_leaves_no_file(tmp_path, make_episode, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(episode_file.os, "replace", full)
    with pytest.raises(OSError, match=r"could not be written .*earlier episodes are whole"):
        write_episode(tmp_path / "episode_000000.hdf5", make_episode(0))
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_file_is_named(tmp_path, make_episode):
    path = tmp_path / "episode_000000.hdf5"
    write_episode(path, make_episode(0))
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(DatasetError, match=r"episode_000000.hdf5 cannot be read .*truncated"):
        read_episode(path)


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (lambda row: zlib.compress(row)[:-9], "row 2 of .* does not end where it should"),
        (lambda row: zlib.compress(row[:-1]), r"row 2 of .* has \d+ bytes, expected \d+"),
        (lambda row: zlib.compress(row + b"12"), "row 2 of .* does not end where it should"),
        (lambda row: zlib.compress(row)[:-1] + b"!", "cannot be unpacked .*incorrect data check"),
        (lambda row: b"rubbish", "cannot be unpacked"),
    ],
)
def test_an_image_that_is_not_whole_is_named(tmp_path, make_episode, packed, why):
    path = episode_path(tmp_path, 0)
    episode = make_episode(0)
    write_episode(path, episode)
    with h5py.File(path, "r+") as file:
        images = file["observations/images/wrist"]
        row = episode.images["wrist"][2].tobytes()
        images.id.write_direct_chunk((2, 0, 0, 0), packed(row))
    with pytest.raises(DatasetError, match=f"{path} cannot be read .*{why}"):
        read_episode(path)


def test_an_image_that_was_left_unpacked_is_read(tmp_path, make_episode):
    path = episode_path(tmp_path, 0)
    episode = make_episode(0)
    write_episode(path, episode)
    with h5py.File(path, "r+") as file:
        row = episode.images["wrist"][2].tobytes()
        file["observations/images/wrist"].id.write_direct_chunk((2, 0, 0, 0), row, filter_mask=1)
    np.testing.assert_array_equal(read_episode(path).images["wrist"], episode.images["wrist"])


def test_a_foreign_file_is_named(tmp_path):
    with h5py.File(tmp_path / "e.hdf5", "w") as file:
        file["action"] = np.zeros((3, 2))
    with pytest.raises(DatasetError, match=r"e.hdf5: format is None version None, expected 'act-"):
        read_episode(tmp_path / "e.hdf5")


def test_a_missing_part_is_named(tmp_path, make_episode):
    write_episode(tmp_path / "e.hdf5", make_episode(0))
    with h5py.File(tmp_path / "e.hdf5", "a") as file:
        del file["action"]
    with pytest.raises(DatasetError, match=r"e.hdf5 is not an episode .*action"):
        read_episode(tmp_path / "e.hdf5")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"actions": np.zeros((12, 5), np.float32)}, r"actions have shape \(12, 5\)"),
        ({"joints": np.full((12, 3), np.nan, np.float32)}, r"joints hold values that are not fin"),
        ({"images": {"front": np.zeros((12, 16, 24, 3), np.uint8)}}, r"no images of camera 'wrist"),
    ],
)
def test_inconsistent_episodes_are_refused(make_episode, changes, message):
    with pytest.raises(DatasetError, match=message):
        dataclasses.replace(make_episode(0), **changes)


def test_an_empty_folder_is_no_dataset(tmp_path):
    with pytest.raises(DatasetError, match=r"is not a dataset: it holds no episode_\*.hdf5"):
        episode_files(tmp_path)
    with pytest.raises(DatasetError, match=r"is not a dataset: there is no such folder"):
        episode_files(tmp_path / "none")
