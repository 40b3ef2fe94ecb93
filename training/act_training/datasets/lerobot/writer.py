"""Our episodes as a LeRobotDataset v3.0, the format that LeRobot 0.4 and later load.

meta/info.json  meta/stats.json  meta/tasks.parquet  meta/act_episodes.json
meta/episodes/chunk-000/file-000.parquet            one row per episode
data/chunk-000/file-000.parquet                     one row per step, many episodes per file
videos/observation.images.front/chunk-000/file-000.mp4
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from act_training.datasets.episode_file import Episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.description import camera_key, describe, task_table
from act_training.datasets.lerobot.file_series import (
    DATA_PATH,
    VIDEO_PATH,
    FileSeries,
    FileSizes,
)
from act_training.datasets.lerobot.info import ACTION, INTERVENTION, STATE
from act_training.datasets.lerobot.sidecar import (
    UNCHANGED,
    EpisodeFacts,
    Sidecar,
    row_digest,
    write_sidecar,
)
from act_training.datasets.lerobot.so101_units import So101Units
from act_training.datasets.lerobot.statistics import RunningStats, flat_stats
from act_training.datasets.lerobot.video_writer import VideoWriter, video_info
from act_training.features import Features

EPISODES_PATH = "meta/episodes/chunk-000/file-000.parquet"


class LerobotWriter:
    """Writes a dataset into an empty folder, episode by episode; leaving the `with` completes it.

    Args:
        units: what the SO-101's values are converted to; None leaves values as they are.
        interventions: with a column that says where a person had taken the arm over.
        codec, crf: see `video_writer`.

    Raises DatasetError for a rate that is not a whole number, which the format cannot say.
    """

    def __init__(
        self,
        folder: Path,
        features: Features,
        units: So101Units | None,
        *,
        interventions: bool = False,
        codec: str = "libsvtav1",
        crf: int | None = None,
        sizes: FileSizes | None = None,
    ) -> None:
        if features.rate_hz != round(features.rate_hz):
            raise DatasetError(
                f"the rate is {features.rate_hz:g} Hz; a LeRobotDataset can only say whole numbers"
            )
        self._folder, self._features, self._units = folder, features, units
        self._interventions = interventions
        self._rate_hz = round(features.rate_hz)
        self._codec, self._crf = codec, crf
        self._sizes = sizes or FileSizes()
        self._tasks: list[str] = []
        self._rows: list[dict[str, Any]] = []  # of the table of episodes
        self._facts: list[EpisodeFacts] = []
        self._stats = RunningStats()
        self._steps = 0
        per_chunk = self._sizes.files_per_chunk
        self._data = FileSeries(DATA_PATH, per_chunk)
        self._parquet: pq.ParquetWriter | None = None
        self._videos = {
            camera: FileSeries(VIDEO_PATH, per_chunk, camera_key(camera))
            for camera in features.camera_names
        }
        self._encoders: dict[str, VideoWriter] = {}

    def __enter__(self) -> LerobotWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._parquet is not None:
            self._parquet.close()
        for encoder in self._encoders.values():
            encoder.close()
        if kind is None:
            self._write_meta()

    def add(self, episode: Episode) -> None:
        """Append an episode whose features are those of the dataset."""
        index, length = len(self._rows), len(episode)
        if episode.task not in self._tasks:
            self._tasks.append(episode.task)
        columns = self._columns(episode, index)
        row: dict[str, Any] = {
            "episode_index": index,
            "tasks": [episode.task],
            "length": length,
            "dataset_from_index": self._steps,
            "dataset_to_index": self._steps + length,
            **self._write_rows(columns),
        }
        for camera in self._features.camera_names:
            row.update(self._write_frames(camera, episode.images[camera]))
        row.update({"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0})
        images = {camera_key(c): episode.images[c] for c in self._features.camera_names}
        row.update(flat_stats(self._stats.add(columns, images)))
        self._rows.append(row)
        self._facts.append(
            EpisodeFacts(
                row_digest(columns[STATE], columns[ACTION]),
                episode.seed,
                episode.success,
                dict(episode.placement),
            )
        )
        self._steps += length

    def _columns(self, episode: Episode, index: int) -> dict[str, NDArray]:
        """The rows of data/, per column, in the order of the file."""
        frames = np.arange(len(episode), dtype=np.int64)
        convert = self._units.from_rad if self._units is not None else np.asarray
        taken_over = {INTERVENTION: episode.intervention} if self._interventions else {}
        return {
            ACTION: convert(episode.actions),
            STATE: convert(episode.joints),
            **taken_over,
            "timestamp": (frames / self._rate_hz).astype(np.float32),
            "frame_index": frames,
            "episode_index": np.full(len(episode), index, dtype=np.int64),
            "index": self._steps + frames,
            "task_index": np.full(len(episode), self._tasks.index(episode.task), dtype=np.int64),
        }

    def _write_rows(self, columns: Mapping[str, NDArray]) -> dict[str, int]:
        """Append rows; returns which file they are in, for the table of episodes."""
        table = pa.table({name: _arrow(values) for name, values in columns.items()})
        path = self._folder / self._data.path
        if self._parquet is not None and self._data.is_full(
            len(table), path.stat().st_size, self._sizes.data_mb
        ):
            self._parquet.close()
            self._parquet = None
            self._data.advance()
            path = self._folder / self._data.path
        if self._parquet is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._parquet = pq.ParquetWriter(path, table.schema, compression="snappy")
        self._parquet.write_table(table)
        self._data.frames += len(table)
        return {f"data/{name}": value for name, value in self._data.place.items()}

    def _write_frames(self, camera: str, frames: NDArray[np.uint8]) -> dict[str, int | float]:
        """Append frames; returns where they are, for the table of episodes."""
        series, encoder = self._videos[camera], self._encoders.get(camera)
        if encoder is not None and series.is_full(len(frames), encoder.size, self._sizes.video_mb):
            encoder.close()
            encoder = None
            series.advance()
        if encoder is None:
            size = (frames.shape[1], frames.shape[2])
            path = self._folder / series.path
            encoder = VideoWriter(path, size, self._rate_hz, self._codec, self._crf)
            self._encoders[camera] = encoder
        place: dict[str, int | float] = dict(series.place)
        place["from_timestamp"] = series.frames / self._rate_hz
        encoder.add(frames)
        series.frames += len(frames)
        place["to_timestamp"] = series.frames / self._rate_hz
        return {f"videos/{camera_key(camera)}/{name}": value for name, value in place.items()}

    def _write_meta(self) -> None:
        """Write what can only be known at the end: without it the folder is no dataset."""
        units, features, meta = self._units, self._features, self._folder / "meta"
        (self._folder / EPISODES_PATH).parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(self._rows), self._folder / EPISODES_PATH)
        pq.write_table(task_table(self._tasks), meta / "tasks.parquet")
        stats = {
            key: {name: value.tolist() for name, value in values.items()}
            for key, values in self._stats.of_all().items()
        }
        _write_json(meta / "stats.json", stats)
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
        first = {
            camera: self._folder / FileSeries(VIDEO_PATH, 1, camera_key(camera)).path
            for camera in features.camera_names
        }
        description = describe(
            features,
            {camera: video_info(path, self._rate_hz) for camera, path in first.items()},
            self._sizes,
            is_so101=units is not None,
            interventions=self._interventions,
            episodes=len(self._rows),
            frames=self._steps,
            tasks=len(self._tasks),
        )
        _write_json(meta / "info.json", description)


def _arrow(values: NDArray) -> pa.Array:
    """A column of numbers, or of vectors of fixed length; of numbers for a single one, as there."""
    if values.ndim == 1 or values.shape[1] == 1:
        return pa.array(values.ravel())
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4, ensure_ascii=False), encoding="utf-8")
