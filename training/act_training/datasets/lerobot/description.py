"""What a LeRobotDataset v3.0 says of itself: meta/info.json and meta/tasks.parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from act_core.robots.so101 import JOINT_NAMES
from act_core.robots.so101_bimanual import SO101_BIMANUAL

from act_training.datasets.lerobot.file_series import DATA_PATH, VIDEO_PATH, FileSizes
from act_training.datasets.lerobot.info import ACTION, INTERVENTION, STATE
from act_training.features import Features

VERSION = "v3.0"
# LeRobot's names of one SO-101 and of two from 0.4.3 on, by their joints.
ROBOTS = {JOINT_NAMES: "so_follower", SO101_BIMANUAL.joint_names: "bi_so_follower"}
ROBOT_SUFFIX = ".pos"  # of the joint names of LeRobot's robots
SCALARS = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64",
           "index": "int64", "task_index": "int64"}  # fmt: skip


def camera_key(name: str) -> str:
    """The feature that holds a camera's images."""
    return f"observation.images.{name}"


def describe(
    features: Features,
    videos: Mapping[str, Mapping[str, object]],
    sizes: FileSizes,
    *,
    is_so101: bool,
    interventions: bool,
    episodes: int,
    frames: int,
    tasks: int,
) -> dict[str, Any]:
    """The content of meta/info.json.

    Args:
        videos: per camera what `video_writer.video_info` says of its files.
    """
    suffix = ROBOT_SUFFIX if is_so101 else ""
    described: dict[str, Any] = {}
    for key, names in ((ACTION, features.actions), (STATE, features.joints)):
        described[key] = {
            "dtype": "float32",
            "shape": [len(names)],
            "names": [f"{name}{suffix}" for name in names],
        }
    if interventions:
        described[INTERVENTION] = {"dtype": "bool", "shape": [1], "names": None}
    for camera in features.cameras:
        described[camera_key(camera.name)] = {
            "dtype": "video",
            "shape": [camera.height, camera.width, 3],
            "names": ["height", "width", "channels"],
            "info": dict(videos[camera.name]),
        }
    for name, dtype in SCALARS.items():
        described[name] = {"dtype": dtype, "shape": [1], "names": None}
    return {
        "codebase_version": VERSION,
        "robot_type": ROBOTS.get(features.joints) if is_so101 else None,
        "total_episodes": episodes,
        "total_frames": frames,
        "total_tasks": tasks,
        "chunks_size": sizes.files_per_chunk,
        "data_files_size_in_mb": sizes.data_mb,
        "video_files_size_in_mb": sizes.video_mb,
        "fps": round(features.rate_hz),
        "splits": {"train": f"0:{episodes}"},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH,
        "features": described,
    }


def task_table(tasks: list[str]) -> pa.Table:
    """The tasks as LeRobot looks them up: as the index of a pandas table, which is metadata."""
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": tasks})
    kinds = {"task_index": ("int64", "int64"), "task": ("unicode", "object")}
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [],
        "columns": [
            {
                "name": name,
                "field_name": name,
                "pandas_type": pandas_type,
                "numpy_type": numpy_type,
                "metadata": None,
            }
            for name, (pandas_type, numpy_type) in kinds.items()
        ],
        "pandas_version": "2.0.0",
    }
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})
