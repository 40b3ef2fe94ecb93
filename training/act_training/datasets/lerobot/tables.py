"""The tables of a LeRobotDataset: its episodes, its tasks, and the rows of one episode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from act_training.datasets.errors import DatasetError, damage_of
from act_training.datasets.foreign import (
    LARGEST_COUNT,
    LARGEST_TABLE,
    check_content,
    fill_template,
    finite_number,
    inside,
    parse_object,
    read_text,
    visible,
    whole_number,
)
from act_training.datasets.lerobot.info import LerobotInfo

TIME_TOLERANCE_S = 1e-4  # LeRobot's own for time stamps
JITTER = 0.25  # of a period: stamps of a recorder's own clock; more is another frame's time
TASK_COLUMNS = ("task_index", "task", "__index_level_0__")
ROWS_AT_ONCE = 64
EXACT_IN_FLOAT32 = 2**24  # whole numbers up to this


@dataclass(frozen=True)
class VideoSpan:
    """Where an episode is in a video file. `end_s` is None where the episode is the whole file."""

    path: Path
    start_s: float
    end_s: float | None


@dataclass(frozen=True)
class EpisodeEntry:
    """One episode as the dataset's tables describe it.

    Attributes:
        tasks: texts; empty where only the rows say which.
        videos: by camera key.
        refusal: why it must not be read.
    """

    index: int
    length: int
    tasks: tuple[str, ...]
    data_file: Path
    videos: Mapping[str, VideoSpan]
    refusal: str | None = None


class EpisodeTable(NamedTuple):
    """All episodes in order, and what is wrong with the table, for a person."""

    entries: list[EpisodeEntry]
    warnings: list[str]


def read_episode_entries(info: LerobotInfo) -> EpisodeTable:
    """All episodes in order; DatasetError when a table is missing, damaged or incomplete."""
    with damage_of(f"the table of episodes below {info.folder / 'meta'}"):
        found = _entries_v3(info) if info.version == "v3.0" else _entries_v2(info)
    if not found:
        raise DatasetError(f"{info.folder} holds no episodes")
    entries, warnings = _without_doubles(found)
    return EpisodeTable(_refuse_shared_frames(entries), warnings)


def _without_doubles(found: Iterable[EpisodeEntry]) -> tuple[list[EpisodeEntry], list[str]]:
    """Rows that say the same twice count once (a recording that was resumed after a crash)."""
    entries: dict[int, EpisodeEntry] = {}
    doubled = []
    for entry in found:
        first = entries.setdefault(entry.index, entry)
        if first != entry:
            entries[entry.index] = replace(
                first, refusal="the table of episodes has two rows for it, which differ"
            )
        elif first is not entry:
            doubled.append(entry.index)
    warnings = []
    if doubled:
        listed = ", ".join(map(str, doubled))
        warnings.append(f"the table of episodes has rows twice, read once: episode {listed}")
    return sorted(entries.values(), key=lambda entry: entry.index), warnings


def _refuse_shared_frames(entries: Sequence[EpisodeEntry]) -> list[EpisodeEntry]:
    """Episodes that claim frames of one another: their places in the videos are stale."""
    spans: dict[tuple[str, Path], list[tuple[float, float, int]]] = {}
    for entry in entries:
        for key, span in entry.videos.items():
            if span.end_s is not None and entry.length:
                place = (span.start_s, span.end_s, entry.index)
                spans.setdefault((key, span.path), []).append(place)
    reasons: dict[int, str] = {}
    for (_, path), places in spans.items():
        places.sort()
        for before, after in pairwise(places):
            if after[0] < before[1] - TIME_TOLERANCE_S:
                for index, other in ((before[2], after[2]), (after[2], before[2])):
                    reasons[index] = (
                        f"the table of episodes gives it frames of {path.name} that it gives "
                        f"episode {other}, too: its file indices are stale"
                    )
    return [replace(entry, refusal=entry.refusal or reasons.get(entry.index)) for entry in entries]


def _entries_v3(info: LerobotInfo) -> list[EpisodeEntry]:
    folder = info.folder / "meta/episodes"
    paths = visible(folder.glob("*/*.parquet"))
    if not paths:
        raise DatasetError(
            f"{folder} holds no parquet file: the recording was probably never finalized"
        )
    entries: list[EpisodeEntry] = []
    for path in paths:
        inside(info.folder, path.relative_to(info.folder).as_posix(), "the table of episodes")
        rows = read_parquet(path, _describes).to_pylist()
        entries += [_entry_v3(info, row) for row in rows]
    return entries


def _describes(column: str) -> bool:
    """Whether a column of the table of episodes is read: not the statistics of every episode."""
    return column in ("episode_index", "length", "tasks") or column.startswith(("data/", "videos/"))


def _entry_v3(info: LerobotInfo, row: Mapping[str, Any]) -> EpisodeEntry:
    return EpisodeEntry(
        index=whole_number("episode_index", row["episode_index"]),
        length=whole_number("length", row["length"]),
        tasks=_texts(row.get("tasks")),
        data_file=_place(info, "data_path", info.data_path, row, "data"),
        videos={c.key: _span(info, row, c.key) for c in info.cameras if c.is_video},
    )


def _place(
    info: LerobotInfo, what: str, template: object, row: Mapping[str, Any], column: str,
    key: str = "",
) -> Path:  # fmt: skip
    place: dict[str, int | str] = {
        name: whole_number(f"{column}/{name}", row[f"{column}/{name}"])
        for name in ("chunk_index", "file_index")
    }
    return _file(info, what, template, place | {"video_key": key})


def _file(info: LerobotInfo, what: str, template: object, values: Mapping[str, int | str]) -> Path:
    return inside(info.folder, fill_template(what, template, values), what)


def _texts(stored: object) -> tuple[str, ...]:
    if isinstance(stored, str):
        return (stored,)
    texts = stored if isinstance(stored, (list, tuple)) else ()
    return tuple(text for text in texts if isinstance(text, str) and text.strip())


def _span(info: LerobotInfo, row: Mapping[str, Any], key: str) -> VideoSpan:
    if info.video_path is None:
        raise DatasetError(f"'{key}' is a video, but meta/info.json has no video_path")
    column = f"videos/{key}"
    path = _place(info, "video_path", info.video_path, row, column, key)
    start_s, end_s = (
        finite_number(f"{column}/{name}", row[f"{column}/{name}"])
        for name in ("from_timestamp", "to_timestamp")
    )
    return VideoSpan(path, start_s, end_s)


def _entries_v2(info: LerobotInfo) -> list[EpisodeEntry]:
    entries = []
    for row in _json_lines(info, "meta/episodes.jsonl"):
        index = whole_number("episode_index", row["episode_index"])
        names: dict[str, int | str] = {
            "episode_chunk": index // info.chunks_size,
            "episode_index": index,
        }
        videos = {}
        for camera in info.cameras:
            if camera.is_video:
                if info.video_path is None:
                    raise DatasetError(f"'{camera.key}' is a video, but there is no video_path")
                values = {**names, "video_key": camera.key}
                path = _file(info, "video_path", info.video_path, values)
                videos[camera.key] = VideoSpan(path, 0.0, None)
        data_file = _file(info, "data_path", info.data_path, names)
        length = whole_number("length", row["length"])
        entries.append(EpisodeEntry(index, length, _texts(row.get("tasks")), data_file, videos))
    return entries


def _json_lines(info: LerobotInfo, name: str) -> list[dict[str, Any]]:
    path = inside(info.folder, name, name)
    return [parse_object(path, line) for line in read_text(path).splitlines() if line.strip()]


def read_tasks(info: LerobotInfo) -> dict[int, str]:
    """The texts of the tasks by number, of whichever file has them; empty where none does."""
    rows: list[dict[str, Any]] = []
    with damage_of(f"the tasks below {info.folder / 'meta'}"):
        if (info.folder / "meta/tasks.jsonl").is_file():
            rows += _json_lines(info, "meta/tasks.jsonl")
        path = inside(info.folder, "meta/tasks.parquet", "the table of tasks")
        if path.is_file():
            rows += read_parquet(path, TASK_COLUMNS.__contains__).to_pylist()
        return {
            whole_number("task_index", row["task_index"]): str(text)
            for row in rows
            if (text := row.get("task", row.get("__index_level_0__"))) is not None
        }


def read_parquet(
    path: Path, wanted: Callable[[str], bool], most_bytes: float = LARGEST_TABLE
) -> pa.Table:
    """The columns `wanted` of a parquet file; DatasetError when they are more than `most_bytes`.

    Read a few rows at a time: a kilobyte can stand for gigabytes of one repeated text.
    """
    check_content(path)
    with damage_of(path):
        try:
            with pq.ParquetFile(path) as file:
                if not 0 <= file.metadata.num_rows <= LARGEST_COUNT:
                    raise DatasetError(f"{path} claims {file.metadata.num_rows} rows")
                schema = pa.schema([field for field in file.schema_arrow if wanted(field.name)])
                batches, size = [], 0
                for batch in file.iter_batches(ROWS_AT_ONCE, columns=schema.names):
                    batches.append(batch)
                    size += batch.nbytes
                    if size > most_bytes:
                        raise DatasetError(
                            f"{path} holds more than {most_bytes / 1e6:.0f} MB, which do not fit"
                        )
                return pa.Table.from_batches(batches, batches[0].schema if batches else schema)
        except pa.ArrowException as error:
            raise DatasetError(f"{path} is damaged or missing: {error!r}") from error


class EpisodeRows(NamedTuple):
    """The rows of one episode; `seconds` (T,) of a recorder's own clock, None on a steady one."""

    table: pa.Table
    seconds: NDArray[np.float64] | None


def episode_rows(table: pa.Table, entry: EpisodeEntry, rate_hz: float) -> EpisodeRows:
    """The rows of one episode, all of them there, in order and on time, or DatasetError."""
    for name in ("episode_index", "frame_index", "timestamp"):
        if name not in table.column_names:
            raise DatasetError(f"{entry.data_file} has no column '{name}'")
    rows = rows_of(table, entry.index)
    if len(rows) != entry.length:
        raise DatasetError(
            f"{entry.data_file} has {len(rows)} rows of it, the table of episodes says "
            f"{entry.length}"
        )
    frames, expected = scalar_column(rows, "frame_index"), np.arange(entry.length)
    if not np.array_equal(frames, expected):
        wrong = int(np.flatnonzero(frames != expected)[0])
        raise DatasetError(
            f"row {wrong} is frame {frames[wrong]:g}: frames are missing or mixed up"
        )
    seconds, due_s = scalar_column(rows, "timestamp"), expected / rate_hz
    # float32 stamps grow coarser with time, by half a unit of their last digit.
    tolerance_s = TIME_TOLERANCE_S + np.spacing(due_s.astype(np.float32)) / 2
    off_s = np.abs(seconds - due_s)
    if (off_s <= tolerance_s).all():
        return EpisodeRows(rows, None)
    in_time = off_s <= JITTER / rate_hz
    if not in_time.all():
        wrong = int(np.flatnonzero(~in_time)[0])
        raise DatasetError(
            f"frame {wrong} has the time stamp {seconds[wrong]:.4f} s, expected "
            f"{due_s[wrong]:.4f} s at {rate_hz:g} Hz: stamps count from 0 in each episode, and fps "
            "in meta/info.json is their rate"
        )
    if not (np.diff(seconds) > 0).all():
        raise DatasetError("its time stamps do not increase")
    return EpisodeRows(rows, seconds)


def rows_of(table: pa.Table, episode: int) -> pa.Table:
    """The rows of one episode."""
    column = table["episode_index"]
    if _is_list(column.type):
        return table.filter(pa.array(scalar_column(table, "episode_index") == episode))
    return table.filter(pc.equal(column, episode))


def scalar_column(rows: pa.Table, name: str) -> NDArray[np.float64]:
    """(T,) a column of numbers, or of lists of one number; empty cells are NaN."""
    column = rows[name].combine_chunks()
    if _is_list(column.type):
        column = column.flatten()
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise DatasetError(f"column '{name}' is of type {column.type}, expected numbers")
    values = column.to_numpy(zero_copy_only=False).astype(np.float64)
    if len(values) != len(rows):
        raise DatasetError(f"column '{name}' has {len(values)} values in {len(rows)} rows")
    return values


def _is_list(kind: pa.DataType) -> bool:
    return (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def vector_column(rows: pa.Table, key: str, size: int) -> NDArray[np.float32]:
    """(T, size) a column of vectors (or of numbers, where size is 1); DatasetError otherwise."""
    if key not in rows.column_names:
        raise DatasetError(
            f"there is no column '{key}', there are: {', '.join(sorted(rows.column_names))}"
        )
    column = rows[key].combine_chunks()
    kind = column.type
    is_list = _is_list(kind)
    value_type = kind.value_type if is_list else kind
    if not (pa.types.is_floating(value_type) or pa.types.is_integer(value_type)):
        raise DatasetError(f"column '{key}' is of type {kind}, expected vectors of float32")
    if column.null_count:
        raise DatasetError(f"column '{key}' has {column.null_count} empty rows")
    values = column.flatten() if is_list else column
    if is_list and any(length != size for length in set(pc.list_value_length(column).to_pylist())):
        raise DatasetError(f"column '{key}' has vectors of another length than {size}")
    if values.null_count or len(values) != len(rows) * size:
        raise DatasetError(f"column '{key}' has empty or surplus values")
    numbers = values.to_numpy(zero_copy_only=False)
    if pa.types.is_integer(value_type) and np.abs(numbers.astype(np.float64)).max(initial=0) > (
        EXACT_IN_FLOAT32
    ):
        raise DatasetError(f"column '{key}' has whole numbers beyond {EXACT_IN_FLOAT32}")
    return numbers.astype(np.float32).reshape(len(rows), size)
