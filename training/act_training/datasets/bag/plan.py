"""Which images, joints and commands make the steps of an episode. No picture is decoded here.

The observations are those that the policy node would have had: the messages go through its own
`ObservationSync` in the order of their arrival, with the time at which they came.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from act_core.timing import NS_PER_S, to_ns
from act_policy.observation import Observation
from act_policy.observation_sync import NothingNew, ObservationSync
from act_policy.policy_spec import JointInput, PolicySpec
from act_record.timeline import Sample, Timeline
from numpy.typing import NDArray

from act_training.datasets.bag.windows import Window
from act_training.datasets.errors import DatasetError

MAX_COMMAND_AGE_S = 0.2  # older ones are no longer in force: the watchdog of whoever owns the arm
GAP_PERIODS = 1.5  # a step of so many periods means that frames are missing
MIN_PIECE_S = 1.0  # less is no demonstration
RATE_TOLERANCE = 0.05


class Step(NamedTuple):
    """One row of an episode."""

    stamp_ns: int
    joints: NDArray[np.float32]  # (J,) rad
    velocities: NDArray[np.float32] | None  # (J,) rad/s; None where the recording lacks some
    action: NDArray[np.float32]  # (J,) rad: the command in force at `stamp_ns`
    images: Mapping[str, int]  # camera: the number of the image message


@dataclass(frozen=True)
class Plan:
    """An episode as pieces without a gap, and what became of every observation.

    Attributes:
        pieces: each long enough for an episode of its own.
        short: lengths of those that are not [s].
        counts: observations made = thinned + before_first_command + no_command_in_force +
            in_short_pieces + kept; images received and used by camera; and what was refused.
        rate_hz: of the steps.
    """

    pieces: tuple[tuple[Step, ...], ...]
    short: tuple[float, ...]
    counts: Mapping[str, int]
    rate_hz: float


def plan_episode(
    timeline: Timeline, window: Window, spec: PolicySpec, action_topic: str, rate_hz: float | None
) -> Plan:
    """The steps of one episode.

    spec: names the joints and cameras, with the sizes of their images.
    action_topic: whose values become the actions.
    rate_hz: of the dataset; the cameras' own if None.

    Raises DatasetError with the reason when nothing of it can be used.
    """
    counts: Counter[str] = Counter()
    observed = _observe(timeline, window, spec, counts)
    if counts["clock_jumps"]:
        raise DatasetError(
            f"stamps went back {counts['clock_jumps']} times: a clock was set, or a recording was "
            "played again while this one was made"
        )
    if len(observed) < 2:
        why = ", ".join(f"{key} {n}" for key, n in sorted(counts.items()) if n)
        raise DatasetError(f"{len(observed)} complete observations in it ({why or 'no messages'})")
    period_ns = _period([stamp_ns for stamp_ns, *_ in observed])
    every, rate_hz = _thinning(NS_PER_S / period_ns, rate_hz)
    commands = _commands(timeline, window, action_topic, spec.output.joints, counts)
    pieces: list[list[Step]] = [[]]
    last_ns: int | None = None
    for stamp_ns, joints, velocities, images in observed:
        if last_ns is not None and stamp_ns - last_ns < (every - 0.5) * period_ns:
            counts["thinned"] += 1
            continue
        gap = last_ns is not None and stamp_ns - last_ns >= GAP_PERIODS * every * period_ns
        last_ns = stamp_ns
        action = _in_force(commands, stamp_ns)
        if isinstance(action, str):
            counts[action] += 1
            gap = True
        if gap and pieces[-1]:
            pieces.append([])
        if not isinstance(action, str):
            pieces[-1].append(Step(stamp_ns, joints, velocities, action, images))
    whole = tuple(tuple(p) for p in pieces if len(p) >= MIN_PIECE_S * rate_hz)
    short = [p for p in pieces if 0 < len(p) < MIN_PIECE_S * rate_hz]
    counts["in_short_pieces"] = sum(map(len, short))
    counts["kept"] = sum(map(len, whole))
    for camera in spec.cameras:
        counts[f"images_used_{camera}"] = counts["kept"]
    return Plan(whole, tuple(len(p) / rate_hz for p in short), counts, rate_hz)


# Stamp, joints, velocities, image numbers.
Observed = tuple[int, NDArray[np.float32], NDArray[np.float32] | None, dict[str, int]]


def _observe(
    timeline: Timeline, window: Window, spec: PolicySpec, counts: Counter[str]
) -> list[Observed]:
    """What the policy node would have seen in this window, and the velocities of its joints."""
    joints = spec.joint_input.joints
    # The velocities go through the synchroniser behind the positions, as joints of their own: so
    # they are interpolated in the same way, between the same messages.
    names = (*joints, *(f"velocity of {name}" for name in joints))
    sync = ObservationSync(replace(spec, joint_input=JointInput(spec.joint_input.name, names)))
    shapes = {image.camera: image.shape for image in spec.image_inputs}
    stand_ins: dict[int, tuple[NDArray[np.uint8], int]] = {}  # by id: the array, image number
    found: list[Observed] = []
    for event in timeline.events:
        # An image of the episode before may come after this one has begun.
        if not window.start_ns <= event.log_ns <= window.end_ns or event.stamp_ns < window.start_ns:
            continue
        if isinstance(event, Sample):
            counts["joint_samples"] += 1
            try:
                told = event.ordered_velocity(joints)
                # Whatever stands in for those that are missing: none will be given out.
                known = np.zeros(len(joints)) if told is None else told
                sync.add_joints(event.stamp_ns, np.concatenate([event.ordered(joints), known]))
                counts["joint_samples_without_velocities"] += int(told is None)
            except ValueError:
                counts["joint_samples_refused"] += 1
        elif timeline.is_second_copy(event):
            continue
        elif event.camera in shapes:
            counts[f"images_received_{event.camera}"] += 1
            stand_in = np.broadcast_to(np.uint8(0), shapes[event.camera])
            stand_ins[id(stand_in)] = stand_in, event.number
            sync.add_image(event.camera, event.stamp_ns, stand_in)
        taken = sync.take(event.log_ns)
        if isinstance(taken, Observation):
            images = {camera: stand_ins[id(i)][1] for camera, i in taken.images.items()}
            position, velocity = np.split(taken.joint_position, 2)
            found.append((taken.stamp_ns, position, velocity, images))
        elif not isinstance(taken, NothingNew) and found:
            counts[type(taken).__name__] += 1  # messages after which there was no observation
    counts["observations"] = len(found)
    counts["out_of_order"] = sync.out_of_order
    counts["clock_jumps"] = sync.clock_jumps
    if counts["joint_samples_without_velocities"]:
        return [(stamp_ns, position, None, images) for stamp_ns, position, _, images in found]
    return found


Commands = tuple[list[int], list[NDArray[np.float64]]]  # stamps in order, values


def _commands(
    timeline: Timeline,
    window: Window,
    topic: str,
    joints: Sequence[str],
    counts: Counter[str],
) -> Commands:
    found = []
    for sample in timeline.commands.get(topic, []):
        if not window.start_ns <= sample.stamp_ns <= window.end_ns:
            continue
        counts["commands"] += 1
        try:
            values = sample.ordered(joints)
            if not np.isfinite(values).all():
                raise ValueError("not finite")
        except ValueError:
            counts["commands_refused"] += 1
            continue
        found.append((sample.stamp_ns, values))
    found.sort(key=lambda command: command[0])
    return [stamp_ns for stamp_ns, _ in found], [values for _, values in found]


def _in_force(commands: Commands, stamp_ns: int) -> NDArray[np.float32] | str:
    """The newest command for ``stamp_ns`` or before, never a later one; or why there is none."""
    stamps, values = commands
    newest = bisect_right(stamps, stamp_ns) - 1
    if newest < 0:
        return "before_first_command"
    if stamp_ns - stamps[newest] > to_ns(MAX_COMMAND_AGE_S):
        return "no_command_in_force"
    return values[newest].astype(np.float32)


def _period(stamps: Sequence[int]) -> float:
    """The mean time between two observations [ns], gaps left out.

    Not the median: where a simulation at 100 Hz takes pictures at 30 Hz, they are 30, 30 and 40 ms
    apart.
    """
    intervals = np.diff(stamps)
    return float(np.mean(intervals[intervals < GAP_PERIODS * np.median(intervals)]))


def _thinning(camera_hz: float, rate_hz: float | None) -> tuple[int, float]:
    """Every how many observations make a step, and the rate that results."""
    if rate_hz is None:
        return 1, float(max(1, round(camera_hz)))
    every = max(1, round(camera_hz / rate_hz))
    if abs(camera_hz / every - rate_hz) > RATE_TOLERANCE * rate_hz:
        possible = ", ".join(f"{camera_hz / k:.4g}" for k in (1, 2, 3))
        raise DatasetError(
            f"complete observations come at {camera_hz:.1f} Hz, of which no {rate_hz:g} Hz can be "
            f"made without a repeated or an uneven step: say --rate-hz (possible: {possible} ...)"
        )
    return every, rate_hz


def frames_of(piece: Sequence[Step]) -> dict[int, list[tuple[str, int]]]:
    """Image number to the cameras and rows where it belongs."""
    found: dict[int, list[tuple[str, int]]] = {}
    for row, step in enumerate(piece):
        for camera, number in step.images.items():
            found.setdefault(number, []).append((camera, row))
    return found
