"""The tables of a LeRobotDataset: its episodes, its tasks, and the rows of one episode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from act_training.datasets.errors import DatasetError, damage_of
from act_training.datasets.lerobot.info import LerobotInfo

TIME_TOLERANCE_S = 1e-4  # LeRobot's own for time stamps


@dataclass(frozen=True)
class VideoSpan:
    """Where an episode is in a video file. `end_s` is None where the episode is the whole file."""

    path: Path
    start_s: float
    end_s: float | None


@dataclass(frozen=True)
class EpisodeEntry:
    """One episode as the dataset's tables describe it; `videos` by camera key."""

    index: int
    length: int
    tasks: tuple[str, ...]
    data_file: Path
    videos: Mapping[str, VideoSpan]


def read_episode_entries(info: LerobotInfo) -> list[EpisodeEntry]:
    """All episodes in order; DatasetError when a table is missing, damaged or incomplete."""
    with damage_of(f"the table of episodes below {info.folder / 'meta'}"):
        entries = _entries_v3(info) if info.version == "v3.0" else _entries_v2(info)
    if not entries:
        raise DatasetError(f"{info.folder} holds no episodes")
    return sorted(entries, key=lambda entry: entry.index)


def _entries_v3(info: LerobotInfo) -> list[EpisodeEntry]:
    folder = info.folder / "meta/episodes"
    paths = sorted(folder.glob("*/*.parquet"))
    if not paths:
        raise DatasetError(
            f"{folder} holds no parquet file: the recording was probably never finalized"
        )
    entries = []
    for path in paths:
        file = pq.ParquetFile(path)
        columns = [name for name in file.schema_arrow.names if not name.startswith("stats/")]
        for row in file.read(columns=columns).to_pylist():
            place = (row["data/chunk_index"], row["data/file_index"])
            entries.append(
                EpisodeEntry(
                    index=row["episode_index"],
                    length=row["length"],
                    tasks=tuple(row.get("tasks") or ()),
                    data_file=info.folder / _fill(info.data_path, place),
                    videos={c.key: _span(info, row, c.key) for c in info.cameras if c.is_video},
                )
            )
    return entries


def _fill(template: str, place: tuple[int, int], key: str = "") -> str:
    return template.format(chunk_index=place[0], file_index=place[1], video_key=key)


def _span(info: LerobotInfo, row: Mapping[str, Any], key: str) -> VideoSpan:
    if info.video_path is None:
        raise DatasetError(f"'{key}' is a video, but meta/info.json has no video_path")
    column = f"videos/{key}"
    place = (row[f"{column}/chunk_index"], row[f"{column}/file_index"])
    path = info.folder / _fill(info.video_path, place, key)
    return VideoSpan(path, row[f"{column}/from_timestamp"], row[f"{column}/to_timestamp"])


def _entries_v2(info: LerobotInfo) -> list[EpisodeEntry]:
    entries = []
    for row in _json_lines(info.folder / "meta/episodes.jsonl"):
        index = int(row["episode_index"])
        names = {"episode_chunk": index // info.chunks_size, "episode_index": index}
        videos = {}
        for camera in info.cameras:
            if camera.is_video:
                if info.video_path is None:
                    raise DatasetError(f"'{camera.key}' is a video, but there is no video_path")
                path = info.folder / info.video_path.format(video_key=camera.key, **names)
                videos[camera.key] = VideoSpan(path, 0.0, None)
        data_file = info.folder / info.data_path.format(**names)
        tasks = tuple(row.get("tasks") or ())
        entries.append(EpisodeEntry(index, int(row["length"]), tasks, data_file, videos))
    return entries


def _json_lines(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def read_data_file(path: Path) -> pa.Table:
    """The rows of all episodes in one file; DatasetError when it is missing or damaged."""
    with damage_of(path):
        return pq.read_table(path)


def episode_rows(table: pa.Table, entry: EpisodeEntry, rate_hz: float) -> pa.Table:
    """The rows of one episode, all of them there, in order and on time, or DatasetError."""
    for name in ("episode_index", "frame_index", "timestamp"):
        if name not in table.column_names:
            raise DatasetError(f"{entry.data_file} has no column '{name}'")
    rows = table.filter(pc.equal(table["episode_index"], entry.index))
    if len(rows) != entry.length:
        raise DatasetError(
            f"{entry.data_file} has {len(rows)} rows of it, the table of episodes says "
            f"{entry.length}"
        )
    frames, expected = rows["frame_index"].to_numpy(), np.arange(entry.length)
    if not np.array_equal(frames, expected):
        wrong = int(np.flatnonzero(frames != expected)[0])
        raise DatasetError(f"row {wrong} is frame {frames[wrong]}: frames are missing or mixed up")
    seconds, due_s = rows["timestamp"].to_numpy(), expected / rate_hz
    # float32 stamps grow coarser with time, by half a unit of their last digit.
    tolerance_s = TIME_TOLERANCE_S + np.spacing(due_s.astype(np.float32)) / 2
    in_time = np.abs(seconds - due_s) <= tolerance_s
    if not in_time.all():
        wrong = int(np.flatnonzero(~in_time)[0])
        raise DatasetError(
            f"frame {wrong} has the time stamp {seconds[wrong]:.4f} s, expected "
            f"{due_s[wrong]:.4f} s at {rate_hz:g} Hz"
        )
    return rows


def vector_column(rows: pa.Table, key: str, size: int) -> NDArray[np.float32]:
    """(T, size) a column of vectors (or of numbers, where size is 1); DatasetError otherwise."""
    if key not in rows.column_names:
        raise DatasetError(
            f"there is no column '{key}', there are: {', '.join(sorted(rows.column_names))}"
        )
    column = rows[key].combine_chunks()
    kind = column.type
    is_list = pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind)
    value_type = kind.value_type if is_list else kind
    if not pa.types.is_floating(value_type):
        raise DatasetError(f"column '{key}' is of type {kind}, expected vectors of float32")
    if column.null_count:
        raise DatasetError(f"column '{key}' has {column.null_count} empty rows")
    values = column.flatten() if is_list else column
    if is_list and any(length != size for length in set(pc.list_value_length(column).to_pylist())):
        raise DatasetError(f"column '{key}' has vectors of another length than {size}")
    if values.null_count or len(values) != len(rows) * size:
        raise DatasetError(f"column '{key}' has empty or surplus values")
    return values.to_numpy(zero_copy_only=False).astype(np.float32).reshape(len(rows), size)
