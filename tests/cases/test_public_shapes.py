"""Inputs in the shapes that are found in public: each is read exactly, or refused with the remedy.

One table: a name, how the input is made and imported, and what has to come out: values that are
compared number by number (every joint, action and picture), or the text of the refusal.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from act_core.errors import ConfigurationError
from act_core.robots.so101 import JOINT_NAMES
from act_training.datasets.episode_file import episode_files, read_episode
from act_training.datasets.lerobot.so101_units import so101_units
from act_training.datasets.source import Declared
from act_training.import_checkpoint import describe
from act_training.import_dataset import ImportOptions, import_source
from act_training.lerobot_checkpoint import find_checkpoint, read_checkpoint
from numpy.typing import NDArray
from PIL import Image
from rosbags.rosbag2 import CompressionMode, StoragePlugin
from safetensors.numpy import load_file, save_file

from tests.cases.foreign_bags import ALPHABET as ALPHABETICAL
from tests.cases.foreign_bags import STEPS, make_bag, make_ros1_bag
from tests.cases.foreign_datasets import (
    FRONT,
    POSITIONS,
    RATE_HZ,
    TASK,
    Values,
    arm_degrees,
    camera,
    make_dataset,
    picture,
    targets,
)
from tests.training.lerobot_checkpoints import write_checkpoint
from tests.training.lerobot_folders import edit_table
from tests.training.test_import_checkpoint import OUTPUTS, answer, edit, edit_step
from tests.training.test_so101_units import calibration

ROWS = "data/chunk-000/episode_{:06d}.parquet"
VIDEO = camera(dtype="video")
ALPHABET = sorted(range(6), key=lambda i: JOINT_NAMES[i])


@dataclass(frozen=True)
class Read:
    """What an import gives: episodes by the number of their picture, their values in rad."""

    episodes: Mapping[int, int] = field(default_factory=lambda: {0: 5, 1: 6})  # steps
    to_rad: Callable[[NDArray], NDArray] = field(default=lambda rows: DEGREES.to_rad(rows))
    state: Values = arm_degrees
    action: Values = targets
    joints: tuple[str, ...] = JOINT_NAMES
    cameras: tuple[str, ...] = ("front",)
    unit: str = "rad"
    loss: int = 0  # of a colour's 256 values, in compressed pictures
    warns: str | None = None
    refuses: str | None = None  # of other episodes of the source


Case = tuple[Callable[[Path], Path], dict[str, Any], "Read | str"]
DEGREES = so101_units("degrees")
SAID = {"units": "degrees"}


def lerobot(version: str = "v2.1", change=None, **said) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        made = make_dataset(folder / "d", version, **said)
        if change is not None:
            change(made)
        return made

    return make


def values_of(rows) -> Values:
    return lambda episode, steps: rows(arm_degrees(episode, steps))


def other_robot(episode: int, steps: int) -> NDArray:
    return np.sin(np.arange(steps * 3).reshape(steps, 3) + episode)


def percent(values: Values) -> Values:
    return lambda episode, steps: values(episode, steps) * 0.7


def rad(values: Values) -> Values:
    return lambda episode, steps: DEGREES.to_rad(values(episode, steps))


def old(values: Values) -> Values:
    signs, zeros = np.array([1, -1, 1, 1, 1, 1]), np.array([0, 90, 90, 0, 0, 0])
    return lambda episode, steps: values(episode, steps) * signs + zeros


def pick(values: Values, order) -> Values:
    return lambda episode, steps: values(episode, steps)[:, order]


def doubled(values: Values) -> Values:
    return lambda e, n: np.hstack([values(e, n), values(e, n)])


def listed(kind: pa.DataType, number=float) -> Callable[[NDArray], pa.Array]:
    return lambda rows: pa.array([list(map(number, row)) for row in rows], kind)


def truncate_video(folder: Path) -> None:
    path = sorted(folder.rglob("*.mp4"))[-1]
    path.write_bytes(path.read_bytes()[:-300])


def double_rows(folder: Path) -> None:
    path = folder / ROWS.format(1)
    table = pq.read_table(path)
    pq.write_table(pa.concat_tables([table, table]), path)


def shift_index(folder: Path) -> None:
    """Episode 1 becomes episode 4, as after deletions without renumbering."""
    (folder / ROWS.format(1)).rename(folder / ROWS.format(4))
    edit_table(folder / ROWS.format(4), "episode_index", pa.array([4] * 6))
    path = folder / "meta/episodes.jsonl"
    path.write_text(path.read_text().replace('"episode_index": 1', '"episode_index": 4'))


def nan_in_one(folder: Path) -> None:
    path = folder / ROWS.format(1)
    values = pq.read_table(path)["action"].to_pylist()
    values[2][3] = float("nan")
    edit_table(path, "action", pa.array(values, pa.list_(pa.float32(), 6)))


def drop_task(folder: Path) -> None:
    path = folder / "meta/episodes.jsonl"
    path.write_text(path.read_text().replace(f'"tasks": ["{TASK}"], ', ""))


def pointer(name: str) -> Callable[[Path], None]:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:77\nsize 99\n"
    return lambda folder: (folder / name).write_text(text) and None


def late_stamps(folder: Path) -> None:
    path = folder / ROWS.format(1)
    edit_table(path, "timestamp", pa.array((np.arange(6) / RATE_HZ + 0.06).astype(np.float32)))


BIMANUAL = [f"{side}_{name}" for side in ("left", "right") for name in POSITIONS]
SPEEDS = [*POSITIONS, *(f"{name}.vel" for name in JOINT_NAMES)]
VERSIONS = ("v2.0", "v2.1", "v3.0")
CHANNEL_FIRST = camera(shape=[3, 16, 32], names=["channel", "h", "w"])
THREE = {"state": other_robot, "action": other_robot}
DATASETS: dict[str, Case] = {
    **{f"{v}, pictures in the tables": (lerobot(v), SAID, Read()) for v in VERSIONS},
    **{
        f"{v}, videos": (lerobot(v, cameras={FRONT: VIDEO}), SAID, Read(loss=3)) for v in VERSIONS
    },
    "two cameras of both kinds": (
        lerobot("v3.0", cameras={FRONT: VIDEO, "observation.images.top": camera()}),
        SAID, Read(cameras=("front", "top"), loss=3),
    ),
    "one camera of two": (
        lerobot(cameras={FRONT: camera(), "observation.images.top": camera()}),
        {**SAID, "cameras": ("top",)}, Read(cameras=("top",)),
    ),
    "percent of the model's ranges": (
        lerobot(state=percent(arm_degrees), action=percent(targets)), {"units": "percent"},
        Read(state=percent(arm_degrees), action=percent(targets),
             to_rad=so101_units("percent").to_rad),
    ),
    "radians": (
        lerobot(state=rad(arm_degrees), action=rad(targets)), {"units": "rad"}, Read(),
    ),
    "old names and zero": (
        lerobot(names=[f"main_{n}" for n in JOINT_NAMES], state=old(arm_degrees),
                action=old(targets)), {}, Read(),
    ),
    "old zero, by its values": (
        lerobot(names=list(JOINT_NAMES), state=old(arm_degrees), action=old(targets)), {}, Read(),
    ),
    "names below motors": (lerobot("v2.0", names={"motors": POSITIONS}), SAID, Read()),
    "a list in a list": (lerobot(names=[POSITIONS]), SAID, Read()),
    "names in the alphabet's order": (
        lerobot(names=[POSITIONS[i] for i in ALPHABET], state=pick(arm_degrees, ALPHABET),
                action=pick(targets, ALPHABET)), SAID, Read(),
    ),
    "speeds in the state": (
        lerobot(names=SPEEDS, action_names=POSITIONS, state=doubled(arm_degrees)), SAID,
        Read(warns="values of the state left out, no positions: shoulder_pan.vel"),
    ),
    "two arms": (
        lerobot("v3.0", names=BIMANUAL, state=doubled(arm_degrees), action=doubled(targets)), SAID,
        Read(state=doubled(arm_degrees), action=doubled(targets),
             joints=tuple(n.removesuffix(".pos") for n in BIMANUAL),
             to_rad=lambda rows: np.hstack([DEGREES.to_rad(rows[:, :6]),
                                            DEGREES.to_rad(rows[:, 6:])])),
    ),
    "another robot": (
        lerobot(names=["x", "y", "z"], **THREE), {"units": "m"},
        Read(state=other_robot, action=other_robot, to_rad=np.float32, joints=("x", "y", "z"),
             unit="m"),
    ),
    "another robot of unknown units": (
        lerobot(names=["x", "y", "z"], **THREE), {},
        Read(state=other_robot, action=other_robot, to_rad=np.float32, joints=("x", "y", "z"),
             unit="unknown", warns="nothing says in which units"),
    ),
    "no names": (lerobot(names=None), SAID, Read(warns="nothing names the six values: taken for")),
    "doubles": (lerobot(as_column=listed(pa.list_(pa.float64()))), SAID, Read()),
    "large lists": (lerobot(as_column=listed(pa.large_list(pa.float64()))), SAID, Read()),
    "whole numbers": (
        lerobot(as_column=listed(pa.list_(pa.int32()), int)), SAID,
        Read(to_rad=lambda rows: DEGREES.to_rad(np.trunc(rows))),
    ),
    "a gap between the numbers": (lerobot(change=shift_index), SAID, Read()),
    "NaN in one episode": (
        lerobot(change=nan_in_one), SAID,
        Read({0: 5}, refuses="episode 1: actions hold values that are not finite"),
    ),
    "an episode of nothing": (
        lerobot(lengths=(5, 0)), SAID, Read({0: 5}, refuses="episode 1: "),
    ),
    "colours first": (lerobot(cameras={FRONT: CHANNEL_FIRST}), SAID, Read()),
    "a depth map": (
        lerobot(cameras={FRONT: camera(), "observation.images.d": camera(shape=[16, 32, 1])}), SAID,
        Read(warns="camera 'observation.images.d' is left out: no three colours"),
    ),
    "a camera with a dash": (
        lerobot(cameras={"observation.images.top-left": camera()}), SAID,
        Read(cameras=("top_left",)),
    ),
    "task texts in the other file": (lerobot(change=drop_task), SAID, Read()),
    "a gripper of 0..1": (
        lerobot(state=values_of(lambda v: v * [1, 1, 1, 1, 1, 0.01]),
                action=lambda e, n: targets(e, n) * [1, 1, 1, 1, 1, 0.01]),
        {**SAID, "gripper_open": 1.0}, Read(),
    ),
    "no units": (lerobot(), {}, "its values fit several: say --units degrees"),
    "units that nobody knows": (lerobot(), {"units": "deg"}, "unknown units 'deg'; did you mean"),
    "a gripper of 0..1, unsaid": (
        lerobot(state=values_of(lambda v: v * [1, 1, 1, 1, 1, 0.01]),
                action=lambda e, n: targets(e, n) * [1, 1, 1, 1, 1, 0.01]),
        SAID, r"the gripper goes from .* say --gripper-open 1",
    ),
    "actions in rad": (lerobot(action=rad(targets)), SAID, "Expected absolute targets|radians"),
    "actions as differences": (
        lerobot(action=lambda e, n: targets(e, n) - arm_degrees(e, n)), SAID,
        "the actions are differences, .*Expected absolute targets",
    ),
    "a base": (
        lerobot(names=[*POSITIONS, "x.vel", "y.vel", "theta.vel"],
                state=lambda e, n: np.c_[arm_degrees(e, n), np.zeros((n, 3))],
                action=lambda e, n: np.c_[targets(e, n), np.zeros((n, 3))]),
        SAID, "the action has x.vel, y.vel, theta.vel beside the joints of an SO-101",
    ),
    "counts of servos": (
        lerobot(state=values_of(lambda v: v * 11 + 2048),
                action=lambda e, n: targets(e, n) * 11 + 2048),
        SAID, "more than a full turn. Say the units of these values",
    ),
    "a truncated video": (
        lerobot(change=truncate_video, lengths=(5,), cameras={FRONT: VIDEO}), SAID,
        r"\.mp4 (cannot be decoded|ends after).*truncated",
    ),
    "rows twice": (lerobot(change=double_rows, lengths=(5, 6)), SAID,
                   Read({0: 5}, refuses="has 12 rows of it, the table of episodes says 6")),
    "stamps of another frame": (lerobot(change=late_stamps), SAID,
                                Read({0: 5}, refuses="has the time stamp 0.0600 s, expected 0.0")),
    "a version before v2.0": (
        lerobot(info={"codebase_version": "v1.6"}), SAID, "known: v2.0, v2.1, v3.0. LeRobot's own",
    ),
    "another rate than is said": (
        lerobot(), {**SAID, "rate_hz": 30.0}, "--rate-hz 30 contradicts the dataset, .* leave it",
    ),
    "a camera that is not there": (
        lerobot(), {**SAID, "cameras": ("frnt",)}, "unknown camera 'frnt'; did you mean 'front'",
    ),
    "pointers of Git LFS": (
        lerobot(change=pointer(ROWS.format(0)), lengths=(5,)), SAID, "run `git lfs pull` in its",
    ),
    "no camera at all": (lerobot(cameras={}), SAID, "there is no colour camera"),
}  # fmt: skip


def hdf5(layout: str, change=None, episodes: int = 2, **attributes) -> Callable[[Path], Path]:
    """In the layout of the original ACT ("act") or as a collection ("demos")."""

    def make(folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        for e in range(episodes):
            path = folder / (f"episode_{e}.hdf5" if layout == "act" else "demos.hdf5")
            with h5py.File(path, "a") as file:
                file.attrs.update(attributes)
                group = file if layout == "act" else file.create_group(f"demo_{e}")
                frames = np.stack([picture(e, i) for i in range(5 + e)])
                group["observations/images/front"] = frames
                group["observations/qpos"] = arm_degrees(e, 5 + e)
                group["action"] = targets(e, 5 + e)
                if change is not None:
                    change(group, e)
        return folder

    return make


def as_jpeg(group, episode: int) -> None:
    frames = group["observations/images/front"][:]
    encoded = []
    for frame in frames:
        buffer = io.BytesIO()
        Image.fromarray(frame[..., ::-1]).save(buffer, "JPEG", quality=98, subsampling=0)
        encoded.append(np.frombuffer(buffer.getvalue(), np.uint8))
    longest = max(map(len, encoded))
    del group["observations/images/front"]
    padded = [np.pad(row, (0, longest - len(row))) for row in encoded]
    group["observations/images/front"] = np.stack(padded)


def move(*moves: tuple[str, str]) -> Callable[[h5py.Group, int], None]:
    def change(group, episode):
        for before, after in moves:
            group.move(before, after)

    return change


def servo_counts(group, episode: int) -> None:
    del group["action"]
    group["action"] = (targets(episode, 5 + episode) * 11 + 2048).astype(np.int64)


def fewer_actions(group, episode: int) -> None:
    if episode == 1:
        del group["action"]
        group["action"] = targets(1, 4)


def wider(group, episode: int) -> None:
    if episode == 1:
        del group["action"]
        group["action"] = np.zeros((6, 7))


def unwritten(group, episode: int) -> None:
    del group["observations/images/front"]
    chunks = {"chunks": (1, 16, 32, 3)}
    group.create_dataset("observations/images/front", (5 + episode, 16, 32, 3), np.uint8, **chunks)


NAMED = {**SAID, "joint_names": JOINT_NAMES, "rate_hz": float(RATE_HZ)}
ORIGIN_1 = move(("observations/images/front", "observations/image"), ("action", "actions"))
ORIGIN_2 = move(("observations/images", "images"), ("observations/qpos", "joints"),
                ("action", "actions"))  # fmt: skip
HDF5: dict[str, Case] = {
    "the original ACT": (hdf5("act"), NAMED, Read()),
    "the original ACT, a rate in the file": (
        hdf5("act", fps=RATE_HZ), {**SAID, "joint_names": JOINT_NAMES}, Read(),
    ),
    "act-plus-plus": (hdf5("act", as_jpeg, compress=True), NAMED, Read(loss=3)),
    "act-plus-plus without its attribute": (
        hdf5("act", as_jpeg), NAMED, "JPEG probably, but the file has no attribute 'compress'",
    ),
    "demos": (hdf5("demos"), NAMED, Read()),
    "demos with observations/image": (
        hdf5("demos", ORIGIN_1, num_demos=2), NAMED, Read(cameras=("camera",)),
    ),
    "demos with images and joints": (hdf5("demos", ORIGIN_2, num_demos=2), NAMED, Read()),
    "demos that miscount": (
        hdf5("demos", ORIGIN_2, num_demos=9), NAMED,
        Read(warns="says that it has 9 demonstrations, there are 2"),
    ),
    "names in the file": (
        hdf5("act", joint_names=list(JOINT_NAMES), action_names=list(JOINT_NAMES), fps=10.0), SAID,
        Read(),
    ),
    "HDF5 without names": (
        hdf5("act", fps=10.0), SAID, Read(warns="nothing names the six values: taken for"),
    ),
    "HDF5 of another robot": (
        hdf5("act", fps=10.0), {"units": "deg"},
        Read(to_rad=np.float32, joints=tuple(f"joint_{i}" for i in range(6)), unit="deg"),
    ),
    "HDF5 without a rate": (hdf5("act"), SAID, r"say --rate-hz \(the original ACT recorded at 50"),
    "counts in HDF5": (hdf5("act", servo_counts), NAMED, "whole numbers are counts of servos"),
    "fewer actions": (
        hdf5("act", fewer_actions), NAMED, Read({0: 5}, refuses="6 joint rows but 4 action rows"),
    ),
    "another number of values": (
        hdf5("act", wider), NAMED, Read({0: 5}, refuses="7 action values.*import it on its own"),
    ),
    "pictures that were never written": (
        hdf5("act", unwritten), NAMED, "has 0 of 5 parts: it was not written to the end",
    ),
    "simulator states": (
        hdf5("demos", move(("observations/images", "images"), ("observations/qpos", "states"))),
        NAMED, "it has none of observations/qpos, .*there is: action, images, observations, states",
    ),
}  # fmt: skip


def calibrated(**changes: Any) -> Callable[[Path], Path]:
    """A dataset in percent and, beside it, the calibration of its arm, with something changed."""

    def make(folder: Path) -> Path:
        content = json.loads(calibration().dumps())
        content["elbow_flex"].update(changes)
        (folder / "arm.json").write_text(json.dumps(content))
        return lerobot(state=percent(arm_degrees), action=percent(targets))(folder)

    return make


PERCENT = {"units": "percent", "calibration": "arm.json"}
CALIBRATIONS: dict[str, Case] = {
    "percent of an arm's ranges": (
        calibrated(), PERCENT,
        Read(state=percent(arm_degrees), action=percent(targets),
             to_rad=so101_units("percent", calibration()).to_rad),
    ),
    "ends the wrong way round": (calibrated(range_min=3000, range_max=9), PERCENT, "the range is"),
    "half a count": (calibrated(range_min=866.5), PERCENT, "range_min is 866.5, expected a whole"),
    "a key of others": (calibrated(min_angle=3), PERCENT, "unknown key 'min_angle'"),
}  # fmt: skip


def bag(*dress: Any, **said: Any) -> Callable[[Path], Path]:
    """Of another recorder, see `foreign_bags`."""
    return lambda folder: make_bag(folder / "run", *dress, **said)


SQLITE, MCAP = StoragePlugin.SQLITE3, StoragePlugin.MCAP
BAG = Read(episodes={0: STEPS})
JPEG = {"images": "jpeg", "image_topic": "/camera/front/image_raw/compressed"}
BAGS: dict[str, Case] = {
    "a bag in SQLite, joints in the alphabet's order": (
        bag(SQLITE, names=ALPHABETICAL, images="bgr8"), {}, BAG,
    ),
    "a bag in SQLite, its file packed": (
        bag(SQLITE, CompressionMode.FILE, images="bgra8"), {}, BAG,
    ),
    "a bag in SQLite, its messages packed": (bag(SQLITE, CompressionMode.MESSAGE), {}, BAG),
    "a bag of three files": (bag(SQLITE, files=3), {}, BAG),
    "a bag of twelve MCAP files, packed": (bag(MCAP, CompressionMode.FILE, files=12), {}, BAG),
    "a bag in MCAP, its chunks packed": (bag(MCAP, CompressionMode.STORAGE), {}, BAG),
    "a file of a bag alone": (lambda folder: next(bag(MCAP)(folder).glob("*.mcap")), {}, BAG),
    "a bag with JPEG alone": (bag(**JPEG), {}, replace(BAG, loss=2)),
    "a bag whose gripper has messages of its own": (
        bag(groups=(JOINT_NAMES[:5], JOINT_NAMES[5:])), {}, BAG,
    ),
    "a bag with the leader's joints as actions": (
        bag(command_topic="/leader/joint_states"), {"action_topic": "/leader/joint_states"}, BAG,
    ),
    "a bag that came late": (bag(late_ns=40_000_000), {}, BAG),
    "a bag with the leader's joints, unsaid": (
        bag(command_topic="/leader/joint_states"), {},
        r"no /joint_commands.* --action-topic says another .*of that type: leader/joint_states\)",
    ),
    "a bag with a trajectory as command": (
        bag(commands="trajectory"), {}, "targets of joints, as sensor_msgs/JointState",
    ),
    "a bag with numbers as command": (bag(commands="floats"), {}, "as sensor_msgs/JointState"),
    "a bag with a camera of another name": (
        bag(image_topic="/camera/camera/color/image_raw"), {},
        r"no topic camera/NAME/image_raw .*camera/camera/color/image_raw.*--remap",
    ),
    "a bag with a depth camera": (bag(images="16UC1"), {}, "cannot convert 16UC1 to rgb8"),
    "a bag with colours in an order that nobody says": (bag(images="8UC3"), {}, "which channel"),
    "a bag in degrees": (bag(to_rad=lambda rows: rows), {}, "probably degrees, expected radians"),
    "a bag of ROS 1": (
        lambda folder: make_ros1_bag(folder / "old.bag"), {}, "a bag of ROS 1: .*rosbags-convert",
    ),
}  # fmt: skip

TABLE = {**DATASETS, **HDF5, **CALIBRATIONS, **BAGS}


@pytest.mark.parametrize("name", TABLE)
def test_it_is_read_exactly_or_refused_with_the_remedy(tmp_path, caplog, name):
    make, said, expected = TABLE[name]
    source, out = make(tmp_path), tmp_path / "out"
    if "calibration" in said:
        said = {**said, "calibration": str(tmp_path / said["calibration"])}
    options = ImportOptions("auto", str(source), out=out, **said)
    caplog.set_level("INFO")
    if isinstance(expected, str):
        with pytest.raises(ConfigurationError, match=f"(?s){expected}"):
            import_source(options)
        return
    import_source(options)
    episodes = [read_episode(path) for path in episode_files(out)]
    assert len(episodes) == len(expected.episodes)
    for episode, (number, steps) in zip(episodes, expected.episodes.items(), strict=True):
        features = episode.features
        assert features.joints == expected.joints
        assert set(features.joint_units + features.action_units) == {expected.unit}
        assert features.camera_names == expected.cameras
        for rows, values in ((episode.joints, expected.state), (episode.actions, expected.action)):
            right = expected.to_rad(values(number, steps).astype(np.float32))
            np.testing.assert_allclose(rows, right, rtol=0, atol=2e-6)
        for frames in episode.images.values():
            shown = np.stack([picture(number, i) for i in range(steps)]).astype(int)
            assert np.abs(frames - shown).max() <= expected.loss
        if name in DATASETS:
            assert episode.task == TASK
    warnings = [m for m in caplog.messages if m.startswith("warning: ")]
    refusals = [m for m in caplog.messages if m.startswith("refused ")]
    assert len(warnings) >= 1 if expected.warns else warnings == []
    assert len(refusals) == 1 if expected.refuses else refusals == []
    if expected.warns is not None:
        assert expected.warns in warnings[0]
    if expected.refuses is not None:
        assert re.search(expected.refuses, refusals[0])


def rename_tensors(change: Callable[[str], str], name: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        tensors = load_file(folder / name)
        (folder / name).unlink()
        save_file({change(key): value for key, value in tensors.items()}, folder / name)

    return apply


def poison(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.action_head.bias"] = np.full(6, np.nan, np.float32)
    save_file(tensors, folder / "model.safetensors")


def add_step(folder: Path) -> None:
    edit_step(folder / "policy_postprocessor.json", 1, registry_name="absolute_actions_processor")


def lora(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')


CHECKPOINTS: dict[str, tuple[dict, Callable[[Path], None] | None, str | None]] = {
    "of 0.3": ({"old": True}, None, None),
    "of torch.compile": (
        {}, rename_tensors(lambda key: f"_orig_mod.{key}", "model.safetensors"), None,
    ),
    "statistics under another key": (
        {}, rename_tensors(lambda key: f"so101.buffer.{key}", "output.safetensors"),
        "there are those of: so101.buffer.action, .*If one of them is meant, rename",
    ),
    "a camera's statistics with dots": (
        {}, rename_tensors(lambda key: key.replace("wrist", "wri.st"), "inputs.safetensors"),
        "'observation.images.wrist' is normalised by MEAN_STD, but .*observation.images.wri.st",
    ),
    "weights that are not finite": ({}, poison, "the training diverged, take an earlier"),
    "relative actions": ({}, add_step, "has the step 'absolute_actions_processor', which is not"),
    "an adapter": ({}, lora, "holds an adapter .*merge them"),
    "an empty config": (
        {}, lambda folder: (folder / "config.json").write_text("") and None,
        "config.json is empty: copy or download it again",
    ),
    "a pointer of Git LFS": (
        {}, pointer("model.safetensors"), "model.safetensors is a pointer of Git LFS",
    ),
    "another policy": (
        {}, lambda folder: edit(folder / "config.json", type="diffusion"),
        "of type 'diffusion'; only LeRobot's 'act' is known",
    ),
    "an early name of the ensemble's coefficient": (
        {}, lambda folder: edit(folder / "config.json", temporal_ensemble_coeff=None,
                                temporal_ensemble_momentum=0.02), None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_checkpoint_answers_as_lerobots_or_is_refused(tmp_path, name):
    changes, change, message = CHECKPOINTS[name]
    folder = write_checkpoint(tmp_path / "c", **changes)
    if change is not None:
        change(folder)
    if message is not None:
        with pytest.raises(ConfigurationError, match=f"(?s){message}"):
            read_checkpoint(find_checkpoint(folder))
        return
    if "early name" not in name:
        np.testing.assert_allclose(answer(folder), OUTPUTS["defaults"], rtol=0, atol=5e-4)
    else:
        execution = describe(
            read_checkpoint(folder), Declared("degrees", 30.0, trust_units=True)
        ).spec.execution
        assert (execution.mode, execution.m) == ("ensemble", 0.02)


def test_there_are_eighty():
    assert len(TABLE) + len(CHECKPOINTS) >= 80
