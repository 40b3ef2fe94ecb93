"""Bags of an SO-101 as other recorders make them, written by `rosbags` alone.

One second and more at 10 Hz: a picture (`foreign_datasets.picture`), the joints at the same instant
and half way to the next, and the command that is in force then.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from act_core.robots.so101 import JOINT_NAMES
from act_training.datasets.lerobot.so101_units import so101_units
from numpy.typing import NDArray
from PIL import Image
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from tests.cases.foreign_datasets import arm_degrees, picture, targets

STORE = get_typestore(Stores.ROS2_HUMBLE)
TYPES = STORE.types
START_NS, PERIOD_NS = 1_700_000_000_000_000_000, 100_000_000
STEPS = 14
ALPHABET = sorted(JOINT_NAMES)
TO_RAD = so101_units("degrees").to_rad

Message = tuple[str, str, Any, int]  # topic, type, message, log time


def make_bag(
    folder: Path,
    storage: StoragePlugin = StoragePlugin.SQLITE3,
    compression: CompressionMode = CompressionMode.NONE,
    *,
    files: int = 1,
    **said: Any,
) -> Path:
    """The bag's folder; ``said`` goes to `messages`."""
    found = sorted(messages(**said), key=lambda message: message[3])
    parts = np.array_split(np.arange(len(found)), files)
    for number, part in enumerate(parts):
        where = folder if files == 1 else folder.with_name(f"part{number}")
        _write(where, [found[i] for i in part], storage, compression)
    if files > 1:
        _join(folder, files)
    return folder


def _write(folder: Path, found: Sequence[Message], storage, compression) -> None:
    writer = Writer(folder, version=9, storage_plugin=storage)
    writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        topics = {}
        for topic, kind, message, log_ns in found:
            if topic not in topics:
                topics[topic] = writer.add_connection(topic, kind, typestore=STORE)
            writer.write(topics[topic], log_ns, STORE.serialize_cdr(message, kind))


def _join(folder: Path, files: int) -> None:
    """What a recorder leaves that begins a new file now and then."""
    folder.mkdir()
    names = []
    for number in range(files):
        part = folder.with_name(f"part{number}")
        tree = yaml.safe_load((part / "metadata.yaml").read_text())
        (data,) = tree["rosbag2_bagfile_information"]["relative_file_paths"]
        names.append(f"{folder.name}_{number}{''.join(Path(data).suffixes)}")
        (part / data).rename(folder / names[-1])
        shutil.rmtree(part)
    tree["rosbag2_bagfile_information"]["relative_file_paths"] = names
    (folder / "metadata.yaml").write_text(yaml.safe_dump(tree))


def make_ros1_bag(path: Path) -> Path:
    """A file of ROS 1."""
    store = get_typestore(Stores.ROS1_NOETIC)
    with Ros1Writer(path) as writer:
        kind = "std_msgs/msg/String"
        connection = writer.add_connection("/chatter", kind, typestore=store)
        message = store.types[kind](data="hello")
        writer.write(connection, START_NS, store.serialize_ros1(message, kind))
    return path


def messages(
    *,
    names: Sequence[str] = JOINT_NAMES,
    groups: Sequence[Sequence[str]] = (),
    commands: str = "joint_state",
    command_topic: str = "/joint_commands",
    images: str = "rgb8",
    image_topic: str = "/camera/front/image_raw",
    to_rad=TO_RAD,
    late_ns: int = 1_000_000,
) -> Iterator[Message]:
    """Everything that a recorder hears.

    Args:
        names: of the joints, in the order of the messages.
        groups: of joints that are published in messages of their own.
        commands: joint_state, trajectory, floats: the type of the commands.
        images: an encoding, or jpeg.
        late_ns: between stamp and log time.
    """
    rows = [to_rad(values(0, STEPS).astype(np.float32)) for values in (arm_degrees, targets)]
    for step in range(STEPS):
        at = START_NS + step * PERIOD_NS
        state, action = (dict(zip(JOINT_NAMES, row[step].tolist(), strict=True)) for row in rows)
        following = rows[0][min(step + 1, STEPS - 1)]
        between = dict(zip(JOINT_NAMES, (rows[0][step] + following) / 2, strict=True))
        for group in groups or [names]:
            for values, when in ((state, at), (between, at + PERIOD_NS // 2)):
                yield "/joint_states", *joint_state(group, values, when), when + late_ns
        topic = command_topic if commands == "joint_state" else f"/controller/{commands}"
        yield topic, *command(commands, names, action, at), at + late_ns
        yield image_topic, *image(images, picture(0, step), at), at + 2 * late_ns


def header(stamp_ns: int, frame: str = "") -> Any:
    time = TYPES["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 10**9))
    return TYPES["std_msgs/msg/Header"](stamp=time, frame_id=frame)


def joint_state(names: Sequence[str], values: dict[str, float], at: int) -> tuple[str, Any]:
    kind = "sensor_msgs/msg/JointState"
    position = np.array([values[name] for name in names], np.float64)
    none, effort = np.array([]), np.zeros(len(names))
    return kind, TYPES[kind](header(at), list(names), position, velocity=none, effort=effort)


def command(kind: str, names: Sequence[str], values: dict[str, float], at: int) -> tuple[str, Any]:
    if kind == "joint_state":
        return joint_state(names, values, at)
    position = np.array([values[name] for name in names], np.float64)
    if kind == "floats":
        layout = TYPES["std_msgs/msg/MultiArrayLayout"](dim=[], data_offset=0)
        kind = "std_msgs/msg/Float64MultiArray"
        return kind, TYPES[kind](layout=layout, data=position)
    none = np.array([])
    duration = TYPES["builtin_interfaces/msg/Duration"](sec=0, nanosec=0)
    point = TYPES["trajectory_msgs/msg/JointTrajectoryPoint"](position, none, none, none, duration)
    kind = "trajectory_msgs/msg/JointTrajectory"
    return kind, TYPES[kind](header(at), list(names), [point])


def image(encoding: str, pixels: NDArray[np.uint8], at: int) -> tuple[str, Any]:
    if encoding == "jpeg":
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=95, subsampling=0)
        kind = "sensor_msgs/msg/CompressedImage"
        data = np.frombuffer(buffer.getvalue(), np.uint8)
        return kind, TYPES[kind](header(at), format="rgb8; jpeg compressed bgr8", data=data)
    stored = {
        "rgb8": lambda: pixels,
        "bgr8": lambda: pixels[..., ::-1],
        "bgra8": lambda: np.dstack([pixels[..., ::-1], np.full(pixels.shape[:2], 255, np.uint8)]),
        "8UC3": lambda: pixels[..., ::-1],
        "16UC1": lambda: np.full(pixels.shape[:2], 700, np.uint16),
    }[encoding]()
    height, width = pixels.shape[:2]
    data = np.frombuffer(np.ascontiguousarray(stored).tobytes(), np.uint8)
    kind = "sensor_msgs/msg/Image"
    step = len(data) // height
    return kind, TYPES[kind](header(at), height, width, encoding, 0, step, data)
