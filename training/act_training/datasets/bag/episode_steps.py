"""Which images, joints and commands make the steps of an episode. No picture is decoded here.

The observations are those that the policy node would have had: the messages go through its own
`StreamSync` in the order of their arrival, with the time at which they came.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from act_core.arbiter import PERSON
from act_core.joints import JointMerger
from act_core.policy_spec import PolicySpec
from act_core.timing import NS_PER_S, to_ns
from act_policy.observation_sync import Instant, NothingNew, StreamSync, SyncLimits
from act_record.timeline import Sample, Timeline
from numpy.typing import NDArray

from act_training.datasets.bag.windows import Window
from act_training.datasets.errors import DatasetError

MAX_COMMAND_AGE_S = 0.2  # older ones are no longer in force: the watchdog of whoever owns the arm
GAP_PERIODS = 1.5  # a step of so many periods means that frames are missing
MAX_BRIDGED = 2  # missing steps in a row that are made up for
EDGE_S = 0.5  # between the commands and the steps of an episode, at its two ends
MIN_PIECE_S = 1.0  # less is no demonstration
RATE_TOLERANCE = 0.05


class Step(NamedTuple):
    """One row of an episode."""

    stamp_ns: int
    joints: NDArray[np.float32]  # (J,) rad
    velocities: NDArray[np.float32] | None  # (J,) rad/s; None where the recording lacks some
    action: NDArray[np.float32]  # (J,) rad: the command in force at `stamp_ns`
    images: Mapping[str, int]  # camera: the number of the image message
    intervention: bool = False  # whether a person had the arm


class Piece(NamedTuple):
    """Steps without a gap. Only a piece that begins the episode tells where the arm starts, and
    only one that ends it can be what was judged."""

    steps: tuple[Step, ...]
    begins: bool  # nothing of the episode is missing before it
    ends: bool  # nor behind it


@dataclass(frozen=True)
class EpisodeSteps:
    """An episode as pieces without a gap, and what became of every observation.

    Attributes:
        pieces: each long enough for an episode of its own.
        short: lengths of those that are not [s].
        counts: observations made = thinned + before_first_command + no_command_in_force +
            in_short_pieces + kept; steps bridged, which come on top; images received and used by
            camera; and what was refused.
        rate_hz: of the steps.
    """

    pieces: tuple[Piece, ...]
    short: tuple[float, ...]
    counts: Mapping[str, int]
    rate_hz: float


def steps_of_episode(
    timeline: Timeline, window: Window, spec: PolicySpec, action_topic: str, rate_hz: float | None
) -> EpisodeSteps:
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
    bridge = _Bridge(timeline, window, spec.joint_input.joints)
    pieces: list[list[Step]] = [[]]
    last: Observed | None = None
    for observed_now in observed:
        stamp_ns, joints, velocities, images = observed_now
        if last is not None and stamp_ns - last[0] < (every - 0.5) * period_ns:
            counts["thinned"] += 1
            continue
        gap = last is not None and stamp_ns - last[0] >= GAP_PERIODS * every * period_ns
        before, last = last, observed_now
        action = _in_force(commands, stamp_ns)
        if isinstance(action, str):
            counts[action] += 1
            gap = True
        elif gap and before is not None and pieces[-1]:
            bridged = bridge.steps(before, observed_now, every * period_ns, commands)
            pieces[-1] += bridged
            counts["bridged"] += len(bridged)
            gap = not bridged
        if gap and pieces[-1]:
            pieces.append([])
        if not isinstance(action, str):
            by_person = timeline.owner_at(stamp_ns) == PERSON
            pieces[-1].append(Step(stamp_ns, joints, velocities, action, images, by_person))
    found = [tuple(piece) for piece in pieces if piece]
    least = MIN_PIECE_S * rate_hz
    whole = tuple(
        Piece(piece, begins=k == 0 and _early(piece, commands),
              ends=k == len(found) - 1 and _late(piece, commands))
        for k, piece in enumerate(found) if len(piece) >= least
    )  # fmt: skip
    short = [piece for piece in found if len(piece) < least]
    in_short = {step.stamp_ns for piece in short for step in piece}
    counts["in_short_pieces"] = sum(stamp_ns in in_short for stamp_ns, *_ in observed)
    kept = {step.stamp_ns for piece in whole for step in piece.steps}
    counts["kept"] = sum(stamp_ns in kept for stamp_ns, *_ in observed)
    counts["bridged"] = sum(len(piece.steps) for piece in whole) - counts["kept"]
    for camera in spec.cameras:
        counts[f"images_used_{camera}"] = counts["kept"]
    return EpisodeSteps(whole, tuple(len(piece) / rate_hz for piece in short), counts, rate_hz)


# Stamp, joints, velocities, image numbers.
Observed = tuple[int, NDArray[np.float32], NDArray[np.float32] | None, dict[str, int]]


def _observe(
    timeline: Timeline, window: Window, spec: PolicySpec, counts: Counter[str]
) -> list[Observed]:
    """What the policy node would have seen in this window, and the velocities of its joints."""
    joints = spec.joint_input.joints
    # The velocities go through the synchroniser behind the positions: so they are interpolated in
    # the same way, between the same messages. Of an image only its number goes through.
    sync: StreamSync[int] = StreamSync(spec.cameras)
    merger = JointMerger(joints)
    found: list[Observed] = []
    for event in timeline.events:
        # An image of the episode before may come after this one has begun.
        if not window.start_ns <= event.log_ns <= window.end_ns or event.stamp_ns < window.start_ns:
            continue
        if isinstance(event, Sample):
            counts["joint_samples"] += 1
            try:
                whole = merger.add(event.names, event.position, event.velocity, event.stamp_ns)
                if whole is not None:
                    at_ns, (there, told) = whole
                    # Whatever stands in for those that are missing: none will be given out.
                    known = np.zeros(len(joints)) if told is None else told
                    sync.add_joints(at_ns, np.concatenate([there, known]))
                    counts["joint_samples_without_velocities"] += int(told is None)
            except ValueError:
                counts["joint_samples_refused"] += 1
        elif timeline.is_second_copy(event):
            continue
        elif event.camera in spec.cameras:
            counts[f"images_received_{event.camera}"] += 1
            sync.add_image(event.camera, event.stamp_ns, event.number)
        taken = sync.take(event.log_ns)
        if isinstance(taken, Instant):
            position, velocity = np.split(taken.joints.astype(np.float32), 2)
            found.append((taken.stamp_ns, position, velocity, taken.images))
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
    merger = JointMerger(joints)
    for sample in timeline.followed(topic):
        if not window.start_ns <= sample.stamp_ns <= window.end_ns:
            continue
        counts["commands"] += 1
        try:
            whole = merger.add(sample.names, sample.position, (), sample.stamp_ns)
        except ValueError:
            counts["commands_refused"] += 1
            continue
        if whole is not None:
            found.append((whole[0], whole[1].position))
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


def _early(piece: Sequence[Step], commands: Commands) -> bool:
    """Whether an episode's first steps are there: the arm was not under way long before them."""
    return piece[0].stamp_ns - commands[0][0] <= to_ns(EDGE_S)


def _late(piece: Sequence[Step], commands: Commands) -> bool:
    """Whether its last steps are there."""
    return commands[0][-1] - piece[-1].stamp_ns <= to_ns(EDGE_S)


class _Bridge:
    """Makes up for one or two steps whose pictures were lost.

    In their place the runtime would have carried on with its plan, seen the joints, and had the
    pictures before the gap as its newest, well within the age that it accepts. So a step in a gap
    has the command that was in force then, the joints of that time, and those pictures.
    """

    def __init__(self, timeline: Timeline, window: Window, joints: Sequence[str]) -> None:
        self._timeline = timeline
        self._joints = joints
        found = []
        for sample in timeline.joints():
            if window.start_ns <= sample.stamp_ns and sample.log_ns <= window.end_ns:
                with suppress(ValueError):
                    values = sample.ordered(joints)
                    if np.isfinite(values).all():
                        found.append((sample.stamp_ns, values, sample.ordered_velocity(joints)))
        found.sort(key=lambda row: row[0])
        self._rows = found
        self._stamps = [stamp_ns for stamp_ns, *_ in found]

    def steps(
        self, before: Observed, after: Observed, period_ns: float, commands: Commands
    ) -> list[Step]:
        """Those between two observations; none where the gap must stay one."""
        missing = round((after[0] - before[0]) / period_ns) - 1
        made: list[Step] = []
        for k in range(1, missing + 1 if missing <= MAX_BRIDGED else 1):
            stamp_ns = before[0] + round(k * (after[0] - before[0]) / (missing + 1))
            joints = self._at(stamp_ns)
            action = _in_force(commands, stamp_ns)
            if joints is None or isinstance(action, str):
                return []
            velocities = None if after[2] is None else joints[1]
            by_person = self._timeline.owner_at(stamp_ns) == PERSON
            made.append(Step(stamp_ns, joints[0], velocities, action, before[3], by_person))
        return made

    def _at(self, stamp_ns: int) -> tuple[NDArray[np.float32], NDArray[np.float32] | None] | None:
        """Positions and velocities then, between the samples next to it as in `ObservationSync`;
        None where the nearest is too far away for it."""
        after = bisect_right(self._stamps, stamp_ns)
        if not 0 < after < len(self._rows):
            return None
        (t0, p0, v0), (t1, p1, v1) = self._rows[after - 1], self._rows[after]
        if min(stamp_ns - t0, t1 - stamp_ns) > to_ns(SyncLimits.max_skew_s):
            return None
        share = (stamp_ns - t0) / (t1 - t0)
        velocity = None if v0 is None or v1 is None else (v0 + share * (v1 - v0)).astype(np.float32)
        return (p0 + share * (p1 - p0)).astype(np.float32), velocity


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
