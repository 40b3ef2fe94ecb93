"""Episodes out of a LeRobotDataset folder."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
from act_core.so101 import JOINT_NAMES
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from so101_driver.calibration import Calibration

from act_training.datasets.episode_file import Episode
from act_training.datasets.errors import DatasetError, damage_of
from act_training.datasets.lerobot.info import ACTION, STATE, CameraFeature, read_info
from act_training.datasets.lerobot.sidecar import UNCHANGED, EpisodeFacts, Sidecar, read_sidecar
from act_training.datasets.lerobot.so101_units import (
    OLD_DEGREES,
    RAD,
    So101Units,
    find_scheme,
    scheme_notes,
    so101_units,
)
from act_training.datasets.lerobot.tables import (
    EpisodeEntry,
    episode_rows,
    read_data_file,
    read_episode_entries,
    vector_column,
)
from act_training.datasets.lerobot.video_reader import read_frames
from act_training.datasets.source import UNKNOWN_UNIT, Declared
from act_training.features import Camera, Features

OLD_PREFIX = "main_"  # of joint names before LeRobot's pull request 777
SUFFIX = ".pos"


class LerobotSource:
    """A LeRobotDataset as a source of episodes.

    SO-101 values become radians; those of other robots stay as they are. Raises DatasetError when
    the dataset as a whole cannot be read, or when its units cannot be told.

    Attributes:
        notes: what was assumed or left out, for a person.
    """

    def __init__(
        self, folder: Path, declared: Declared, calibration: Calibration | None = None
    ) -> None:
        self.info = info = read_info(folder)
        self._entries = read_episode_entries(info)
        self._sidecar = read_sidecar(folder)
        self._file: tuple[Path, pa.Table] | None = None  # the newest: neighbours share a file
        self._task = declared.task
        self._declared_unit = declared.units
        declared.check_rate(info.rate_hz)
        self.notes = list(info.skipped)
        if info.episodes != len(self._entries):
            self.notes.append(
                f"meta/info.json counts {info.episodes} episodes, its tables {len(self._entries)}"
            )
        self._joints = declared.rename_joints(tuple(map(_plain_name, info.state_names)))
        self._actions = declared.rename_actions(tuple(map(_plain_name, info.action_names)))
        self._units = self._find_units(calibration)
        self._cameras = declared.choose_cameras({c.name: c for c in info.cameras})
        self.features = Features(
            joints=self._joints,
            joint_units=self._unit_names(self._joints, "joint_units"),
            actions=self._actions,
            action_units=self._unit_names(self._actions, "action_units"),
            cameras=tuple(Camera(c.name, c.height, c.width) for c in self._cameras),
            rate_hz=info.rate_hz,
        )

    @property
    def names(self) -> list[str]:
        return [f"episode {entry.index}" for entry in self._entries]

    def read(self, position: int) -> Episode:
        """The episode at `position` of `names`; DatasetError says what is wrong with it."""
        entry = self._entries[position]
        with damage_of(entry.data_file):
            return self._read(entry)

    def _read(self, entry: EpisodeEntry) -> Episode:
        rows = episode_rows(self._table(entry.data_file), entry, self.info.rate_hz)
        joints = vector_column(rows, STATE, len(self._joints))
        actions = vector_column(rows, ACTION, len(self._actions))
        if self._units is not None:
            joints, actions = self._units.to_rad(joints), self._units.to_rad(actions)
        facts = self._facts(entry)
        stamps_ns = np.rint(np.arange(entry.length) * 1e9 / self.info.rate_hz).astype(np.int64)
        return Episode(
            features=self.features,
            task=self._task or ", ".join(entry.tasks) or "unnamed",
            seed=facts.seed if facts is not None else entry.index,
            success=facts.success if facts is not None else self._success(rows),
            joints=joints,
            actions=actions,
            stamps_ns=stamps_ns,
            images={camera.name: self._images(camera, entry, rows) for camera in self._cameras},
            placement=facts.placement if facts is not None else {},
        )

    def _facts(self, entry: EpisodeEntry) -> EpisodeFacts | None:
        """What the sidecar says of an episode; None when LeRobot has changed the dataset since."""
        if self._sidecar is None or entry.index >= len(self._sidecar.episodes):
            return None
        facts = self._sidecar.episodes[entry.index]
        return facts if facts.length == entry.length else None

    def _table(self, path: Path) -> pa.Table:
        if self._file is None or self._file[0] != path:
            self._file = (path, read_data_file(path))
        return self._file[1]

    def _success(self, rows: pa.Table) -> bool | None:
        if not self.info.has_success or "next.success" not in rows.column_names:
            return None
        judged = [value for value in rows["next.success"].to_pylist() if value is not None]
        return any(np.any(value) for value in judged) if judged else None

    def _images(
        self, camera: CameraFeature, entry: EpisodeEntry, rows: pa.Table
    ) -> NDArray[np.uint8]:
        size = (camera.height, camera.width)
        if camera.is_video:
            span = entry.videos[camera.key]
            with damage_of(span.path):
                return read_frames(span, entry.length, self.info.rate_hz, size)
        if camera.key not in rows.column_names:
            raise DatasetError(f"there is no column '{camera.key}' with the images of the camera")
        cells = rows[camera.key].to_pylist()
        frames = [self._decode(cell, i, camera.key) for i, cell in enumerate(cells)]
        for i, frame in enumerate(frames):
            if frame.shape != (*size, 3):
                raise DatasetError(
                    f"image {i} of '{camera.key}' is {frame.shape[1]}x{frame.shape[0]}, expected "
                    f"{size[1]}x{size[0]}"
                )
        return np.stack(frames)

    def _decode(self, cell: dict | None, index: int, key: str) -> NDArray[np.uint8]:
        try:
            if cell is None:
                raise ValueError("it is empty")
            stored = cell.get("bytes")
            source = io.BytesIO(stored) if stored else self.info.folder / (cell["path"] or "")
            return np.asarray(Image.open(source).convert("RGB"))
        except (OSError, UnidentifiedImageError, ValueError, KeyError) as error:
            raise DatasetError(f"image {index} of '{key}' cannot be decoded: {error}") from error

    def _find_units(self, calibration: Calibration | None) -> So101Units | None:
        """The conversion to rad for an SO-101 arm; None for any other robot."""
        wanted = self._declared_unit
        if self._sidecar is not None:
            return self._units_of_sidecar(self._sidecar, calibration)
        if self._joints != JOINT_NAMES or self._actions != JOINT_NAMES:
            if calibration is not None:
                raise DatasetError(
                    f"a calibration is for an SO-101 arm; this dataset has {self._joints}"
                )
            return None
        if wanted is None and all(n.startswith(OLD_PREFIX) for n in self.info.state_names):
            wanted = OLD_DEGREES
        scheme = find_scheme(wanted, self._sample())
        self.notes += scheme_notes(scheme, calibration)
        return so101_units(scheme, calibration)

    def _units_of_sidecar(
        self, sidecar: Sidecar, calibration: Calibration | None
    ) -> So101Units | None:
        """What act-export-lerobot wrote down; DatasetError for a contradiction."""
        if calibration is not None or self._declared_unit not in (None, sidecar.units):
            raise DatasetError(
                f"the dataset says itself that its values are '{sidecar.units}': leave --units and "
                "--calibration out"
            )
        if sidecar.units == UNCHANGED:
            return None
        return So101Units(sidecar.units, np.array(sidecar.scale), np.array(sidecar.offset))

    def _sample(self) -> NDArray[np.float32]:
        """(N, 6) states of all rows of the first data file."""
        path = self._entries[0].data_file
        return vector_column(self._table(path), STATE, len(self._joints))

    def _unit_names(self, names: tuple[str, ...], which: str) -> tuple[str, ...]:
        if self._units is not None:
            return (RAD,) * len(names)
        if self._sidecar is not None:
            return tuple(getattr(self._sidecar, which))
        if self._declared_unit is not None:
            return (self._declared_unit,) * len(names)
        if which == "joint_units":
            self.notes.append("nothing says in which units the values are: name them with --units")
        return (UNKNOWN_UNIT,) * len(names)


def _plain_name(name: str) -> str:
    return name.removeprefix(OLD_PREFIX).removesuffix(SUFFIX)
