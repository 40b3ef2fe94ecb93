"""LeRobotDataset folders with something wrong in them: it is named, or the rest is whole."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.reader import LerobotSource
from act_training.datasets.source import Declared
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.training.lerobot_folders import (
    KEY,
    LENGTHS,
    data_file,
    edit_table,
    level,
    video_file,
    write_video,
)


def missing_column(folder):
    path = data_file(folder)
    pq.write_table(pq.read_table(path).drop_columns(["action"]), path)


def words(folder):
    path = data_file(folder)
    table = pq.read_table(path)
    edit_table(path, "action", pa.array([["a", "b"]] * len(table)))


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
        (words, "column 'action' is of type list<.*: string>, expected vectors of float32"),
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
    with pytest.raises(DatasetError, match=message):
        LerobotSource(made, Declared()).read(1)


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
