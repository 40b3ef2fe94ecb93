"""Our episodes as a LeRobotDataset v3.0, the format that LeRobot 0.4 and later load.

meta/info.json  meta/stats.json  meta/tasks.parquet  meta/act_episodes.json
meta/episodes/chunk-000/file-000.parquet            one row per episode
data/chunk-000/file-000.parquet                     one row per step, many episodes per file
videos/observation.images.front/chunk-000/file-000.mp4
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from act_training.datasets.episode_file import Episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.info import ACTION, STATE
from act_training.datasets.lerobot.sidecar import UNCHANGED, EpisodeFacts, Sidecar, write_sidecar
from act_training.datasets.lerobot.so101_units import So101Units
from act_training.datasets.lerobot.statistics import (
    flat_stats,
    image_histogram,
    image_stats,
    sample_rows,
    vector_stats,
)
from act_training.datasets.lerobot.video_writer import VideoWriter, video_info
from act_training.features import Features

VERSION = "v3.0"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-000/file-000.parquet"
SCALARS = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64",
           "index": "int64", "task_index": "int64"}  # fmt: skip
ROBOT = "so_follower"  # LeRobot's name of the SO-101 from 0.4.3 on


@dataclass(frozen=True)
class FileSizes:
    """When to begin another file; LeRobot's defaults."""

    files_per_chunk: int = 1000
    data_mb: int = 100
    video_mb: int = 200


class LerobotWriter:
    """Writes a dataset into an empty folder, episode by episode; leaving the `with` completes it.

    Args:
        units: what the SO-101's values are converted to; None leaves values as they are.
        codec, crf: see `video_writer`.

    Raises DatasetError for a rate that is not a whole number, which the format cannot say.
    """

    def __init__(
        self,
        folder: Path,
        features: Features,
        units: So101Units | None,
        *,
        codec: str = "libsvtav1",
        crf: int | None = None,
        sizes: FileSizes | None = None,
    ) -> None:
        if features.rate_hz != round(features.rate_hz):
            raise DatasetError(
                f"the rate is {features.rate_hz:g} Hz; a LeRobotDataset can only say whole numbers"
            )
        self._folder, self._features, self._units = folder, features, units
        self._rate_hz = round(features.rate_hz)
        self._codec, self._crf = codec, crf
        self._sizes = sizes or FileSizes()
        self._tasks: list[str] = []
        self._rows: list[dict[str, Any]] = []  # of the table of episodes
        self._facts: list[EpisodeFacts] = []
        self._vectors: dict[str, list[NDArray]] = {}  # all rows, for the statistics of all
        self._histograms: dict[str, NDArray[np.int64]] = {}
        self._sampled = 0
        self._steps = 0
        self._data = _Roll(self._sizes.files_per_chunk)
        self._parquet: pq.ParquetWriter | None = None
        self._videos = {c: _Roll(self._sizes.files_per_chunk) for c in features.camera_names}
        self._encoders: dict[str, VideoWriter] = {}

    def add(self, episode: Episode) -> None:
        """Append an episode whose features are those of the dataset."""
        index, length = len(self._rows), len(episode)
        if episode.task not in self._tasks:
            self._tasks.append(episode.task)
        columns = self._columns(episode, index)
        stats = {name: vector_stats(values) for name, values in columns.items()}
        row: dict[str, Any] = {
            "episode_index": index,
            "tasks": [episode.task],
            "length": length,
            "dataset_from_index": self._steps,
            "dataset_to_index": self._steps + length,
            **self._write_rows(columns),
        }
        for camera in self._features.camera_names:
            key = camera_key(camera)
            frames = episode.images[camera]
            row.update(self._write_frames(camera, frames))
            histogram = image_histogram(frames)
            stats[key] = image_stats(histogram, len(sample_rows(length)))
            self._histograms[key] = self._histograms.get(key, 0) + histogram
        for name, values in columns.items():
            self._vectors.setdefault(name, []).append(values)
        self._rows.append(
            {**row, "meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
            | flat_stats(stats)
        )
        self._facts.append(
            EpisodeFacts(length, episode.seed, episode.success, dict(episode.placement))
        )
        self._sampled += len(sample_rows(length))
        self._steps += length

    def __enter__(self) -> LerobotWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._parquet is not None:
            self._parquet.close()
        for encoder in self._encoders.values():
            encoder.close()
        if kind is None:
            self._write_meta()

    def _write_meta(self) -> None:
        """Write what can only be known at the end: without it the folder is no dataset."""
        stats = {n: vector_stats(np.concatenate(rows)) for n, rows in self._vectors.items()}
        stats |= {key: image_stats(h, self._sampled) for key, h in self._histograms.items()}
        meta = self._folder / "meta"
        (self._folder / EPISODES_PATH).parent.mkdir(parents=True)
        _write_json(
            meta / "stats.json",
            {key: {n: v.tolist() for n, v in values.items()} for key, values in stats.items()},
        )
        pq.write_table(pa.Table.from_pylist(self._rows), self._folder / EPISODES_PATH)
        pq.write_table(_task_table(self._tasks), meta / "tasks.parquet")
        units, features = self._units, self._features
        write_sidecar(
            self._folder,
            Sidecar(
                units=UNCHANGED if units is None else units.scheme,
                scale=() if units is None else tuple(units.scale.tolist()),
                offset=() if units is None else tuple(units.offset.tolist()),
                joint_units=features.joint_units,
                action_units=features.action_units,
                episodes=tuple(self._facts),
            ),
        )
        _write_json(meta / "info.json", self._info())

    def _columns(self, episode: Episode, index: int) -> dict[str, NDArray]:
        frames = np.arange(len(episode), dtype=np.int64)
        convert = self._units.from_rad if self._units is not None else np.asarray
        return {
            ACTION: convert(episode.actions),
            STATE: convert(episode.joints),
            "timestamp": (frames / self._rate_hz).astype(np.float32),
            "frame_index": frames,
            "episode_index": np.full(len(episode), index, dtype=np.int64),
            "index": self._steps + frames,
            "task_index": np.full(len(episode), self._tasks.index(episode.task), dtype=np.int64),
        }

    def _write_rows(self, columns: Mapping[str, NDArray]) -> dict[str, int]:
        table = pa.table({name: _arrow(values) for name, values in columns.items()})
        if self._parquet is not None and self._data.is_full(
            len(table), self._data_path().stat().st_size, self._sizes.data_mb
        ):
            self._parquet.close()
            self._parquet = None
            self._data.advance()
        if self._parquet is None:
            path = self._data_path()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._parquet = pq.ParquetWriter(path, table.schema, compression="snappy")
        self._parquet.write_table(table)
        self._data.frames += len(table)
        return self._data.columns("data")

    def _write_frames(self, camera: str, frames: NDArray[np.uint8]) -> dict[str, int | float]:
        roll = self._videos[camera]
        encoder = self._encoders.get(camera)
        if encoder is not None and roll.is_full(len(frames), encoder.size, self._sizes.video_mb):
            encoder.close()
            encoder = None
            roll.advance()
        if encoder is None:
            path = self._folder / roll.fill(VIDEO_PATH, camera_key(camera))
            size = (frames.shape[1], frames.shape[2])
            encoder = VideoWriter(path, size, self._rate_hz, self._codec, self._crf)
            self._encoders[camera] = encoder
        start = roll.frames
        encoder.add(frames)
        roll.frames += len(frames)
        prefix = f"videos/{camera_key(camera)}"
        return {
            **roll.columns(prefix),
            f"{prefix}/from_timestamp": start / self._rate_hz,
            f"{prefix}/to_timestamp": roll.frames / self._rate_hz,
        }

    def _data_path(self) -> Path:
        return self._folder / self._data.fill(DATA_PATH)

    def _info(self) -> dict[str, Any]:
        features = self._features
        suffix = "" if self._units is None else ".pos"
        described: dict[str, Any] = {}
        for key, names in ((ACTION, features.actions), (STATE, features.joints)):
            described[key] = {
                "dtype": "float32",
                "shape": [len(names)],
                "names": [f"{name}{suffix}" for name in names],
            }
        for camera in features.cameras:
            first = VIDEO_PATH.format(
                video_key=camera_key(camera.name), chunk_index=0, file_index=0
            )
            described[camera_key(camera.name)] = {
                "dtype": "video",
                "shape": [camera.height, camera.width, 3],
                "names": ["height", "width", "channels"],
                "info": video_info(self._folder / first, self._rate_hz),
            }
        for name, dtype in SCALARS.items():
            described[name] = {"dtype": dtype, "shape": [1], "names": None}
        return {
            "codebase_version": VERSION,
            "robot_type": None if self._units is None else ROBOT,
            "total_episodes": len(self._rows),
            "total_frames": self._steps,
            "total_tasks": len(self._tasks),
            "chunks_size": self._sizes.files_per_chunk,
            "data_files_size_in_mb": self._sizes.data_mb,
            "video_files_size_in_mb": self._sizes.video_mb,
            "fps": self._rate_hz,
            "splits": {"train": f"0:{len(self._rows)}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH,
            "features": described,
        }


class _Roll:
    """Which of a series of files is being written, and how many frames it holds."""

    def __init__(self, files_per_chunk: int) -> None:
        self._files_per_chunk = files_per_chunk
        self._file = 0
        self.frames = 0

    def is_full(self, more: int, size: int, limit_mb: float) -> bool:
        """Whether `more` frames, as large as those in a file of `size` bytes, exceed the limit."""
        return size / 2**20 * (1 + more / max(self.frames, 1)) >= limit_mb

    def advance(self) -> None:
        self._file += 1
        self.frames = 0

    def columns(self, prefix: str) -> dict[str, int]:
        chunk, file = divmod(self._file, self._files_per_chunk)
        return {f"{prefix}/chunk_index": chunk, f"{prefix}/file_index": file}

    def fill(self, template: str, key: str = "") -> str:
        chunk, file = divmod(self._file, self._files_per_chunk)
        return template.format(chunk_index=chunk, file_index=file, video_key=key)


def camera_key(name: str) -> str:
    return f"observation.images.{name}"


def _arrow(values: NDArray) -> pa.Array:
    """A column of numbers, or of vectors of fixed length; of numbers for a single one, as there."""
    if values.ndim == 1 or values.shape[1] == 1:
        return pa.array(values.ravel())
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def _task_table(tasks: list[str]) -> pa.Table:
    """The tasks as LeRobot looks them up: as the index of a pandas table, which is metadata."""
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": tasks})
    column = {"metadata": None}
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            {**column, "name": "task_index", "field_name": "task_index",
             "pandas_type": "int64", "numpy_type": "int64"},
            {**column, "name": "task", "field_name": "task",
             "pandas_type": "unicode", "numpy_type": "object"},
        ],
        "pandas_version": "2.0.0",
    }  # fmt: skip
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4, ensure_ascii=False), encoding="utf-8")
