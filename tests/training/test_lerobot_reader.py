"""LeRobotDataset folders made by hand, v2.1 and v3.0, and what is read from them."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from act_core.robots.so101 import JOINT_NAMES
from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.reader import LerobotSource
from act_training.datasets.lerobot.so101_units import so101_units
from act_training.datasets.source import Declared
from act_training.features import Camera, Features
from PIL import Image

from tests.training.lerobot_folders import (
    KEY,
    LENGTHS,
    RATE_HZ,
    edit_info,
    edit_table,
    level,
    rows,
    value,
)


def test_hand_made_datasets_are_read(made):
    source = LerobotSource(made, Declared(units="m"))
    assert source.names == ["episode 0", "episode 1"]
    for e in (1, 0):
        episode = source.read(e)
        frames = range(LENGTHS[e])
        assert episode.features == Features(
            ("x", "y"), ("m",) * 2, ("action_0", "action_1"), ("m",) * 2,
            (Camera("front", 32, 48),), float(RATE_HZ),
        )  # fmt: skip
        np.testing.assert_array_equal(episode.joints, np.float32([value(e, f) for f in frames]))
        np.testing.assert_array_equal(
            episode.actions, np.float32([value(e, f + 1) for f in frames])
        )
        assert episode.stamps_ns.tolist() == [f * 100_000_000 for f in frames]
        grey = episode.images["front"].mean(axis=(1, 2, 3))
        np.testing.assert_allclose(grey, [level(e, f) for f in frames], atol=2.5)
        assert (episode.seed, episode.success) == (e, None)
    assert episode.task == "push"
    assert source.notes == []


def test_what_nobody_says_is_unknown(made):
    source = LerobotSource(made, Declared(task="shove", joints=("a", "b")))
    assert source.read(0).task == "shove"
    assert source.features.actions == ("a", "b")
    assert set(source.features.joint_units) == {"unknown"}
    assert source.warnings == [
        "nothing says in which units the values are: name them with --units, or no robot can run "
        "what is trained on them"
    ]


def test_images_inside_the_parquet_files(made_v21, tmp_path):
    """PNG bytes in place of a video; without loss."""
    folder = tmp_path / "images"
    shutil.copytree(made_v21, folder)
    shutil.rmtree(folder / "videos")
    edit_info(folder, lambda i: i["features"][KEY].update(dtype="image"))
    pictures = np.random.default_rng(0).integers(0, 256, (LENGTHS[0], 32, 48, 3), dtype=np.uint8)
    cells = []
    for picture in pictures:
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        cells.append({"bytes": buffer.getvalue(), "path": "frame.png"})
    path = folder / "data/chunk-000/episode_000000.parquet"
    pq.write_table(rows(0).append_column(KEY, pa.array(cells)), path)
    source = LerobotSource(folder, Declared())
    np.testing.assert_array_equal(source.read(0).images["front"], pictures)
    with pytest.raises(DatasetError, match=f"there is no column '{KEY}' with the images"):
        source.read(1)

    cells[2]["bytes"] = cells[2]["bytes"][:60]
    pq.write_table(rows(0).append_column(KEY, pa.array(cells)), path)
    with pytest.raises(DatasetError, match=f"image 2 of '{KEY}' cannot be decoded"):
        LerobotSource(folder, Declared()).read(0)


def test_success_is_read_where_it_is_recorded(made_v21, tmp_path):
    folder = tmp_path / "judged"
    shutil.copytree(made_v21, folder)
    edit_info(folder, lambda i: i["features"].update({"next.success": {"dtype": "bool"}}))
    for e in range(2):
        path = folder / f"data/chunk-000/episode_{e:06d}.parquet"
        done = [e == 1 and f == 3 for f in range(LENGTHS[e])]
        pq.write_table(rows(e).append_column("next.success", pa.array(done)), path)
    source = LerobotSource(folder, Declared())
    assert [source.read(e).success for e in range(2)] == [False, True]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i: i.update(codebase_version="v4.0"), "'v4.0', known: v2.0, v2.1, v3.0"),
        (lambda i: i["features"].pop("action"), "there is no feature 'action', there are: obs"),
        (lambda i: i.pop("fps"), "has no 'fps'"),
        (lambda i: i.update(features=3), "is damaged"),
        (lambda i: i["features"]["action"].update(dtype="bool"), "'action' is bool of shape"),
        (lambda i: i["features"]["action"].update(shape=[1, 2]), r"of shape \[1, 2\], expected a"),
        (lambda i: i["features"]["action"].update(names=["a"]), "2 values but 1 names"),
        (lambda i: i["features"].pop(KEY), "there is no colour camera"),
        (lambda i: i.update(video_path=None), "there is no video_path|has no video_path"),
    ],
)
def test_a_broken_description_is_named(made, change, message):
    edit_info(made, change)
    with pytest.raises(DatasetError, match=message):
        LerobotSource(made, Declared())


def test_contradictions_are_refused(made):
    with pytest.raises(DatasetError, match=r"--rate-hz 30 contradicts .* 10 Hz"):
        LerobotSource(made, Declared(rate_hz=30.0))
    with pytest.raises(DatasetError, match="unknown camera 'frnt'; did you mean 'front'"):
        LerobotSource(made, Declared(cameras=("frnt",)))


def arm_dataset(made: Path, folder: Path, values, names=JOINT_NAMES, suffix=".pos") -> Path:
    """The v2.1 dataset with six values per row, the same in every row, for an SO-101."""
    shutil.copytree(made, folder)

    def describe(content):
        for key in ("observation.state", "action"):
            content["features"][key].update(shape=[6], names=[f"{n}{suffix}" for n in names])

    edit_info(folder, describe)
    for e in range(2):
        path = folder / f"data/chunk-000/episode_{e:06d}.parquet"
        for key in ("observation.state", "action"):
            edit_table(path, key, pa.array([values] * LENGTHS[e], pa.list_(pa.float32(), 6)))
    return folder


def test_units_that_cannot_be_told_must_be_said(made_v21, tmp_path):
    values = [10.0, 20.0, -30.0, 40.0, 50.0, 60.0]
    folder = arm_dataset(made_v21, tmp_path / "arm", values)
    with pytest.raises(DatasetError, match=r"say --units degrees .*, --units percent"):
        LerobotSource(folder, Declared())
    for scheme in ("degrees", "percent"):
        source = LerobotSource(folder, Declared(units=scheme))
        assert set(source.features.joint_units) == {"rad"}
        assert source.features.joints == JOINT_NAMES
        expected = so101_units(scheme).to_rad(np.array([values]))
        np.testing.assert_allclose(source.read(0).joints[:1], expected)
    assert "percentages are of the model's ranges" in source.notes[1]


def test_units_are_found_where_the_files_prove_them(made_v21, tmp_path):
    far = arm_dataset(made_v21, tmp_path / "far", [0.0, 0.0, 0.0, 0.0, 130.0, 50.0])
    source = LerobotSource(far, Declared())
    assert source.notes == ["values of the arm read as degrees, gripper 0..100, turned to rad"]
    old_names = [f"main_{name}" for name in JOINT_NAMES]
    old = arm_dataset(
        made_v21, tmp_path / "old", [0.0, 90.0, 90.0, 0.0, 0.0, 0.0], old_names, suffix=""
    )
    np.testing.assert_allclose(
        LerobotSource(old, Declared()).read(0).joints[0], [0, 0, 0, 0, 0, -0.174533], atol=1e-6
    )
