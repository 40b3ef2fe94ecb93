"""Reads a `MotionLog` from a bag, and says what is missing in one that nothing can be told from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from act_core.errors import ConfigurationError
from act_core.joints import JointMatcher
from act_core.timing import to_ns
from act_core.topics import JOINT_COMMANDS_APPLIED, JOINT_STATES
from act_record.bag_reader import Bag, open_bag
from act_record.cdr import read_joints
from act_sim.identified_arm import ARM, JOINT_NAMES
from numpy.typing import NDArray

from act_training.identify.motion_log import MotionLog

Array = NDArray[np.float64]

CLOCKS_APART_S = 0.5  # stamps that differ by more were told by two clocks
LONGEST_GAP_S = 0.5  # between messages; `MotionLog.counts` leaves out what follows shorter ones
LEAST_MOTION_S = 20.0  # during which joints are asked to move
# Less than these, and play, friction and the encoder's steps hide what is asked for.
LEAST_RANGE_RAD, LEAST_SPEED_RAD_S, LEAST_REVERSALS = 0.3, 0.5, 6
MOVING_RAD_S = 0.02
REST_S = 1.0  # that is kept before and after the motion
LEAST_FOLLOWED = 0.5  # of the range that was commanded
FOR_AN_ARM = "record one with: ros2 launch act_bringup identify.launch.py"


class Stream(NamedTuple):
    """One topic: stamps and log times (N,) [ns], positions (N, 6) [rad]."""

    stamp_ns: NDArray[np.int64]
    log_ns: NDArray[np.int64]
    position_rad: Array


def read_log(path: Path, namespace: str = "") -> MotionLog:
    """What was sent and measured, where both are told.

    namespace: of the arm's topics, e.g. "left" for /left/joint_states.

    Raises ConfigurationError (BagError for what is no bag) with what is wrong or missing.
    """
    bag = open_bag(path)
    prefix = f"/{namespace.strip('/')}/" if namespace.strip("/") else "/"
    wanted = {prefix + topic.name for topic in (JOINT_STATES, JOINT_COMMANDS_APPLIED)}
    streams = _streams(bag, wanted)
    states = streams[prefix + JOINT_STATES.name]
    commands = streams[prefix + JOINT_COMMANDS_APPLIED.name]
    _check_clocks(path, states, commands)
    begin_ns, end_ns = _motion(path, commands)
    begin_ns = max(begin_ns, states.stamp_ns[0], commands.stamp_ns[0])
    end_ns = min(end_ns, states.stamp_ns[-1], commands.stamp_ns[-1])
    states, commands = (_between(stream, begin_ns, end_ns) for stream in (states, commands))
    for name, stream in ((JOINT_STATES.name, states), (JOINT_COMMANDS_APPLIED.name, commands)):
        _check_gaps(path, name, stream)
    log = MotionLog(
        path.name,
        (commands.stamp_ns - begin_ns) / 1e9,
        commands.position_rad,
        (states.stamp_ns - begin_ns) / 1e9,
        states.position_rad,
    )
    check_motion(log)
    return log


def check_motion(log: MotionLog) -> None:
    """Raises ConfigurationError for a motion that is too short or too gentle, or was not followed,
    with what is missing in which joint."""
    seconds = np.diff(log.command_s, append=log.command_s[-1])
    speed = np.zeros_like(log.command_rad)
    speed[:-1] = np.diff(log.command_rad, axis=0) / np.maximum(seconds[:-1, None], 1e-4)
    moving = np.abs(speed) > MOVING_RAD_S  # (C, 6)
    motion_s = float(seconds[moving.any(axis=1)].sum())
    if motion_s < LEAST_MOTION_S:
        raise ConfigurationError(
            f"{log.name} is too short: {motion_s:.1f} s of motion, expected at least "
            f"{LEAST_MOTION_S:g} s; {FOR_AN_ARM}"
        )
    lacking = []
    for joint, name in enumerate(JOINT_NAMES):
        path = log.command_rad[:, joint]
        turns = np.sign(speed[moving[:, joint], joint])
        found = (
            ("range", float(np.ptp(path)), LEAST_RANGE_RAD, "rad"),
            ("speed", float(np.percentile(abs(speed[:, joint]), 99)), LEAST_SPEED_RAD_S, "rad/s"),
            ("reversals", float((np.diff(turns) != 0).sum()), LEAST_REVERSALS, ""),
        )  # fmt: skip
        lacking += [
            f"{name}: {what} {value:.3g}{' ' * bool(unit)}{unit}, expected {least:g}"
            for what, value, least, unit in found
            if value < least
        ]
    if lacking:
        raise ConfigurationError(f"{log.name} is too gentle: {'; '.join(lacking)}; {FOR_AN_ARM}")
    followed = np.ptp(log.position_rad, axis=0) / np.ptp(log.command_rad, axis=0)
    if (followed < LEAST_FOLLOWED).any():
        joint = int(np.argmin(followed))
        raise ConfigurationError(
            f"{log.name}: {JOINT_NAMES[joint]} followed {followed[joint]:.0%} of the range that it "
            "was sent over: its torque was off, or something was in its way"
        )


def _streams(bag: Bag, wanted: set[str]) -> dict[str, Stream]:
    matchers = {topic: JointMatcher(JOINT_NAMES) for topic in wanted}
    rows: dict[str, list[tuple[int, int, Array]]] = {topic: [] for topic in wanted}
    there: set[str] = set()
    for message in bag.messages():
        there.add(message.topic)
        if message.topic not in wanted:
            continue
        try:
            joints = read_joints(message.data)
            reading = matchers[message.topic].read(joints.names, joints.position.tolist(), ())
        except ValueError as error:
            raise ConfigurationError(
                f"{bag.path}: {message.topic} is not of an SO-101: {error}"
            ) from error
        rows[message.topic].append((joints.stamp_ns, message.log_ns, reading.position))
    for topic in sorted(wanted):
        if len(rows[topic]) < 2:
            raise ConfigurationError(
                f"{bag.path} has no {topic}; its topics: {', '.join(sorted(there)) or 'none'}; "
                "needed: what was measured and what was really sent, both"
            )
    return {topic: _stream(bag.path, topic, rows[topic]) for topic in wanted}


def _stream(path: Path, topic: str, rows: Iterable[tuple[int, int, Array]]) -> Stream:
    stamps, logs, positions = (np.array(column) for column in zip(*rows, strict=True))
    back = np.diff(stamps) < 0
    if back.any():
        by_s = -float(np.diff(stamps).min()) / 1e9
        raise ConfigurationError(
            f"{path}: the stamps of {topic} go back by up to {by_s:.3f} s: the clock was set while "
            "it was recorded, or two arms tell on one topic"
        )
    far = np.abs(positions) > np.abs(ARM.limits.upper_rad).max() + np.pi
    if far.any():
        raise ConfigurationError(
            f"{path}: {topic} has {np.abs(positions).max():.4g} rad: probably degrees"
        )
    once = np.append(True, np.diff(stamps) > 0)
    return Stream(stamps[once], logs[once], positions[once])


def _check_clocks(path: Path, states: Stream, commands: Stream) -> None:
    late_s = [float(np.median(s.log_ns - s.stamp_ns)) / 1e9 for s in (states, commands)]
    apart_s = abs(late_s[0] - late_s[1])
    overlap = min(states.stamp_ns[-1], commands.stamp_ns[-1]) > max(
        states.stamp_ns[0], commands.stamp_ns[0]
    )
    if apart_s > CLOCKS_APART_S or not overlap:
        raise ConfigurationError(
            f"{path}: stamps from two clocks: those of {JOINT_STATES.name} and "
            f"{JOINT_COMMANDS_APPLIED.name} are {apart_s:.3f} s apart, so that they tell no delay; "
            "both must come from the node that drives the arm, with one use_sim_time"
        )


def _motion(path: Path, commands: Stream) -> tuple[int, int]:
    """When the targets began and ended to change, with some rest before and after [ns]."""
    changes = np.flatnonzero((np.diff(commands.position_rad, axis=0) != 0.0).any(axis=1))
    if not changes.size:
        raise ConfigurationError(
            f"{path} is too short: no target ever changes in {JOINT_COMMANDS_APPLIED.name}, "
            f"expected at least {LEAST_MOTION_S:g} s of motion; {FOR_AN_ARM}"
        )
    rest_ns = to_ns(REST_S)
    first, last = commands.stamp_ns[changes[0]], commands.stamp_ns[changes[-1] + 1]
    return int(first) - rest_ns, int(last) + rest_ns


def _between(stream: Stream, begin_ns: int, end_ns: int) -> Stream:
    inside = (stream.stamp_ns >= begin_ns) & (stream.stamp_ns <= end_ns)
    stamps, logs, positions = stream
    return Stream(stamps[inside], logs[inside], positions[inside])


def _check_gaps(path: Path, topic: str, stream: Stream) -> None:
    if len(stream.stamp_ns) < 2:
        raise ConfigurationError(f"{path}: {topic} has nothing while the other topic tells")
    gaps_s = np.diff(stream.stamp_ns) / 1e9
    if gaps_s.max() > LONGEST_GAP_S:
        at_s = float(stream.stamp_ns[int(np.argmax(gaps_s))] - stream.stamp_ns[0]) / 1e9
        raise ConfigurationError(
            f"{path}: {topic} is silent for {gaps_s.max():.2f} s, {at_s:.1f} s after its start, "
            f"expected a message at least every {LONGEST_GAP_S:g} s"
        )
