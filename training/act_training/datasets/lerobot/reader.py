"""Episodes out of a LeRobotDataset folder."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from so101_driver.calibration import Calibration

from act_training.datasets.episode_file import Episode
from act_training.datasets.errors import DatasetError, damage_of
from act_training.datasets.foreign import (
    check_content,
    check_memory,
    file_digest,
    inside,
    usable_memory,
    visible,
)
from act_training.datasets.foreign_values import text, truth
from act_training.datasets.lerobot.arm_names import plain_name
from act_training.datasets.lerobot.info import ACTION, INTERVENTION, STATE, CameraFeature, read_info
from act_training.datasets.lerobot.sidecar import (
    UNCHANGED,
    EpisodeFacts,
    Sidecar,
    read_sidecar,
    row_digest,
)
from act_training.datasets.lerobot.so101_units import RAD, So101Units
from act_training.datasets.lerobot.tables import (
    EpisodeEntry,
    EpisodeRows,
    episode_rows,
    read_episode_entries,
    read_parquet,
    read_tasks,
    rows_of,
    scalar_column,
    vector_column,
)
from act_training.datasets.lerobot.video_reader import read_frames
from act_training.datasets.source import ORIGIN_DIGITS, Declared
from act_training.datasets.still_images import decode_image
from act_training.datasets.value_plan import Sample, ValuePlan, VectorPlan, plan_values
from act_training.features import Camera, Features

SO_ARM = re.compile(r"(^|_)so(\d|_|$)", re.IGNORECASE)  # so101_follower, bi_so_follower, ...
VALUES = ("episode_index", STATE, ACTION)


class LerobotSource:
    """A LeRobotDataset as a source of episodes.

    SO-101 values become radians; those of other robots stay as they are. Raises DatasetError when
    the dataset as a whole cannot be read, or when its units cannot be told.

    Attributes:
        notes, warnings: see `EpisodeSource`.
    """

    def __init__(
        self, folder: Path, declared: Declared, calibration: Calibration | None = None
    ) -> None:
        self.info = info = read_info(folder)
        self._entries, warnings = read_episode_entries(info)
        self._sidecar = read_sidecar(folder)
        self._file: tuple[Path, pa.Table] | None = None  # the newest: neighbours share a file
        self._digests: dict[Path, str] = {}  # of whole files
        self._task = declared.task
        declared.check_rate(info.rate_hz)
        self.notes: list[str] = []
        self.warnings = [*info.lost, *warnings]
        self._check_counts()
        self._plan = self._find_plan(declared, calibration)
        self.notes += self._plan.notes
        self.warnings += self._plan.warnings
        self._cameras = declared.choose_cameras({c.name: c for c in info.cameras})
        for camera in self._cameras:
            if camera.key.rpartition(".")[2] != camera.name:
                self.notes.append(f"camera '{camera.key}' is called {camera.name} here")
        self.features = Features(
            joints=self._plan.joints.names,
            joint_units=self._plan.joints.units,
            actions=self._plan.actions.names,
            action_units=self._plan.actions.units,
            cameras=tuple(Camera(c.name, c.height, c.width) for c in self._cameras),
            rate_hz=info.rate_hz,
        )

    @property
    def names(self) -> list[str]:
        return [f"episode {entry.index}" for entry in self._entries]

    def fingerprint(self, position: int) -> str:
        """See `EpisodeSource`; of the rows as they are and of the files with the frames."""
        entry = self._entries[position]
        with damage_of(entry.data_file):
            return self._fingerprint(entry)

    def _fingerprint(self, entry: EpisodeEntry) -> str:
        rows = self._rows(entry)
        texts = self._texts(entry, rows)
        said = [entry.length, texts, self._success(rows.table), rows.seconds is None]
        values, pictures = hashlib.sha256(), hashlib.sha256(repr([entry.index, said]).encode())
        pictures.update(np.packbits(_interventions(rows.table)).tobytes())
        for stored in (self.info.state, self.info.action):
            values.update(vector_column(rows.table, stored.what, stored.size).tobytes())
        for camera in self._cameras:
            pictures.update(camera.name.encode())
            if camera.is_video:
                span = entry.videos[camera.key]
                pictures.update(f"{span.start_s} {span.end_s} {self._digest(span.path)}".encode())
            else:
                for cell in self._cells(camera, rows.table):
                    pictures.update(repr(cell).encode())
        return values.hexdigest()[:ORIGIN_DIGITS] + pictures.hexdigest()[:ORIGIN_DIGITS]

    def read(self, position: int) -> Episode:
        """The episode at `position` of `names`; DatasetError says what is wrong with it."""
        entry = self._entries[position]
        with damage_of(entry.data_file):
            return self._read(entry)

    def _read(self, entry: EpisodeEntry) -> Episode:
        rows = self._rows(entry)
        size = sum(c.height * c.width * 3 for c in self._cameras)
        check_memory(f"episode {entry.index}", [[entry.length, size]])
        state = vector_column(rows.table, STATE, self.info.state.size)
        action = vector_column(rows.table, ACTION, self.info.action.size)
        facts = self._facts(state, action)
        seconds = rows.seconds
        if seconds is None:
            seconds = np.arange(entry.length) / self.info.rate_hz
        else:
            self._note("time stamps are the recorder's own, a few ms off a steady rate: kept")
        texts = self._texts(entry, rows)
        return Episode(
            features=self.features,
            task=text(self._task) or text(", ".join(texts)) or "unnamed",
            seed=facts.seed if facts is not None else entry.index,
            success=facts.success if facts is not None else self._success(rows.table),
            joints=self._plan.joints.convert(state),
            actions=self._plan.actions.convert(action),
            stamps_ns=np.rint(seconds * 1e9).astype(np.int64),
            images={c.name: self._images(c, entry, rows.table) for c in self._cameras},
            placement=facts.placement if facts is not None else {},
            intervention=_interventions(rows.table),
        )

    def _rows(self, entry: EpisodeEntry) -> EpisodeRows:
        """The rows of an episode, in its file or, where the table is stale, in another one."""
        if entry.refusal is not None:
            raise DatasetError(entry.refusal)
        found = episode_rows_or_none(self._table, entry.data_file, entry.index)
        if found is not None and not len(found) and entry.length:
            for path in visible(self.info.folder.glob("data/*/*.parquet")):
                relative = path.relative_to(self.info.folder).as_posix()
                other = inside(self.info.folder, relative, "a data file")
                found = episode_rows_or_none(self._table, other, entry.index)
                if found is not None and len(found):
                    self._warn(
                        f"episode {entry.index} is in {other.name}, not in {entry.data_file.name} "
                        "as the table of episodes says: its file indices are stale"
                    )
                    return episode_rows(self._table(other), entry, self.info.rate_hz)
        return episode_rows(self._table(entry.data_file), entry, self.info.rate_hz)

    def _texts(self, entry: EpisodeEntry, rows: EpisodeRows) -> tuple[str, ...]:
        """What the episode is about; by the rows' task numbers where the table does not say."""
        if entry.tasks or "task_index" not in rows.table.column_names:
            return entry.tasks
        numbers = dict.fromkeys(scalar_column(rows.table, "task_index").tolist())
        return tuple(self._tasks[int(n)] for n in numbers if n in self._tasks)

    @cached_property
    def _tasks(self) -> dict[int, str]:
        return read_tasks(self.info)

    def _facts(
        self, state: NDArray[np.float32], action: NDArray[np.float32]
    ) -> EpisodeFacts | None:
        """What act-export-lerobot wrote down of an episode with these values.

        Raises DatasetError where it wrote down units, and nothing of this episode: LeRobot has
        added it since, in units of its own.
        """
        if self._sidecar is None:
            return None
        facts = self._sidecar.facts(row_digest(state, action))
        if facts is None:
            raise DatasetError(
                "act-export-lerobot did not write it, so its units are not those of the others: "
                "delete meta/act_episodes.json and say --units if they are the same in all episodes"
            )
        return facts

    def _table(self, path: Path) -> pa.Table:
        if self._file is None or self._file[0] != path:
            columns = {camera.key for camera in self._cameras if not camera.is_video}
            self._file = (
                path,
                read_parquet(path, lambda name: _is_read(name, columns), usable_memory()),
            )
        return self._file[1]

    def _success(self, rows: pa.Table) -> bool | None:
        if not self.info.has_success or "next.success" not in rows.column_names:
            return None
        judged = [value for value in _truths(rows, "next.success") if value is not None]
        return any(judged) if judged else None

    def _images(
        self, camera: CameraFeature, entry: EpisodeEntry, rows: pa.Table
    ) -> NDArray[np.uint8]:
        size = (camera.height, camera.width)
        if camera.is_video:
            span = entry.videos[camera.key]
            with damage_of(span.path):
                check_content(span.path)
                return read_frames(span, entry.length, self.info.rate_hz, size)
        frames = np.empty((0, *size, 3), dtype=np.uint8)
        for i, cell in enumerate(self._cells(camera, rows)):
            what = f"image {i} of '{camera.key}'"
            image = decode_image(what, self._image_file(cell, camera, entry, what), size)
            if i == 0:  # no memory for pictures of a size that none of them has
                frames = np.empty((entry.length, *size, 3), dtype=np.uint8)
            frames[i] = image
        return frames

    def _cells(self, camera: CameraFeature, rows: pa.Table) -> list:
        if camera.key not in rows.column_names:
            raise DatasetError(f"there is no column '{camera.key}' with the images of the camera")
        return rows[camera.key].to_pylist()

    def _image_file(
        self, cell: object, camera: CameraFeature, entry: EpisodeEntry, what: str
    ) -> Path | io.BytesIO:
        """The picture in a cell, or the file beside the tables that it names.

        While it records, LeRobot keeps pictures in images/KEY/episode-000000, and names only the
        last part of their path.
        """
        if isinstance(cell, bytes):
            return io.BytesIO(cell)
        if not isinstance(cell, dict) or not (cell.get("bytes") or cell.get("path")):
            raise DatasetError(f"{what} is empty")
        if cell.get("bytes"):
            return io.BytesIO(cell["bytes"])
        stored = str(cell["path"])
        folders = ["", *(f"images/{camera.key}/episode{dash}{entry.index:06d}/" for dash in "_-")]
        if len(PurePosixPath(stored).parts) > 1:
            folders = folders[:1]
        paths = [inside(self.info.folder, folder + stored, what) for folder in folders]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise DatasetError(f"{what} is in no file: there is no {paths[-1]}")
        check_content(path)
        return path

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            self._digests[path] = file_digest(path)
        return self._digests[path]

    def _check_counts(self) -> None:
        counted, frames = len(self._entries), sum(entry.length for entry in self._entries)
        if self.info.episodes != counted:
            self.warnings.append(
                f"meta/info.json counts {self.info.episodes} episodes, its tables {counted}"
            )
        elif self.info.frames not in (None, frames):
            self.warnings.append(
                f"meta/info.json counts {self.info.frames} frames, its tables {frames}"
            )

    def _find_plan(self, declared: Declared, calibration: Calibration | None) -> ValuePlan:
        info = self.info
        if self._sidecar is not None:
            return self._plan_of_sidecar(self._sidecar, declared, calibration)
        plan = plan_values(declared, info.state, info.action, self._samples(), calibration)
        if plan.joints.conversion is not None and info.robot and not SO_ARM.search(info.robot):
            self.warnings.append(
                f"the robot is a '{info.robot}' whose joints are called as an SO-101's: read as one"
            )
        return plan

    def _plan_of_sidecar(
        self, sidecar: Sidecar, declared: Declared, calibration: Calibration | None
    ) -> ValuePlan:
        """What act-export-lerobot wrote down; DatasetError for a contradiction."""
        said = (calibration, declared.gripper_open) != (None, None)
        if said or declared.units not in (None, sidecar.units):
            raise DatasetError(
                f"the dataset says itself that its values are '{sidecar.units}': leave --units, "
                "--gripper-open and --calibration out"
            )
        names = [
            rename(tuple(map(plain_name, stored.names or ())))
            for rename, stored in (
                (declared.rename_joints, self.info.state),
                (declared.rename_actions, self.info.action),
            )
        ]
        conversion = None
        if sidecar.units != UNCHANGED:
            conversion = So101Units(
                sidecar.units, np.array(sidecar.scale), np.array(sidecar.offset)
            )
            if names[0] != names[1] or not (
                len(names[0]) == len(sidecar.scale) == len(sidecar.offset)
            ):
                raise DatasetError(
                    f"meta/act_episodes.json knows {len(sidecar.scale)} joints of an SO-101, the "
                    f"dataset has {', '.join(names[0])} and {', '.join(names[1])}: it was edited "
                    "since. Delete that file and say --units"
                )
        plans = []
        for vector, units, stored in (
            (names[0], sidecar.joint_units, self.info.state),
            (names[1], sidecar.action_units, self.info.action),
        ):
            if not len(vector) == len(units) == stored.size:
                raise DatasetError(
                    f"meta/act_episodes.json knows {len(units)} values of '{stored.what}', the "
                    f"dataset has {stored.size}: delete that file and say --units"
                )
            ours = units if conversion is None else (RAD,) * len(vector)
            plans.append(VectorPlan(vector, ours, None, conversion))
        return ValuePlan(plans[0], plans[1], (), ())

    def _samples(self) -> list[Sample]:
        """The values of all episodes that can be read; what is wrong with others is said later.

        Raises DatasetError when none of them can be.
        """
        samples: list[Sample] = []
        unreadable: DatasetError | None = None
        tables: dict[Path, pa.Table] = {}
        for entry in self._entries:
            try:
                if entry.data_file not in tables:
                    tables = {entry.data_file: read_parquet(entry.data_file, VALUES.__contains__)}
                with damage_of(entry.data_file):
                    rows = rows_of(tables[entry.data_file], entry.index)
                    samples.append(
                        Sample(
                            f"episode {entry.index}",
                            vector_column(rows, STATE, self.info.state.size),
                            vector_column(rows, ACTION, self.info.action.size),
                        )
                    )
            except DatasetError as error:
                unreadable = unreadable or error
        if not samples and unreadable is not None:
            raise unreadable
        return samples

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


def episode_rows_or_none(
    read: Callable[[Path], pa.Table], path: Path, episode: int
) -> pa.Table | None:
    """The rows of an episode in a file that may be missing or damaged."""
    try:
        table = read(path)
        return rows_of(table, episode) if "episode_index" in table.column_names else None
    except DatasetError:
        return None


def _interventions(rows: pa.Table) -> NDArray[np.bool_]:
    """(T,) where a person had taken the robot over; (0,) where the dataset does not tell."""
    if INTERVENTION not in rows.column_names:
        return np.zeros(0, dtype=bool)
    told = _truths(rows, INTERVENTION)
    return np.array([value is not None and value for value in told], dtype=bool)


def _truths(rows: pa.Table, column: str) -> list[bool | None]:
    """What each row says, also in a vector of its own; None where it says nothing."""
    return [
        None if cell is None else any(truth(f"'{column}'", value) for value in np.array(cell).flat)
        for cell in rows[column].to_pylist()
    ]


def _is_read(name: str, images: set[str]) -> bool:
    return not name.startswith("observation.image") or name in images
