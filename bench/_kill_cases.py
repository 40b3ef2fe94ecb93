"""The commands that `bench.kills` interrupts: what stands before, how to start, what counts."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from act_core import ros, topics
from act_core.errors import ConfigurationError
from act_core.files import read_json
from act_core.robots.so101 import JOINT_NAMES
from act_record import episode_recorder
from act_record.bag_reader import OUTCOME_FILE, open_bag
from act_record.contract import CONTRACT, contract_text
from act_record.episode_recorder import EpisodeRecorder, next_number, write_outcome
from act_record.repair import repair
from rclpy.serialization import serialize_message
from rosbag_lite import BagMessage, BagTopic

UNREADABLE = "cannot be read"
_START_NS = 1_700_000_000_000_000_000

State = dict[str, str]  # name -> digest of what a reader gets


@dataclass(frozen=True)
class Case:
    """A command and the folder that it works in.

    Attributes:
        prepare: makes the folder, with inputs and what stands before.
        command: the command, in this process; also the one that goes on after an interruption.
        state: what is in the folder, as its readers see it; raises for what is not whole.
        grows: whether a mixture of the two states is whole: a folder of episodes.
    """

    name: str
    prepare: Callable[[Path], None]
    command: Callable[[Path], None]
    read: Callable[[Path], State]
    grows: bool = False

    def state(self, folder: Path) -> State:
        try:
            return self.read(folder)
        except Exception as error:  # whatever it is, it is the finding
            return {UNREADABLE: repr(error)}

    def compare(self, found: State, before: State, after: State) -> str | None:
        """What is wrong with what an interruption left, if anything."""
        if found in (before, after):
            return None
        if self.grows and UNREADABLE not in found:
            lost = [name for name in before if name not in found]
            odd = [n for n, d in found.items() if d not in (before.get(n), after.get(n))]
            return f"lost {lost}, not whole {odd}" if lost or odd else None
        return f"neither the old nor the new one: {found}"


def _call(main: Callable[[], None], *arguments: object) -> None:
    """The command as a shell would call it."""
    sys.argv = [main.__module__, *map(str, arguments)]
    main()


def _digest(*parts: object) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return digest.hexdigest()[:16]


def _episodes(folder: Path) -> State:
    from act_training.datasets.episode_file import read_episode

    state = {}
    for path in sorted(folder.glob("episode_*.hdf5")):
        episode = read_episode(path)
        images = [image for _, image in sorted(episode.images.items())]
        state[path.name] = _digest(episode.task, episode.joints, episode.actions, *images)
    return state


def _make_episodes(folder: Path, count: int) -> None:
    from act_training.datasets.episode_file import Episode, episode_path, write_episode
    from act_training.features import Camera, Features

    folder.mkdir(parents=True)
    features = Features(("a", "b"), ("rad",) * 2, ("a", "b"), ("rad",) * 2,
                        (Camera("front", 24, 32),), 20.0)  # fmt: skip
    for seed in range(count):
        rng = np.random.default_rng(seed)
        joints = (np.linspace(0, 1, 30)[:, None] * rng.uniform(-1, 1, 2)).astype(np.float32)
        episode = Episode(
            features=features, task="toy", seed=seed, success=True, joints=joints, actions=joints,
            stamps_ns=np.arange(30, dtype=np.int64) * 50_000_000,
            images={"front": rng.integers(0, 256, (30, 24, 32, 3), dtype=np.uint8)},
            placement={"x": float(joints[-1, 0])},
        )  # fmt: skip
        write_episode(episode_path(folder, seed), episode)


# ------------------------------------------------------------------------------------- collect


def _prepare_collect(folder: Path) -> None:
    _collect(folder, episodes=1)


def _collect(folder: Path, episodes: int = 3) -> None:
    from act_training.collect import main

    _call(main, "--env", "so101/reach", "--out", folder / "data", "--episodes", episodes,
          "--workers", 1, "--height", 24, "--width", 32, "--cameras", "front")  # fmt: skip


# --------------------------------------------------------------------------------------- train

_TRAIN = ("--preset", "debug", "--training.precision", "fp32", "--training.steps", "12",
          "--training.log-every", "2", "--training.validate-every", "4")  # fmt: skip


def _train(folder: Path) -> None:
    from act_training.train import main

    run = folder / "run"
    if (run / "last").exists():
        _call(main, "--resume", run)
    else:
        _call(main, *_TRAIN, "--data", folder / "data", "--out", run)


def _prepare_resume(folder: Path) -> None:
    from act_training.train import main

    _make_episodes(folder / "data", 4)
    data, run = folder / "data", folder / "run"
    _call(main, *_TRAIN, "--data", data, "--out", run, "--stop-after", 4)


def _checkpoints(folder: Path) -> State:
    """Of a run, whatever has been reached; the end is bit for bit that of an unbroken run."""
    from act_training.checkpoint import load_checkpoint, load_training_state

    state = {}
    for name in ("last", "best", "final"):
        if (folder / "run" / name).exists():
            checkpoint = load_checkpoint(folder / "run" / name)
            tensors = [tensor.numpy() for tensor in checkpoint.policy.state_dict().values()]
            state[f"{name} {checkpoint.step}"] = _digest(*tensors)
    if (folder / "run/last").exists():
        load_training_state(folder / "run/last")
    return state


class _TrainCase(Case):
    def compare(self, found: State, before: State, after: State) -> str | None:
        """A run has had many checkpoints between; each is whole where it can be loaded."""
        if UNREADABLE in found:
            return str(found)
        kinds = {name.split()[0] for name in found}
        return None if {name.split()[0] for name in before} <= kinds else f"lost: {found}"


# -------------------------------------------------------------------------------------- export


def _prepare_export(folder: Path) -> None:
    _prepare_resume(folder)
    _export(folder, "first")


def _export(folder: Path, name: str = "second") -> None:
    from act_training.export import main

    _call(main, "--checkpoint", folder / "run", "--out", folder / "bundle", "--name", name,
          "--no-fast")  # fmt: skip


def _bundle(folder: Path) -> State:
    from act_policy.load_policy import load_policy

    policy = load_policy(folder / "bundle", engine="cpu", threads=1)
    names = sorted(path.name for path in (folder / "bundle").iterdir())
    return {"bundle": f"{policy.spec.name} {names}"}


# -------------------------------------------------------------------------------------- import


def _prepare_import(folder: Path) -> None:
    import h5py

    (folder / "theirs").mkdir(parents=True)
    for number in range(6):  # the layout of the original ACT
        rng = np.random.default_rng(number)
        with h5py.File(folder / f"theirs/episode_{number}.hdf5", "w") as file:
            file.attrs["sim"] = True
            file["action"] = rng.uniform(-1, 1, (30, 2)).astype(np.float32)
            file["observations/qpos"] = rng.uniform(-1, 1, (30, 2)).astype(np.float32)
            images = rng.integers(0, 256, (30, 24, 32, 3), dtype=np.uint8)
            file["observations/images/top"] = images
    _import(folder)
    for number in (1, 4):
        (folder / f"data/episode_{number:06d}.hdf5").unlink()


def _import(folder: Path) -> None:
    from act_training.import_dataset import main

    _call(main, "act", folder / "theirs", "--out", folder / "data", "--units", "rad",
          "--rate-hz", 20, "--joint-names", "a", "b")  # fmt: skip


# -------------------------------------------------------------------------- record, import bags

_TAKES = 3
_CONTRACT = {CONTRACT: contract_text("wave", ("front",), "raw", 20.0, JOINT_NAMES)}


@cache
def _messages(take: int) -> list[BagMessage]:
    """What a recorder hears in 1.5 s: an arm at 50 Hz and a camera at 20 Hz. Another one each
    time."""
    rng = np.random.default_rng(take)
    found = []

    def add(topic: topics.Topic, message: Any, at_ns: int) -> None:
        data = bytes(serialize_message(message))
        found.append(BagMessage(f"/{topic.name}", topic.type_name, data, at_ns))

    for step in range(75):
        at_ns = _START_NS + step * 20_000_000
        position = 0.3 * np.sin(0.04 * step + np.arange(len(JOINT_NAMES)) + take)
        arm = ros.joint_state(JOINT_NAMES, position, at_ns)
        add(topics.JOINT_STATES, arm, at_ns + 500_000)
        add(topics.JOINT_COMMANDS, arm, at_ns + 1_000_000)
    for frame in range(30):
        at_ns = _START_NS + frame * 50_000_000
        pixels = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        picture = ros.array_to_image(pixels, at_ns, "front")
        add(topics.camera_image("front"), picture, at_ns + 2_000_000)
    return sorted(found, key=lambda message: message.log_ns)


def _prepare_record(folder: Path) -> None:
    for take in range(_TAKES):  # in this process: bytes between fields are those of the process
        _messages(take)
    _record(folder, takes=1)


def _record(folder: Path, takes: int = _TAKES) -> None:
    """An evening of recording: what an earlier one has left is repaired, looked at and thrown away,
    then it goes on until there are so many. The limit for a disk that is nearly full is out of the
    way."""
    episode_recorder.MIN_FREE_BYTES = 0
    bags = folder / "bags"
    for left in (path for path in bags.glob("episode_*") if not _is_kept(path)):
        if _content_of_rest(left):
            repair(left)
            _content_of_rest(left)
        shutil.rmtree(left)
    kinds = dict.fromkeys((message.topic, message.type_name) for message in _messages(0))
    recorder = EpisodeRecorder(bags, [BagTopic(*kind) for kind in kinds], _CONTRACT)
    while (take := next_number(bags)) < takes:
        try:
            recorder.start()
        except ConfigurationError as error:  # as a service's answer tells it
            raise SystemExit(f"error: {error}") from error
        for message in _messages(take):
            recorder.write(message.topic, bytes(message.data), message.log_ns)
        recording = recorder.stop()
        problem = recording.problem
        try:
            write_outcome(recording.folder, success=True, messages=recording.messages)
        except OSError as error:
            problem = problem or str(error)
        if problem is not None:
            raise SystemExit(f"error: the disk is full: {problem}")


def _is_kept(path: Path) -> bool:
    return (path / OUTCOME_FILE).exists() and open_bag(path).is_whole


def _content_of_rest(path: Path) -> int:
    """How many messages a bag holds that was not ended; each is as it came."""
    if not any(path.iterdir()):
        return 0  # killed between the folder and its file
    found = list(open_bag(path).messages())
    sent = _messages(int(path.name.rpartition("_")[2]))[: len(found)]
    if [m.data for m in found] != [m.data for m in sent]:
        raise ValueError(f"{path.name} holds what nobody sent")
    return len(found)


def _recordings(folder: Path) -> State:
    state = {}
    for path in sorted((folder / "bags").glob("episode_*")):
        if _is_kept(path):
            told = read_json(path / OUTCOME_FILE)["messages"]
            contents = [(m.topic, m.data, m.log_ns) for m in open_bag(path).messages()]
            state[path.name] = _digest(told, contents)
        else:
            _content_of_rest(path)
    return state


def _prepare_import_bags(folder: Path) -> None:
    _record(folder)
    _import_bags(folder)
    (folder / "data/episode_000001.hdf5").unlink()


def _import_bags(folder: Path) -> None:
    from act_training.import_dataset import main

    _call(main, "bag", folder / "bags", "--out", folder / "data")


# ----------------------------------------------------------------------------------- calibrate


def _calibrate(folder: Path, shift: int = 1) -> None:
    """As `so101-setup calibrate` writes it in the end: an arm whose horns were moved by a count."""
    from so101_driver.calibration import Calibration
    from so101_driver.emulator.arm import emulated_calibration

    calibration = Calibration(
        {
            name: replace(joint, homing_offset=joint.homing_offset + shift)
            for name, joint in emulated_calibration().items()
        }
    )
    for _ in range(10):
        try:
            calibration.save(folder / "arm.json")
        except OSError as error:
            raise SystemExit(f"error: the disk is full: {error}") from error


def _calibration(folder: Path) -> State:
    from so101_driver.calibration import load

    return {"arm": repr(load(folder / "arm.json"))}


CASES = {
    case.name: case
    for case in (
        Case("collect", _prepare_collect, _collect, lambda f: _episodes(f / "data"), grows=True),
        _TrainCase("train", lambda f: _make_episodes(f / "data", 4), _train, _checkpoints),
        _TrainCase("resume", _prepare_resume, _train, _checkpoints),
        Case("export", _prepare_export, _export, _bundle),
        Case("import", _prepare_import, _import, lambda f: _episodes(f / "data"), grows=True),
        Case(
            "import_bags",
            _prepare_import_bags,
            _import_bags,
            lambda f: _episodes(f / "data"),
            grows=True,
        ),
        Case("record", _prepare_record, _record, _recordings, grows=True),
        Case("calibrate", lambda f: _calibrate(f, 0), _calibrate, _calibration),
    )
}
