"""Bags as a source of episodes: of `act-record`, and of plain `ros2 bag record`.

Every bag is read twice: once for times, joints and commands, which decides what the episodes are,
and once for the pictures that they need.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from act_core import topics
from act_core.errors import ConfigurationError, suggest
from act_core.policy_spec import ActionOutput, ImageInput, JointInput, PolicySpec
from act_core.policy_units import Reach
from act_core.robots import known_joints
from act_record.bag_reader import Bag, is_kept, open_bag
from act_record.contract import read_contract
from act_record.timeline import MEASURED, Timeline
from numpy.typing import NDArray
from tqdm import tqdm

from act_training.datasets.bag.episode_steps import MIN_PIECE_S, Step, steps_of_episode
from act_training.datasets.bag.pictures import check_memory, read_images
from act_training.datasets.bag.windows import Window, on_one_clock, windows
from act_training.datasets.episode_file import Episode
from act_training.datasets.errors import DatasetError
from act_training.datasets.source import Declared
from act_training.features import Camera, Features

BEFORE_THE_GAP = "the piece before the gap"  # it holds the episode's beginning
SELDOM = 0.05  # of the messages: joints of an unknown robot that fewer tell of are strays
SIMULATED = "so101/"  # before the names of act_sim's tasks in act-collect and act-evaluate


class Entry(NamedTuple):
    """One name of the source: an episode that can be read, or the reason why not."""

    name: str
    recording: str = ""  # that it comes from
    bag: Bag | None = None
    piece: tuple[Step, ...] = ()
    begins: bool = True  # whether it holds the first step of what was shown
    spec: PolicySpec | None = None
    task: str = ""
    success: bool | None = None
    simulated: bool = False
    refusal: str | None = None


class BagSource:
    """See `EpisodeSource`.

    paths: of the bags.
    declared: cameras, joint names, rate and task, where a person says them.
    action_topic: whose values become the actions; without its leading slash.
    size: (height, width) to shrink all images to, as the policy node does; None leaves them.
    keep_failures: also take episodes that were judged a failure.
    keep_redo: also take recordings whose verdict was to record them again.

    Attributes:
        statistics: for each bag, and episode in it, what was counted; for JSON.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        declared: Declared,
        action_topic: str = topics.JOINT_COMMANDS.name,
        size: tuple[int, int] | None = None,
        keep_failures: bool = False,
        keep_redo: bool = False,
    ) -> None:
        self._keep_failures = keep_failures
        self._keep_redo = keep_redo
        self._declared = declared
        self._action_topic = action_topic.lstrip("/")
        self._size = size
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.statistics: dict[str, Any] = {}
        self._entries: list[Entry] = []
        twice = {name for name, count in Counter(path.name for path in paths).items() if count > 1}
        for path in tqdm(paths, desc="scan", unit="bag"):
            name = str(path) if path.name in twice else path.name
            try:
                self._entries += self._scan(name, open_bag(path))
            except ConfigurationError as error:
                self._entries.append(Entry(name, name, refusal=str(error)))

    def summary(self, taken: Collection[str]) -> str:
        """What became of the recordings, for a person.

        taken: names of those that were imported.
        """
        used = [entry for entry in self._entries if entry.name in taken]
        recordings = {entry.recording for entry in self._entries}
        text = f"{len({entry.recording for entry in used})} of {len(recordings)} recordings"
        text += f" in {len(used)} pieces" if len(used) > len(recordings) else ""
        later = sum(not entry.begins for entry in used)
        if later:
            text += f", {later} of them without the episode's beginning (no start for the policy)"
        bridged = sum(counts["bridged"] for counts in self.statistics.values())
        return text + (f"; {bridged} lost steps bridged" if bridged else "")

    @property
    def names(self) -> list[str]:
        return [entry.name for entry in self._entries]

    def fingerprint(self, position: int) -> str:
        """See `EpisodeSource`; of the steps as they were planned, and of their pictures' times."""
        entry = self._entries[position]
        if entry.refusal is not None:
            raise DatasetError(entry.refusal)
        said = repr([entry.task, entry.success, entry.simulated, self._size, entry.spec])
        digest = hashlib.sha256(said.encode())
        for step in entry.piece:
            digest.update(f"{step.stamp_ns} {sorted(step.images.items())}".encode())
            if step.intervention:
                digest.update(b"intervention")
            for values in (step.joints, step.velocities, step.action):
                digest.update(b"" if values is None else values.tobytes())
        return digest.hexdigest()

    def read(self, position: int) -> Episode:
        """The episode at `position` of `names`; DatasetError says why there is none."""
        entry = self._entries[position]
        if entry.refusal is not None or entry.bag is None or entry.spec is None:
            raise DatasetError(entry.refusal or "nothing was read")
        steps, spec = entry.piece, entry.spec
        check_memory(steps, spec)
        joints = spec.joint_input.joints
        return Episode(
            features=Features(
                joints=joints,
                joint_units=("rad",) * len(joints),
                actions=joints,
                action_units=("rad",) * len(joints),
                cameras=tuple(Camera(i.camera, i.height, i.width) for i in spec.image_inputs),
                rate_hz=spec.rate_hz,
            ),
            task=self._declared.task or entry.task,
            seed=position,
            success=entry.success,
            simulated=entry.simulated,
            joints=np.stack([step.joints for step in steps]),
            actions=np.stack([step.action for step in steps]),
            stamps_ns=np.array([step.stamp_ns for step in steps], dtype=np.int64),
            images=read_images(entry.bag, steps, spec),
            joint_velocities=_velocities(steps),
            intervention=np.array([step.intervention for step in steps]),
            begun_by="" if entry.begins else BEFORE_THE_GAP,
        )

    def _scan(self, label: str, bag: Bag) -> list[Entry]:
        timeline, note = on_one_clock(Timeline.of(bag))
        for text in bag.notes:
            self._note(label, text)
        if not bag.is_whole:
            why = "; ".join(f"{name}: {text}" for name, text in bag.damage.items())
            self._note(
                label,
                f"it was cut off or damaged; {timeline.length_s:.1f} s of it could be read ({why})",
            )
        if note is not None:
            self._note(label, note)
        for topic, count in timeline.damaged.items():
            self._note(
                label, f"{count} of {timeline.counts[topic]} messages on {topic} are damaged"
            )
        contract = read_contract(bag.attachments())
        outcome = bag.outcome()
        self._check_verdict(outcome)
        cameras = self._cameras(timeline, contract)
        joints = self._joints(timeline, contract)
        found = windows(timeline)
        entries: list[Entry] = []
        for number, window in enumerate(found):
            name = label if len(found) == 1 else f"{label}:{number}"
            success = window.success
            if len(found) == 1 and outcome.get("success") is not None:
                success = outcome["success"]  # what a person said last counts
            rate_hz = self._declared.rate_hz or contract.get("rate_hz")
            spec = _spec(joints, cameras, rate_hz or 1.0)
            task = SIMULATED + window.task if window.task else ""
            task = task or str(contract.get("task") or outcome.get("task") or "recording")
            base = Entry(
                name, label, bag, spec=spec, task=task, success=success,
                simulated=bool(window.task),
            )  # fmt: skip
            if success is False and not self._keep_failures:
                why = "it was judged a failure (--keep-failures takes it)"
                entries.append(base._replace(refusal=why))
                continue
            cut = not bag.is_whole and window.end_ns >= timeline.last_ns
            entries += self._in_steps(base, timeline, window, rate_hz, cut)
        usable = [entry.piece for entry in entries if entry.piece]
        bare = [piece for piece in usable if piece[0].velocities is None]
        if bare:
            samples = timeline.joints()
            lacking = sum(sample.ordered_velocity(joints) is None for sample in samples)
            self._note(
                label,
                f"no joint velocities in {len(bare)} of {len(usable)} episodes: {lacking} of "
                f"{len(samples)} messages on {MEASURED} do not tell them",
            )
        return entries

    def _in_steps(
        self, base: Entry, timeline: Timeline, window: Window, rate_hz: float | None, cut: bool
    ) -> list[Entry]:
        """The pieces of one episode; its refusal when there are none. ``cut``: its end is lost."""
        assert base.spec is not None  # as `_scan` makes it
        try:
            steps = steps_of_episode(timeline, window, base.spec, self._action_topic, rate_hz)
        except DatasetError as error:
            return [base._replace(refusal=str(error))]
        for piece in steps.pieces:
            _check_unit(base.spec.joint_input.joints, piece.steps)
        self.statistics[base.name] = dict(steps.counts)
        spec = _spec(base.spec.joint_input.joints, base.spec.image_inputs, steps.rate_hz)
        count = len(steps.pieces)
        found = [
            base._replace(
                name=base.name if count == 1 else f"{base.name}/{k}",
                piece=piece.steps,
                begins=piece.begins,
                success=base.success if piece.ends and not cut else None,
                spec=spec,
            )
            for k, piece in enumerate(steps.pieces)
        ]
        if steps.counts["bridged"]:
            self._note(base.name, f"{steps.counts['bridged']} lost steps bridged")
        if steps.short:
            longest = max(steps.short)
            text = (
                f"{len(steps.short)} pieces between gaps of at most {longest:.2f} s, expected "
                f"{MIN_PIECE_S:g} s ({_why(steps.counts)})"
            )
            found.append(base._replace(name=f"{base.name}/short", refusal=text))
        elif not found:
            found.append(base._replace(refusal=f"no step of it can be used ({_why(steps.counts)})"))
        return found

    def _check_verdict(self, outcome: Mapping[str, Any]) -> None:
        """DatasetError for a recording that was to be made again, unless it is wanted all the
        same."""
        if is_kept(outcome) or self._keep_redo:
            return
        verdict = outcome.get("verdict")
        verdict = verdict if isinstance(verdict, Mapping) else {}
        problems = verdict.get("problems") or ("episode.json says keep: false",)
        raise DatasetError(
            f"its verdict was REDO: {'; '.join(map(str, problems))} (--keep-redo takes it)"
        )

    def _note(self, name: str, text: str) -> None:
        self.notes.append(f"{name}: {text}")

    def _cameras(self, timeline: Timeline, contract: Mapping[str, Any]) -> tuple[ImageInput, ...]:
        """Those that were asked for, else those that the bag was meant to have, else all."""
        wanted = self._declared.cameras or tuple(contract.get("cameras", timeline.cameras))
        if not wanted:
            raise DatasetError(
                f"it has no topic camera/NAME/image_raw of a camera NAME; its topics are "
                f"{', '.join(sorted(timeline.counts))}. Play it with other names and record that: "
                "ros2 bag play BAG --remap /image_raw:=/camera/front/image_raw"
            )
        found = []
        for name in wanted:
            if name not in timeline.image_sizes:
                raise DatasetError(suggest("camera", name, timeline.cameras))
            height, width = self._size or timeline.image_sizes[name]
            found.append(ImageInput(f"image_{name}", name, height, width))
        return tuple(found)

    def _joints(self, timeline: Timeline, contract: Mapping[str, Any]) -> tuple[str, ...]:
        """Names that were said, else the contract's, else a known robot's or those in the bag.

        Arm and gripper, or two arms, may come in messages of their own.
        """
        if not timeline.counts[MEASURED]:
            raise DatasetError(_without(MEASURED, timeline))
        if not timeline.followed(self._action_topic):
            joints = sorted({MEASURED, *timeline.commands} - {MEASURED}) or ["none"]
            raise DatasetError(
                f"{_without(self._action_topic, timeline)}. The actions are targets of joints, as "
                f"sensor_msgs/JointState: --action-topic says another topic (of that type: "
                f"{', '.join(joints)})"
            )
        told = Counter(name for sample in timeline.joints() for name in dict.fromkeys(sample.names))
        names = tuple(told)  # of all messages: each may tell of some
        often = tuple(n for n in names if told[n] >= SELDOM * max(told.values()))
        own = tuple(known_joints(names)) or often
        wanted = self._declared.joints or tuple(contract.get("joints", own))
        missing = [name for name in wanted if name not in names]
        if missing or not wanted:
            raise DatasetError(
                f"it is of another robot: no joints {', '.join(missing)}; "
                f"it has {', '.join(names) or 'none'}"
            )
        return wanted


def _without(topic: str, timeline: Timeline) -> str:
    return f"it has no /{topic}; its topics are {', '.join(sorted(timeline.counts))}"


def _why(counts: Mapping[str, int]) -> str:
    reasons = ("observations", "thinned", "before_first_command", "no_command_in_force", "TooOld",
               "SkewTooLarge")  # fmt: skip
    return ", ".join(f"{key} {counts[key]}" for key in reasons if counts.get(key))


def _spec(joints: tuple[str, ...], images: tuple[ImageInput, ...], rate_hz: float) -> PolicySpec:
    """What the synchroniser has to join, in its own words."""
    return PolicySpec(
        name="recording",
        rate_hz=rate_hz,
        chunk_size=1,
        joint_input=JointInput("joints", joints),
        image_inputs=images,
        output=ActionOutput("action", joints),
    )


def _check_unit(joints: Sequence[str], steps: Sequence[Step]) -> None:
    """DatasetError for joints of a known robot that cannot be meant in radians."""
    if len(known_joints(joints)) < len(joints):
        return
    reach = Reach(joints)
    for what, rows in (
        ("joints", [s.joints for s in steps]),
        ("actions", [s.action for s in steps]),
    ):
        if (wrong := reach.beyond(rows)) is not None:
            raise DatasetError(f"its {what} are of another unit: {wrong}")


def _velocities(steps: Sequence[Step]) -> NDArray[np.float32] | None:
    """(T, J) rad/s; None where the recording does not tell those of every step."""
    known = [step.velocities for step in steps if step.velocities is not None]
    return np.stack(known) if len(known) == len(steps) else None
