"""LeRobotDataset folders made by hand, from the format's description alone."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

RATE_HZ = 10
LENGTHS = (4, 6)  # of the hand-made episodes
KEY = "observation.images.front"


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


def make_v30(folder: Path) -> Path:
    """Two episodes in shared files, as v3.0 has them."""
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


def make_v21(folder: Path) -> Path:
    """The same episodes in files of their own, as v2.1 has them."""
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
