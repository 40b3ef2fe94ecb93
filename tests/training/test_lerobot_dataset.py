"""LeRobotDataset folders: hand-made ones are read, ours are written and read back."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from act_core.so101 import JOINT_NAMES, SO101_LIMITS
from act_training.datasets.episode_file import Episode, episode_path, read_episode, write_episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.reader import LerobotSource
from act_training.datasets.lerobot.so101_units import so101_units
from act_training.datasets.lerobot.statistics import (
    image_histogram,
    image_stats,
    sample_rows,
    vector_stats,
)
from act_training.datasets.lerobot.video_writer import VideoWriter
from act_training.datasets.lerobot.writer import FileSizes, LerobotWriter
from act_training.datasets.source import Declared
from act_training.export_lerobot import ExportLerobotOptions, export_lerobot
from act_training.features import Camera, Features
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RATE_HZ = 10
LENGTHS = (4, 6)  # of the hand-made episodes
KEY = "observation.images.front"
SMALLEST_PSNR_DB = 36  # of smooth pictures through each codec at the quality that is written


# ---------------------------------------------------------------------------------- hand-made data


def write_video(path: Path, levels: list[int], size=(32, 48), rate_hz=RATE_HZ) -> None:
    """Frames of one grey level each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=rate_hz, options={"g": "2", "crf": "10"})
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        for i, level in enumerate(levels):
            frame = av.VideoFrame.from_ndarray(np.full((*size, 3), level, np.uint8), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def level(episode: int, frame: int) -> int:
    return 20 + 100 * episode + 10 * frame


def value(episode: int, frame: int) -> list[float]:
    return [episode + frame / 8, -frame / 4]


def rows(episode: int) -> pa.Table:
    frames = range(LENGTHS[episode])
    return pa.table(
        {
            "observation.state": pa.array(
                [value(episode, f) for f in frames], pa.list_(pa.float32())
            ),
            "action": pa.array([value(episode, f + 1) for f in frames], pa.list_(pa.float32(), 2)),
            "timestamp": pa.array([f / RATE_HZ for f in frames], pa.float32()),
            "frame_index": list(frames),
            "episode_index": [episode] * len(frames),
            "task_index": [0] * len(frames),
        }
    )


def info(version: str, data_path: str, video_path: str) -> dict:
    vector = {"dtype": "float32", "shape": [2], "names": ["x", "y"]}
    camera = {"dtype": "video", "shape": [32, 48, 3], "names": ["height", "width", "channels"]}
    return {
        "codebase_version": version,
        "robot_type": "unknown_robot",
        "total_episodes": 2,
        "fps": RATE_HZ,
        "chunks_size": 1000,
        "data_path": data_path,
        "video_path": video_path,
        "features": {"observation.state": vector, "action": {**vector, "names": None}, KEY: camera},
    }


@pytest.fixture(scope="session")
def made_v30(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("v30")
    described = info(
        "v3.0",
        "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    )
    for name in ("meta/episodes/chunk-000", "data/chunk-000"):
        (folder / name).mkdir(parents=True)
    (folder / "meta/info.json").write_text(json.dumps(described))
    pq.write_table(pa.concat_tables([rows(0), rows(1)]), folder / "data/chunk-000/file-000.parquet")
    ends = np.cumsum([0, *LENGTHS]) / RATE_HZ
    table = {
        "episode_index": [0, 1],
        "tasks": [["push"], ["push", "pull"]],
        "length": list(LENGTHS),
        "data/chunk_index": [0, 0],
        "data/file_index": [0, 0],
        f"videos/{KEY}/chunk_index": [0, 0],
        f"videos/{KEY}/file_index": [0, 0],
        f"videos/{KEY}/from_timestamp": ends[:-1].tolist(),
        f"videos/{KEY}/to_timestamp": ends[1:].tolist(),
        "stats/action/mean": [[0.0, 0.0]] * 2,
    }
    pq.write_table(pa.table(table), folder / "meta/episodes/chunk-000/file-000.parquet")
    levels = [level(e, f) for e in range(2) for f in range(LENGTHS[e])]
    write_video(folder / f"videos/{KEY}/chunk-000/file-000.mp4", levels)
    return folder


@pytest.fixture(scope="session")
def made_v21(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("v21")
    described = info(
        "v2.1",
        "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
    )
    (folder / "meta").mkdir()
    (folder / "data/chunk-000").mkdir(parents=True)
    (folder / "meta/info.json").write_text(json.dumps(described))
    lines = [{"episode_index": e, "tasks": ["push"], "length": LENGTHS[e]} for e in range(2)]
    (folder / "meta/episodes.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    for e in range(2):
        pq.write_table(rows(e), folder / f"data/chunk-000/episode_{e:06d}.parquet")
        levels = [level(e, f) for f in range(LENGTHS[e])]
        write_video(folder / f"videos/chunk-000/{KEY}/episode_{e:06d}.mp4", levels)
    return folder


@pytest.fixture(params=["made_v30", "made_v21"])
def made(request, tmp_path) -> Path:
    """A copy to be broken."""
    folder = tmp_path / "made"
    shutil.copytree(request.getfixturevalue(request.param), folder)
    return folder


def edit_info(folder: Path, change) -> None:
    path = folder / "meta/info.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_table(path: Path, column: str, values) -> None:
    table = pq.read_table(path)
    pq.write_table(table.set_column(table.column_names.index(column), column, values), path)


def data_file(folder: Path) -> Path:
    """Where the rows of episode 1 are."""
    return sorted(folder.glob("data/*/*.parquet"))[-1]


def video_file(folder: Path) -> Path:
    """Where the frames of episode 1 are."""
    return sorted(folder.glob("videos/**/*.mp4"))[-1]


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
    assert source.notes == ["nothing says in which units the values are: name them with --units"]


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
        (lambda i: i["features"]["action"].update(dtype="int64"), "'action' is int64 of shape"),
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


def missing_column(folder):
    path = data_file(folder)
    pq.write_table(pq.read_table(path).drop_columns(["action"]), path)


def whole_numbers(folder):
    path = data_file(folder)
    table = pq.read_table(path)
    edit_table(path, "action", pa.array([[1, 2]] * len(table)))


def shorter_vectors(folder):
    path = data_file(folder)
    edit_table(path, "action", pa.array([[1.0]] * len(pq.read_table(path)), pa.list_(pa.float32())))


def empty_cell(folder):
    path = data_file(folder)
    values = pq.read_table(path)["action"].to_pylist()
    values[-1] = None
    edit_table(path, "action", pa.array(values, pa.list_(pa.float32(), 2)))


def not_finite(folder):
    path = data_file(folder)
    values = pq.read_table(path)["action"].to_pylist()
    values[-1] = [float("nan"), 0.0]
    edit_table(path, "action", pa.array(values, pa.list_(pa.float32(), 2)))


def lost_rows(folder):
    path = data_file(folder)
    table = pq.read_table(path)
    pq.write_table(table.slice(0, len(table) - 1), path)


def skipped_frame(folder):
    path = data_file(folder)
    frames = pq.read_table(path)["frame_index"]
    edit_table(path, "frame_index", pc.if_else(pc.equal(frames, 5), 6, frames))


def late_stamp(folder):
    path = data_file(folder)
    stamps = pq.read_table(path)["timestamp"].to_pylist()
    stamps[-1] += 0.05
    edit_table(path, "timestamp", pa.array(stamps, pa.float32()))


def cut_parquet(folder):
    path = data_file(folder)
    path.write_bytes(path.read_bytes()[:-20])


def cut_video(folder):
    path = video_file(folder)
    path.write_bytes(path.read_bytes()[:-200])


def no_video(folder):
    video_file(folder).unlink()


def short_video(folder):
    levels = [level(e, f) for e in range(2) for f in range(LENGTHS[e])]
    own_file = "episode" in video_file(folder).name
    write_video(video_file(folder), levels[LENGTHS[0] : -1] if own_file else levels[:-1])


def other_rate(folder):
    write_video(video_file(folder), [99] * sum(LENGTHS), rate_hz=12)


def other_size(folder):
    write_video(video_file(folder), [99] * sum(LENGTHS), size=(16, 48))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (missing_column, "there is no column 'action', there are: episode_index"),
        (whole_numbers, "column 'action' is of type list<.*: int64>, expected vectors of float32"),
        (shorter_vectors, "column 'action' has vectors of another length than 2"),
        (empty_cell, "column 'action' has 1 empty rows"),
        (not_finite, "actions hold values that are not finite"),
        (lost_rows, r"has 5 rows of it, the table of episodes says 6"),
        (skipped_frame, "row 5 is frame 6: frames are missing"),
        (late_stamp, r"frame 5 has the time stamp 0.5500 s, expected 0.5000 s at 10 Hz"),
        (cut_parquet, r"\.parquet is damaged or missing: .*[Pp]arquet"),
        (cut_video, r"\.mp4 (cannot be decoded|ends after \d of 6 frames).*truncated"),
        (no_video, r"\.mp4 cannot be decoded .*missing"),
        (short_video, r"\.mp4 ends after 5 of 6 frames"),
        (other_rate, r"\.mp4: frame \d is due at \d.\d000 s, but the next one is at"),
        (other_size, r"\.mp4 is 48x16, expected 48x32"),
    ],
)
def test_a_broken_episode_is_named(made, damage, message):
    damage(made)
    source = LerobotSource(made, Declared())
    with pytest.raises(DatasetError, match=message):
        source.read(1)


def test_a_video_that_is_too_long_is_refused(made_v21, tmp_path):
    folder = tmp_path / "long"
    shutil.copytree(made_v21, folder)
    write_video(video_file(folder), [50] * (LENGTHS[1] + 1))
    with pytest.raises(DatasetError, match="has more than the 6 frames of its rows"):
        LerobotSource(folder, Declared()).read(1)


def test_a_wrong_span_is_refused(made_v30, tmp_path):
    folder = tmp_path / "span"
    shutil.copytree(made_v30, folder)
    edit_table(
        folder / "meta/episodes/chunk-000/file-000.parquet",
        f"videos/{KEY}/to_timestamp",
        pa.array([0.4, 1.2]),
    )
    with pytest.raises(DatasetError, match=r"file-000.mp4 gives it 0.800 s, but it has 6 frames"):
        LerobotSource(folder, Declared()).read(1)


def test_a_recording_that_was_never_finalized_is_named(made_v30, tmp_path):
    folder = tmp_path / "open"
    shutil.copytree(made_v30, folder)
    shutil.rmtree(folder / "meta/episodes")
    with pytest.raises(DatasetError, match="never finalized"):
        LerobotSource(folder, Declared())


# -------------------------------------------------------------------------------- units of the arm


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


# -------------------------------------------------------------------------------- ours, round trip


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


@pytest.fixture(scope="session")
def ours(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ours")
    for seed in range(3):
        write_episode(episode_path(folder, seed), arm_episode(seed, steps=7 + seed))
    return folder


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
    assert content["total_episodes"], content["total_frames"] == (3, 24)
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
    sidecar.write_text(sidecar.read_text().replace('"length": 8', '"length": 9'))
    source = LerobotSource(folder, Declared())
    assert [source.read(e).seed for e in range(3)] == [40, 1, 42]  # 1 is another episode now
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


# -------------------------------------------------------------------------------------- statistics


def test_vector_statistics():
    stats = vector_stats(np.array([[0.0, 10.0], [2.0, 10.0], [4.0, 10.0]]))
    assert stats["mean"].tolist() == [2.0, 10.0]
    assert stats["q50"].tolist() == [2.0, 10.0]
    assert stats["std"].tolist() == [pytest.approx((8 / 3) ** 0.5), 0.0]
    assert stats["count"].tolist() == [3]
    assert vector_stats(np.arange(5))["max"].shape == (1,)


@given(levels=st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=40))
def test_image_statistics_are_those_of_the_pixels(levels):
    frames = np.array(levels, dtype=np.uint8).reshape(1, -1, 1, 3)
    pixels = frames.reshape(-1, 3) / 255
    stats = image_stats(image_histogram(frames), 1)
    for name, exact in (("min", pixels.min(0)), ("max", pixels.max(0)), ("mean", pixels.mean(0)),
                        ("std", pixels.std(0))):  # fmt: skip
        np.testing.assert_allclose(stats[name].ravel(), exact, atol=1e-7)
    for name, q in (("q10", 0.1), ("q50", 0.5), ("q99", 0.99)):
        exact = np.quantile(pixels, q, axis=0, method="inverted_cdf")
        np.testing.assert_allclose(stats[name].ravel(), exact, atol=1e-9)


@given(count=st.integers(1, 200_000))
def test_sampled_rows(count):
    chosen = sample_rows(count)
    assert chosen[0] == 0
    assert chosen[-1] == count - 1
    assert (
        len(np.unique(chosen)) == len(chosen) == min(count, max(100, min(int(count**0.75), 10_000)))
    )


# ------------------------------------------------------------------------------------ damaged bytes

DAMAGED = (
    "meta/info.json",
    "meta/episodes/chunk-000/file-000.parquet",
    "data/chunk-000/file-000.parquet",
    f"videos/{KEY}/chunk-000/file-000.mp4",
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(DAMAGED),
    where=st.floats(0, 1, exclude_max=True),
    junk=st.binary(max_size=8),
    cut=st.booleans(),
)
def test_damaged_bytes_are_refused_or_harmless(made_v30, tmp_path_factory, name, where, junk, cut):
    """Whatever is overwritten or cut off: whole episodes of the right shape, or a DatasetError."""
    folder = tmp_path_factory.mktemp("damaged") / "made"
    shutil.copytree(made_v30, folder)
    path = folder / name
    content = path.read_bytes()
    at = int(where * len(content))
    path.write_bytes(content[:at] + junk + (b"" if cut else content[at + len(junk) :]))
    try:
        source = LerobotSource(folder, Declared())
    except DatasetError:
        return
    for position in range(len(source.names)):
        try:
            episode = source.read(position)
        except DatasetError:
            continue
        assert episode.images["front"].shape == (len(episode), 32, 48, 3)
