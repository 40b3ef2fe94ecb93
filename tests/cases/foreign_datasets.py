"""LeRobotDataset folders in the forms that are found in public, made from nothing.

Every picture tells which frame of which episode it is (`picture`), every value which joint at which
step (`arm_degrees`), so that what was read can be compared number by number.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from act_core.robots.so101 import JOINT_NAMES
from act_training.datasets.episode_file import Episode
from act_training.features import Camera, Features
from numpy.typing import NDArray
from PIL import Image

HEIGHT, WIDTH, RATE_HZ = 16, 32, 10
POSITIONS = [f"{name}.pos" for name in JOINT_NAMES]
LENGTHS = (5, 6)
TASK = "put the cube into the bowl"
FRONT = "observation.images.front"
Values = Callable[[int, int], NDArray]


def arm_degrees(episode: int, steps: int) -> NDArray:
    """(T, 6) what an SO-101 might do, in degrees, the gripper 0..100."""
    t = np.arange(steps)[:, None]
    centre = np.array([10.0, -60.0, 50.0, 30.0, 15.0, 40.0])
    swing = np.array([20.0, 25.0, 30.0, 20.0, 60.0, 30.0])
    return centre + swing * np.sin(0.4 * t + episode + np.arange(6))


def targets(episode: int, steps: int) -> NDArray:
    """(T, 6) the actions to `arm_degrees`: a little ahead of it."""
    return arm_degrees(episode, steps + 1)[1:] * 1.01


def picture(episode: int, step: int) -> NDArray[np.uint8]:
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    image[..., 0], image[..., 1] = 40 + 20 * (step % 10), 30 + 60 * (episode % 4)
    return image


def camera(**changes: Any) -> dict[str, Any]:
    names = ["height", "width", "channels"]
    return {"dtype": "image", "shape": [HEIGHT, WIDTH, 3], "names": names, **changes}


def write_video(path: Path, frames: Sequence[NDArray[np.uint8]], **options: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        settings = {"g": "2", "crf": "4", **options}
        stream = container.add_stream("h264", rate=RATE_HZ, options=settings)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv444p"
        for i, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, RATE_HZ)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def png_cells(episode: int, steps: int) -> pa.Array:
    cells = []
    for step in range(steps):
        buffer = io.BytesIO()
        Image.fromarray(picture(episode, step)).save(buffer, "PNG")
        cells.append({"bytes": buffer.getvalue(), "path": f"frame_{step:06d}.png"})
    return pa.array(cells)


def vectors(rows: NDArray) -> pa.Array:
    flat = pa.array(np.asarray(rows, np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def make_dataset(
    folder: Path,
    version: str = "v2.1",
    *,
    lengths: Sequence[int] = LENGTHS,
    names: Any = POSITIONS,
    action_names: Any = None,
    state: Values = arm_degrees,
    action: Values = targets,
    cameras: Mapping[str, dict[str, Any]] | None = None,
    as_column: Callable[[NDArray], pa.Array] = vectors,
    info: Mapping[str, Any] | None = None,
) -> Path:
    """A dataset of `version` in `folder`; `info` changes keys of meta/info.json."""
    cameras = {FRONT: camera()} if cameras is None else cameras
    (folder / "meta").mkdir(parents=True)
    tables, lines, start = [], [], 0
    for episode, steps in enumerate(lengths):
        frames = np.arange(steps)
        columns = {
            "action": as_column(action(episode, steps)),
            "observation.state": as_column(state(episode, steps)),
            "timestamp": pa.array((frames / RATE_HZ).astype(np.float32)),
            "frame_index": pa.array(frames),
            "episode_index": pa.array(np.full(steps, episode)),
            "index": pa.array(start + frames),
            "task_index": pa.array(np.zeros(steps, np.int64)),
        }
        for key, feature in cameras.items():
            if feature["dtype"] == "image":
                columns[key] = png_cells(episode, steps)
            elif version != "v3.0":
                path = folder / f"videos/chunk-000/{key}/episode_{episode:06d}.mp4"
                write_video(path, [picture(episode, i) for i in range(steps)])
        tables.append(pa.table(columns))
        lines.append({"episode_index": episode, "tasks": [TASK], "length": steps})
        start += steps
    sizes = {key: (arm(0, 1).shape[1]) for key, arm in (("a", action), ("s", state))}
    described = {
        "codebase_version": version,
        "robot_type": "so101_follower",
        "total_episodes": len(lengths),
        "total_frames": start,
        "fps": RATE_HZ,
        "chunks_size": 1000,
        "features": {
            "action": vector(action_names or names, sizes["a"]),
            "observation.state": vector(names, sizes["s"]),
            **cameras,
        },
    }
    if version == "v3.0":
        described |= _write_v30(folder, lines, tables, cameras)
    else:
        described |= _write_v21(folder, lines, tables)
    (folder / "meta/info.json").write_text(json.dumps({**described, **(info or {})}))
    return folder


def vector(names: Any, size: int) -> dict[str, Any]:
    return {"dtype": "float32", "shape": [size], "names": names}


def _write_v21(folder: Path, lines: list[dict], tables: list[pa.Table]) -> dict[str, str]:
    (folder / "data/chunk-000").mkdir(parents=True)
    for episode, table in enumerate(tables):
        pq.write_table(table, folder / f"data/chunk-000/episode_{episode:06d}.parquet")
    (folder / "meta/episodes.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    (folder / "meta/tasks.jsonl").write_text(json.dumps({"task_index": 0, "task": TASK}) + "\n")
    name = "episode_{episode_index:06d}"
    return {
        "data_path": f"data/chunk-{{episode_chunk:03d}}/{name}.parquet",
        "video_path": f"videos/chunk-{{episode_chunk:03d}}/{{video_key}}/{name}.mp4",
    }


def _write_v30(
    folder: Path, lines: list[dict], tables: list[pa.Table], cameras: Mapping[str, dict]
) -> dict[str, str]:
    for name in ("data/chunk-000", "meta/episodes/chunk-000"):
        (folder / name).mkdir(parents=True)
    pq.write_table(pa.concat_tables(tables), folder / "data/chunk-000/file-000.parquet")
    videos = [key for key, feature in cameras.items() if feature["dtype"] == "video"]
    start = 0
    for line in lines:
        line.update({"data/chunk_index": 0, "data/file_index": 0})
        for key in videos:
            ends = (start / RATE_HZ, (start + line["length"]) / RATE_HZ)
            line.update({f"videos/{key}/chunk_index": 0, f"videos/{key}/file_index": 0})
            line[f"videos/{key}/from_timestamp"], line[f"videos/{key}/to_timestamp"] = ends
        start += line["length"]
    for key in videos:
        frames = [picture(x["episode_index"], i) for x in lines for i in range(x["length"])]
        write_video(folder / f"videos/{key}/chunk-000/file-000.mp4", frames)
    pq.write_table(pa.Table.from_pylist(lines), folder / "meta/episodes/chunk-000/file-000.parquet")
    pq.write_table(pa.table({"task_index": [0], "task": [TASK]}), folder / "meta/tasks.parquet")
    return {
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    }


def own_episode(joints: Sequence[str] = ("a", "b"), unit: str = "rad", steps: int = 6) -> Episode:
    """An episode of this project, as if collected here."""
    rows = np.random.default_rng(0).uniform(-0.1, 1.0, (steps, len(joints))).astype(np.float32)
    names, units = tuple(joints), (unit,) * len(joints)
    return Episode(
        features=Features(names, units, names, units, (Camera("front", HEIGHT, WIDTH),), RATE_HZ),
        task=TASK,
        seed=0,
        success=True,
        joints=rows,
        actions=rows,
        stamps_ns=np.arange(steps) * (10**9 // RATE_HZ),
        images={"front": np.stack([picture(0, i) for i in range(steps)])},
    )
