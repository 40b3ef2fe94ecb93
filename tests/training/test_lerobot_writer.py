"""Our episodes as a LeRobotDataset, and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from act_core.robots.so101 import JOINT_NAMES, SO101_LIMITS
from act_training.datasets.episode_file import Episode, episode_path, read_episode, write_episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.file_series import FileSizes
from act_training.datasets.lerobot.reader import LerobotSource
from act_training.datasets.lerobot.so101_units import so101_units
from act_training.datasets.lerobot.video_writer import VideoWriter
from act_training.datasets.lerobot.writer import LerobotWriter
from act_training.datasets.source import Declared
from act_training.export_lerobot import ExportLerobotOptions, export_lerobot
from act_training.features import Camera, Features

KEY = "observation.images.front"
SMALLEST_PSNR_DB = 36  # of smooth pictures through each codec at the quality that is written


def smooth_pictures(count: int, height: int, width: int, phase: float) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    planes = [
        127 + 100 * np.sin(3 * x / width + 2 * y / height + 0.2 * t + c + phase)
        for t in range(count)
        for c in range(3)
    ]
    stacked = np.stack(planes).reshape(count, 3, height, width)
    return stacked.transpose(0, 2, 3, 1).astype(np.uint8)


def psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    """Of the worst frame."""
    squares = (a.astype(np.float64) - b) ** 2
    return float(10 * np.log10(255**2 / squares.mean(axis=(1, 2, 3)).max()))


def arm_episode(seed: int, steps: int = 7, **changes) -> Episode:
    rng = np.random.default_rng(seed)
    low, high = SO101_LIMITS.lower_rad, SO101_LIMITS.upper_rad
    values = {
        "features": Features(
            JOINT_NAMES, ("rad",) * 6, JOINT_NAMES, ("rad",) * 6,
            (Camera("front", 64, 96), Camera("wrist", 64, 64)), 30.0,
        ),
        "task": "pick" if seed % 2 else "place",
        "seed": 40 + seed,
        "success": [True, False, None][seed % 3],
        "joints": rng.uniform(low, high, (steps, 6)).astype(np.float32),
        "actions": rng.uniform(low, high, (steps, 6)).astype(np.float32),
        "stamps_ns": np.rint(np.arange(steps) * 1e9 / 30).astype(np.int64),
        "images": {
            "front": smooth_pictures(steps, 64, 96, seed),
            "wrist": smooth_pictures(steps, 64, 64, seed + 0.5),
        },
        "placement": {"cube_x": 0.1 * seed},
    }  # fmt: skip
    return Episode(**{**values, **changes})


def write_episodes(folder: Path, episodes: list[Episode]) -> Path:
    folder.mkdir(exist_ok=True)
    for number, episode in enumerate(episodes):
        write_episode(episode_path(folder, number), episode)
    return folder


@pytest.fixture(scope="session")
def ours(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ours")
    return write_episodes(folder, [arm_episode(seed, steps=7 + seed) for seed in range(3)])


def check_same(before: Episode, after: Episode) -> None:
    for name in ("features", "task", "seed", "success", "placement"):
        assert getattr(after, name) == getattr(before, name)
    np.testing.assert_array_equal(after.stamps_ns, before.stamps_ns)
    np.testing.assert_allclose(after.joints, before.joints, atol=5e-7)
    np.testing.assert_allclose(after.actions, before.actions, atol=5e-7)
    for camera, images in before.images.items():
        assert psnr_db(after.images[camera], images) > SMALLEST_PSNR_DB


@pytest.mark.parametrize(
    ("units", "codec"), [("degrees", "libsvtav1"), ("percent", "h264"), ("rad", "hevc")]
)
def test_our_episodes_survive_the_round_trip(ours, tmp_path, units, codec):
    folder = export_lerobot(
        ExportLerobotOptions(ours, tmp_path / "lerobot", units=units, codec=codec)
    )
    source = LerobotSource(folder, Declared())
    assert len(source.names) == 3
    for seed in (2, 0, 1):  # out of order: any episode is found in the shared files
        check_same(read_episode(episode_path(ours, seed)), source.read(seed))
    assert not list(tmp_path.glob(".*partial"))


@pytest.mark.parametrize("codec", ["libsvtav1", "h264", "hevc"])
def test_every_episode_begins_with_a_key_frame(tmp_path, codec):
    """Even after an odd length: a start is never coded as a difference to another episode's end."""
    writer = VideoWriter(tmp_path / "v.mp4", (64, 96), 30, codec, crf=None)
    for phase in range(3):
        writer.add(smooth_pictures(7, 64, 96, phase))
    writer.close()
    with av.open(str(tmp_path / "v.mp4")) as container:
        keys = [frame.key_frame for frame in container.decode(video=0)]
    assert len(keys) == 21
    assert [keys[0], keys[7], keys[14]] == [True] * 3


def test_what_is_written_is_the_format(ours, tmp_path):
    folder = export_lerobot(ExportLerobotOptions(ours, tmp_path / "lerobot", codec="h264"))
    content = json.loads((folder / "meta/info.json").read_text())
    assert (content["codebase_version"], content["fps"]) == ("v3.0", 30)
    assert (content["total_episodes"], content["total_frames"]) == (3, 24)
    assert content["splits"] == {"train": "0:3"}
    assert content["features"]["observation.state"] == {
        "dtype": "float32",
        "shape": [6],
        "names": [f"{name}.pos" for name in JOINT_NAMES],
    }
    camera = content["features"]["observation.images.front"]
    assert (camera["dtype"], camera["shape"]) == ("video", [64, 96, 3])
    assert camera["info"]["video.codec"] == "h264"

    table = pq.read_table(folder / "data/chunk-000/file-000.parquet")
    assert table.schema.field("action").type == pa.list_(pa.float32(), 6)
    assert table["index"].to_pylist() == list(range(24))
    assert table["frame_index"].to_pylist()[:8] == [0, 1, 2, 3, 4, 5, 6, 0]
    assert table["task_index"].to_pylist() == [0] * 7 + [1] * 8 + [0] * 9
    degrees = np.stack(table["action"].to_numpy(zero_copy_only=False))
    expected = so101_units("degrees").from_rad(read_episode(episode_path(ours, 0)).actions)
    np.testing.assert_allclose(degrees[:7], expected, rtol=1e-6)

    tasks = pq.read_table(folder / "meta/tasks.parquet")
    assert tasks.to_pydict() == {"task_index": [0, 1], "task": ["place", "pick"]}
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["task"]

    episodes = pq.read_table(folder / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [e["dataset_from_index"] for e in episodes] == [0, 7, 15]
    assert episodes[1][f"videos/{KEY}/from_timestamp"] == pytest.approx(7 / 30)
    assert np.shape(episodes[0][f"stats/{KEY}/mean"]) == (3, 1, 1)
    stats = json.loads((folder / "meta/stats.json").read_text())
    np.testing.assert_allclose(stats["action"]["mean"], degrees.mean(axis=0), rtol=1e-5)
    assert stats["action"]["count"] == [24]
    assert stats["index"]["max"] == [23]


def test_files_roll_over(tmp_path):
    """Every episode in files of its own, two files to a chunk."""
    folder = tmp_path / "many"
    episodes = [arm_episode(seed) for seed in range(3)]
    sizes = FileSizes(files_per_chunk=2, data_mb=0, video_mb=0)
    with LerobotWriter(
        folder, episodes[0].features, so101_units("degrees"), codec="h264", sizes=sizes
    ) as writer:
        for episode in episodes:
            writer.add(episode)
    names = sorted(str(path.relative_to(folder)) for path in folder.glob("data/*/*"))
    assert names == [
        "data/chunk-000/file-000.parquet",
        "data/chunk-000/file-001.parquet",
        "data/chunk-001/file-000.parquet",
    ]
    source = LerobotSource(folder, Declared())
    for seed in (2, 1, 0):
        check_same(episodes[seed], source.read(seed))


def test_other_robots_keep_their_values(tmp_path, make_episode, features):
    episode = make_episode(3, images={
        camera.name: smooth_pictures(12, camera.height, camera.width, 0)
        for camera in features.cameras
    })  # fmt: skip
    (tmp_path / "toy").mkdir()
    write_episode(episode_path(tmp_path / "toy", 3), episode)
    folder = export_lerobot(
        ExportLerobotOptions(tmp_path / "toy", tmp_path / "lerobot", codec="h264")
    )
    read = LerobotSource(folder, Declared()).read(0)
    assert read.features == features
    np.testing.assert_array_equal(read.joints, episode.joints)
    assert json.loads((folder / "meta/info.json").read_text())["robot_type"] is None


def test_the_dataset_is_believed_about_its_units(ours, tmp_path):
    folder = export_lerobot(ExportLerobotOptions(ours, tmp_path / "lerobot", codec="h264"))
    with pytest.raises(DatasetError, match="its values are 'degrees': leave --units"):
        LerobotSource(folder, Declared(units="percent"))
    sidecar = folder / "meta/act_episodes.json"
    known = json.loads(sidecar.read_text())
    known["episodes"].reverse()  # an episode is found by its values, wherever it is
    del known["episodes"][1]
    sidecar.write_text(json.dumps(known))
    source = LerobotSource(folder, Declared())
    assert [source.read(e).seed for e in (0, 2)] == [40, 42]
    with pytest.raises(DatasetError, match="act-export-lerobot did not write it, so its units"):
        source.read(1)
    del known["episodes"][0]["sha256"]
    sidecar.write_text(json.dumps(known))
    with pytest.raises(DatasetError, match="is of an older release"):
        LerobotSource(folder, Declared())
    sidecar.write_text("{}")
    with pytest.raises(DatasetError, match=r"act_episodes.json is damaged or missing: KeyError"):
        LerobotSource(folder, Declared())


def test_an_episode_with_a_hole_is_not_exported(ours, tmp_path, caplog):
    folder = tmp_path / "holes"
    shutil.copytree(ours, folder)
    stamps = np.array([0, 1, 2, 4, 5, 6, 7]) * 33_333_333
    write_episode(episode_path(folder, 7), arm_episode(7, stamps_ns=stamps))
    out = export_lerobot(ExportLerobotOptions(folder, tmp_path / "lerobot", codec="h264"))
    assert "refused episode_000007.hdf5: step 3 comes 2.0 periods after" in caplog.text
    assert len(LerobotSource(out, Declared()).names) == 3


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"features": {"rate_hz": 12.5}}, {}, "12.5 Hz; a LeRobotDataset can only say whole"),
        ({}, {"codec": "h265"}, "unknown codec 'h265'; did you mean"),
        ({}, {"units": "grad"}, "unknown units 'grad'"),
        ({"features": {"cameras": (Camera("front", 63, 96),)}}, {}, "both sides must be even"),
    ],
)
def test_what_cannot_be_exported(tmp_path, changes, options, message):
    features = Features(
        **{**arm_episode(0).features.__dict__, **changes.get("features", {})},
    )
    images = {"front": smooth_pictures(7, features.cameras[0].height, 96, 0)}
    if len(features.cameras) > 1:
        images["wrist"] = smooth_pictures(7, 64, 64, 0)
    stamps = np.rint(np.arange(7) * 1e9 / features.rate_hz).astype(np.int64)
    (tmp_path / "ours").mkdir()
    write_episode(
        episode_path(tmp_path / "ours", 0),
        arm_episode(0, features=features, images=images, stamps_ns=stamps),
    )
    with pytest.raises(DatasetError, match=message):
        export_lerobot(ExportLerobotOptions(tmp_path / "ours", tmp_path / "lerobot", **options))
    assert [path.name for path in tmp_path.iterdir()] == ["ours"]


def test_an_existing_folder_is_left_alone(ours, tmp_path):
    with pytest.raises(DatasetError, match="exists: name a new folder"):
        export_lerobot(ExportLerobotOptions(ours, tmp_path))


def test_who_had_the_arm_survives_the_round_trip(tmp_path):
    taken = np.array([False, False, True, True, True, False, False])
    folder = write_episodes(tmp_path / "ours", [arm_episode(0, intervention=taken), arm_episode(1)])
    out = export_lerobot(ExportLerobotOptions(folder, tmp_path / "lerobot", codec="h264"))
    info = json.loads((out / "meta/info.json").read_text())
    assert info["features"]["intervention"] == {"dtype": "bool", "shape": [1], "names": None}
    table = pq.read_table(next((out / "data").rglob("*.parquet")))
    assert table.schema.field("intervention").type == pa.bool_()
    source = LerobotSource(out, Declared())
    assert source.read(0).intervention.tolist() == taken.tolist()
    assert not source.read(1).intervention.any()


def test_a_dataset_without_interventions_has_no_such_column(ours, tmp_path):
    out = export_lerobot(ExportLerobotOptions(ours, tmp_path / "lerobot", codec="h264"))
    assert "intervention" not in json.loads((out / "meta/info.json").read_text())["features"]
