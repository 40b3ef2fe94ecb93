"""Is this recording worth keeping? A person should know before the next one, not after training.

The official SO-101 sample set of LeRobot is idle in most of its frames, and nobody was told. The
figures come from a `Timeline`, so that they are there at once when an episode ends, and for any bag
that exists already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from act_core.robots import known_joints
from act_core.stamps import duration
from numpy.typing import NDArray

from act_record.timeline import Sample, Timeline, series

GRID_HZ = 50.0  # joints are compared on this grid
IDLE_RAD_S = 0.02  # a joint slower than this rests: a degree a second
MAX_LAG_S = 0.5  # looked for
LATE_S = 0.1  # of an image, from capture to the recorder
AT_LIMIT_RAD = 0.01
MISSING_PERIODS = 1.5  # an interval of so many periods means that a frame is missing

# What speaks for another try.
MIN_LENGTH_S = 1.0
MAX_IDLE = 0.5
MAX_MISSING = 0.02  # share of a camera's frames
MIN_RATE = 0.9  # of what was meant
MAX_SKEW_S = 0.05  # the policy's synchroniser refuses more
MAX_AGE_S = 0.25  # likewise
MAX_LAG_KEPT_S = 0.3
MAX_END_S = 0.3  # between the ends of two streams: three pictures of a camera at 10 Hz
MAX_JOINT_GAP_S = 0.1  # the policy's synchroniser refuses joints that are older
MAX_COMMAND_GAP_S = 0.2  # whoever moves the arm stops it then

# More than an episode: what its stamps tell is no time, and nothing is measured by them.
MAX_SPAN_S = 6 * 3600.0


@dataclass(frozen=True)
class CameraVerdict:
    """One camera: images, those missing between the first and the last, those that came late."""

    images: int
    rate_hz: float | None  # None for a single image
    missing: int
    late: int
    worst_age_s: float | None  # from capture to the recorder


@dataclass(frozen=True)
class Verdict:
    """The figures of one episode; None where there was nothing to measure."""

    length_s: float
    idle: float | None  # share of the time, first command to last, in which every joint rests
    jerk_rad_s3: float | None  # root mean square of the joint that jerks most
    cameras: Mapping[str, CameraVerdict]
    worst_skew_s: float | None  # between an image of one camera and the nearest of another
    lag_s: float | None  # from command to motion
    joint_gap_s: float | None  # longest time without joint states, from the first command on
    command_gap_s: float | None  # longest time without a command
    limits_touched: tuple[str, ...]  # joints that came to an end of their range
    problems: tuple[str, ...]  # why to redo it; empty: keep

    @property
    def keep(self) -> bool:
        return not self.problems

    def as_values(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "keep": self.keep}

    def __str__(self) -> str:
        parts = [f"{self.length_s:.1f} s"]
        if self.idle is not None:
            parts.append(f"idle {self.idle:.0%}")
        parts += [
            f"{name} {c.images} images"
            + (f", {c.missing} missing" if c.missing else "")
            + (f", {c.late} late" if c.late else "")
            for name, c in self.cameras.items()
        ]
        if self.worst_skew_s is not None:
            parts.append(f"skew up to {1e3 * self.worst_skew_s:.0f} ms")
        if self.lag_s is not None:
            parts.append(f"lag {1e3 * self.lag_s:.0f} ms")
        if self.jerk_rad_s3 is not None:
            parts.append(f"jerk {self.jerk_rad_s3:.0f} rad/s^3")
        if self.limits_touched:
            parts.append(f"at its limit: {', '.join(self.limits_touched)}")
        advice = "keep" if self.keep else f"REDO: {'; '.join(self.problems)}"
        return f"{advice} ({', '.join(parts)})"


def judge(timeline: Timeline, rate_hz: float | None = None) -> Verdict:
    """Measures a recording and says what speaks against it.

    rate_hz: at which the cameras were meant to run, if known.
    """
    timeline.merge_parts()
    commands = _readable(timeline.followed())
    joints = _commanded(_readable(timeline.joints()), commands)
    names, measured = _on_grid(joints)
    cameras = {name: _judge_camera(timeline, name) for name in timeline.cameras}
    idle = jerk = None
    touched: tuple[str, ...] = ()
    if measured is not None:
        idle = _idle(measured)
        jerk = _jerk(measured)
        touched = _limits_touched(names, joints)
    figures: dict[str, Any] = {
        "length_s": timeline.length_s,
        "idle": idle,
        "jerk_rad_s3": jerk,
        "cameras": cameras,
        "worst_skew_s": _worst_skew(timeline),
        "lag_s": _lag(joints, commands),
        "joint_gap_s": _longest_gap_s(joints),
        "command_gap_s": _longest_gap_s(commands),
        "limits_touched": touched,
    }
    return Verdict(**figures, problems=_problems(figures, timeline, rate_hz))


def _readable(samples: Sequence[Sample]) -> list[Sample]:
    """Those with one finite value for each of their joints."""
    return [
        sample
        for sample in samples
        if len(sample.position) == len(sample.names) == len(set(sample.names))
        and np.isfinite(sample.position).all()
    ]


def _commanded(joints: list[Sample], commands: Sequence[Sample]) -> list[Sample]:
    """Those from the first command to the last: what comes before and after is no data."""
    if not commands:
        return joints
    begin, end = min(c.stamp_ns for c in commands), max(c.stamp_ns for c in commands)
    return [sample for sample in joints if begin <= sample.stamp_ns <= end]


def _problems(
    figures: Mapping[str, Any], timeline: Timeline, rate_hz: float | None
) -> tuple[str, ...]:
    found = []
    for what, samples in (
        ("joint states", timeline.joints()), ("commands", timeline.followed()),
    ):  # fmt: skip
        wrong = len(samples) - len(_readable(samples))
        if wrong:
            found.append(f"{wrong} {what} without a finite position for each joint")
        span_s = _span_s([sample.stamp_ns for sample in samples])
        if not span_s <= MAX_SPAN_S:
            found.append(f"the stamps of {what} are {duration(span_s)} apart: a clock was wrong")
    for name in figures["cameras"]:
        span_s = _span_s([frame.stamp_ns for frame in timeline.frames(name)])
        if not span_s <= MAX_SPAN_S:
            found.append(f"the stamps of {name} are {duration(span_s)} apart: a clock was wrong")
    if not figures["length_s"] >= MIN_LENGTH_S:
        found.append(f"only {figures['length_s']:.1f} s long")
    if not timeline.joints():
        found.append("no joint states")
    if not timeline.followed():
        found.append("no commands")
    if not figures["cameras"]:
        found.append("no images")
    if (figures["idle"] or 0.0) > MAX_IDLE:
        found.append(f"the arm rests in {figures['idle']:.0%} of the time")
    for name, camera in figures["cameras"].items():
        if rate_hz and camera.rate_hz and camera.rate_hz < MIN_RATE * rate_hz:
            found.append(f"camera {name}: {camera.rate_hz:.1f} Hz instead of {rate_hz:g}")
        elif camera.missing > MAX_MISSING * camera.images:
            found.append(f"camera {name}: {camera.missing} frames missing")
        if (camera.worst_age_s or 0.0) > MAX_AGE_S:
            found.append(f"camera {name}: an image came {camera.worst_age_s:.2f} s late")
    if (figures["worst_skew_s"] or 0.0) > MAX_SKEW_S:
        found.append(f"cameras are up to {1e3 * figures['worst_skew_s']:.0f} ms apart")
    if (figures["lag_s"] or 0.0) > MAX_LAG_KEPT_S:
        found.append(f"the arm follows its commands {figures['lag_s']:.2f} s late")
    for what, key, limit_s in (("joint states", "joint_gap_s", MAX_JOINT_GAP_S),
                               ("commands", "command_gap_s", MAX_COMMAND_GAP_S)):  # fmt: skip
        if (figures[key] or 0.0) > limit_s:
            found.append(f"no {what} for {figures[key]:.2f} s")
    found += _ending_early(timeline)
    if timeline.damaged:
        found.append(f"messages that cannot be read: {dict(timeline.damaged)}")
    return tuple(found)


def _ending_early(timeline: Timeline) -> list[str]:
    """Streams that end before the others: a recorder that was behind, or a source that died."""
    ends_ns = {
        f"camera {c}": max(frame.stamp_ns for frame in timeline.frames(c)) for c in timeline.cameras
    }
    if joints := timeline.joints():
        ends_ns["joint states"] = max(sample.stamp_ns for sample in joints)
    last_ns = max(ends_ns.values(), default=0)
    early = {what: (last_ns - end_ns) / 1e9 for what, end_ns in ends_ns.items()}
    return [
        f"{what}: nothing of the last {seconds:.2f} s"
        for what, seconds in early.items()
        if MAX_END_S < seconds <= MAX_SPAN_S  # beyond: a clock was wrong, which is told already
    ]


def _span_s(stamps_ns: Sequence[int]) -> float:
    return (max(stamps_ns) - min(stamps_ns)) / 1e9 if stamps_ns else 0.0


def _longest_gap_s(samples: Sequence[Sample]) -> float | None:
    """Between two successive stamps [s]; None for less than two samples."""
    stamps_ns = np.sort([sample.stamp_ns for sample in samples])
    return float(np.diff(stamps_ns).max()) / 1e9 if len(stamps_ns) > 1 else None


def _judge_camera(timeline: Timeline, camera: str) -> CameraVerdict:
    frames = timeline.frames(camera)
    stamps = np.sort([frame.stamp_ns for frame in frames]) / 1e9
    intervals = np.diff(stamps)
    missing, rate_hz = 0, None
    if len(intervals) and stamps[-1] > stamps[0]:
        rate_hz = float(len(intervals) / (stamps[-1] - stamps[0]))
    if len(intervals) and (period := float(np.median(intervals))) > 0:
        gaps = intervals[intervals >= MISSING_PERIODS * period]
        missing = int(np.sum(np.rint(gaps / period) - 1))
    ages = np.array([frame.log_ns - frame.stamp_ns for frame in frames]) / 1e9
    if not len(ages) or abs(np.median(ages)) > 10.0:  # received on another clock: no age to tell
        return CameraVerdict(len(frames), rate_hz, missing, 0, None)
    late = int(np.sum(ages > LATE_S))
    return CameraVerdict(len(frames), rate_hz, missing, late, float(ages.max()))


def _worst_skew(timeline: Timeline) -> float | None:
    """Over all images but those at the ends, where the other camera has none yet."""
    if len(timeline.cameras) < 2:
        return None
    stamps = [np.sort([f.stamp_ns for f in timeline.frames(c)]) for c in timeline.cameras]
    begin, end = max(s[0] for s in stamps), min(s[-1] for s in stamps)
    worst = 0.0
    for one in stamps:
        inside = one[(one >= begin) & (one <= end)]
        for other in stamps:
            after = np.clip(np.searchsorted(other, inside), 1, max(1, len(other) - 1))
            near = np.stack([other[after - 1], other[np.minimum(after, len(other) - 1)]])
            if len(inside):
                worst = max(worst, float(np.abs(near - inside).min(axis=0).max()) / 1e9)
    return worst


def _on_grid(samples: Sequence[Sample]) -> tuple[tuple[str, ...], NDArray[np.float64] | None]:
    """Joint names and their positions (T, J) at `GRID_HZ`; None for less than a tenth second."""
    if not samples:
        return (), None
    names = samples[0].names
    stamps_ns, values = series(samples, names)
    times = stamps_ns / 1e9
    if not len(times) or not times[-1] - times[0] <= MAX_SPAN_S:
        return names, None
    grid = np.arange(times[0], times[-1], 1.0 / GRID_HZ)
    if len(grid) < 0.1 * GRID_HZ:
        return names, None
    return names, _at(grid, times, values)


def _idle(positions: NDArray[np.float64]) -> float:
    """Speed over a tenth of a second, so that the noise of a reading is no motion."""
    span = round(0.1 * GRID_HZ)
    speed = np.abs(positions[span:] - positions[:-span]) * GRID_HZ / span
    return float(np.mean(speed.max(axis=1) < IDLE_RAD_S)) if len(speed) else 0.0


def _jerk(positions: NDArray[np.float64]) -> float:
    third = np.diff(positions, n=3, axis=0) * GRID_HZ**3
    return float(np.sqrt(np.mean(third**2, axis=0)).max()) if len(third) else 0.0


def _limits_touched(names: Sequence[str], samples: Sequence[Sample]) -> tuple[str, ...]:
    """Joints of a known robot but the grippers, which close onto their limits by design."""
    known = known_joints(names)
    found = []
    for index, name in enumerate(names):
        joint = known.get(name)
        if joint is None or joint.is_gripper:
            continue
        values = np.array([s.position[index] for s in samples if s.names == tuple(names)])
        low, high = joint.lower_rad + AT_LIMIT_RAD, joint.upper_rad - AT_LIMIT_RAD
        if values.min() <= low or values.max() >= high:
            found.append(name)
    return tuple(found)


def _lag(measured: Sequence[Sample], commanded: Sequence[Sample]) -> float | None:
    """The shift of the commands' speed that fits the joints' speed best; None without motion."""
    if not measured or not commanded:
        return None
    names = tuple(measured[0].names)
    wanted_ns, targets = series(commanded, names)
    found_ns, joints = series(measured, names)
    if len(wanted_ns) < 2 or len(found_ns) < 2:
        return None
    wanted_at, found_at = wanted_ns / 1e9, found_ns / 1e9
    begin, end = max(found_at[0], wanted_at[0]), min(found_at[-1], wanted_at[-1])
    if not end - begin <= MAX_SPAN_S:
        return None
    grid = np.arange(begin, end, 1.0 / GRID_HZ)
    shifts = round(MAX_LAG_S * GRID_HZ)
    if len(grid) < 3 * shifts:
        return None
    targets = _at(grid, wanted_at, targets)
    joint = int(np.argmax(np.ptp(targets, axis=0)))
    if np.ptp(targets[:, joint]) < 0.05:
        return None
    wanted = np.gradient(targets[:, joint])
    found = np.gradient(_at(grid, found_at, joints)[:, joint])
    inner = len(grid) - shifts
    misfit = [np.mean((found[k : k + inner] - wanted[:inner]) ** 2) for k in range(shifts + 1)]
    return int(np.argmin(misfit)) / GRID_HZ


def _at(
    grid: NDArray[np.float64], times: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(T, J) values interpolated at the times of the grid."""
    return np.stack([np.interp(grid, times, column) for column in values.T], axis=1)
