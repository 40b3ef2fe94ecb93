"""A motion from which an arm's servos can be identified, as joint targets at a fixed rate.

    approach   slowly from where the arm is to the middle of the motion
    waves      four sines for each joint, all at once: gains, inertias, gravity in many poses
    creeping   slow triangles, each joint with a period of its own: friction, play of the gears
    leaps      to a new pose every second, as fast as the limits allow: delays, damping
    return     slowly to where the arm was

The whole motion goes through the same limiter as every command, at `LIMIT_SHARE` of the limits.
Waves, creeping and leaps share the duration as 3 : 4 : 3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from act_core.errors import ConfigurationError
from act_core.limits import CommandLimiter, JointLimits
from numpy.typing import ArrayLike, NDArray

from act_sim.identified_arm import ARM

Vector = NDArray[np.float64]

# The arm raised and half stretched, 30 cm above the table, and how far each joint goes from there.
MIDDLE_RAD = np.array([0.0, -0.9, -0.05, 0.1, 0.0, 0.75])
REACH_RAD = np.array([0.9, 0.45, 0.6, 0.75, 1.2, 0.6])
for _constant in (MIDDLE_RAD, REACH_RAD):
    _constant.setflags(write=False)

SHARES = (0.3, 0.4, 0.3)  # waves, creeping, leaps
WAVES_HZ = np.array([0.13, 0.31, 0.67, 1.3])
_WAVE_SHARES = np.array([0.45, 0.25, 0.18, 0.12])
_CREEP_PERIODS_S = np.array([11.0, 9.0, 7.5, 6.0, 5.0, 4.2])
_LEAP_S = 1.0
LIMIT_SHARE = 0.7
APPROACH_RAD_S = 0.4
_REST_S = 1.0  # before and after the motion, so that nothing is in motion when it begins
SHORTEST_S, LONGEST_S = 20.0, 300.0


class Plan(NamedTuple):
    """Joint targets (T, 6) [rad] for every period, and which of them are the excitation itself."""

    target_rad: Vector
    rate_hz: float
    begin: int  # first period of the excitation
    end: int  # and the one behind its last

    @property
    def duration_s(self) -> float:
        return len(self.target_rad) / self.rate_hz


def plan_excitation(
    start_rad: ArrayLike,
    *,
    duration_s: float = 60.0,
    amplitude: float = 1.0,
    rate_hz: float = 100.0,
    seed: int = 0,
    limits: JointLimits = ARM.limits,
) -> Plan:
    """The motion for an arm that stands at ``start_rad`` (6,) and returns there.

    duration_s: of the excitation, without approach and return.
    amplitude: share of `REACH_RAD`, above 0 and up to 1.
    seed: other seeds, other phases and poses.

    Raises ConfigurationError for values outside these, and a start outside the limits.
    """
    if not SHORTEST_S <= duration_s <= LONGEST_S:
        raise ConfigurationError(
            f"duration_s is {duration_s:g}, expected {SHORTEST_S:g} to {LONGEST_S:g}"
        )
    if not 0.0 < amplitude <= 1.0:
        raise ConfigurationError(f"amplitude is {amplitude:g}, expected above 0, up to 1")
    start = np.asarray(start_rad, dtype=np.float64)
    for name, at, low, high in zip(
        limits.names, start, limits.lower_rad, limits.upper_rad, strict=True
    ):
        if not low <= at <= high:
            raise ConfigurationError(
                f"{name} stands at {at:.3f} rad, outside {low:g} to {high:g}: move it by hand first"
            )
    rng = np.random.default_rng(seed)
    waves, creeping, leaps = (round(share * duration_s * rate_hz) for share in SHARES)
    motion = np.concatenate(
        [
            _waves(rng, waves, rate_hz),
            _creeping(creeping, rate_hz),
            _leaps(rng, leaps, rate_hz),
        ]
    )
    wanted = MIDDLE_RAD + amplitude * REACH_RAD * motion
    approach = _ramp(start, wanted[0], rate_hz)
    back = _ramp(wanted[-1], start, rate_hz)
    begin = len(approach)
    whole = np.concatenate([approach, wanted, back])
    return Plan(_limited(whole, limits, rate_hz), rate_hz, begin, begin + len(wanted))


def _waves(rng: np.random.Generator, count: int, rate_hz: float) -> Vector:
    """(T, 6) within -1 to 1, from and to 0."""
    time_s = np.arange(count) / rate_hz
    phases = rng.uniform(0.0, 2.0 * np.pi, (len(WAVES_HZ), 6))
    stretch = rng.uniform(0.85, 1.15, (len(WAVES_HZ), 6))  # no two joints with one frequency
    angles = 2.0 * np.pi * (WAVES_HZ[:, None] * stretch)[None] * time_s[:, None, None] + phases
    waves = (np.sin(angles) * _WAVE_SHARES[:, None]).sum(axis=1)
    edge_s = 1.0
    fade = np.clip(np.minimum(time_s, time_s[-1] - time_s) / edge_s, 0.0, 1.0)
    return waves * fade[:, None]


def _creeping(count: int, rate_hz: float) -> Vector:
    """(T, 6) triangles from 0 that reach 0.35, and in their second half 0.7."""
    time_s = np.arange(count)[:, None] / rate_hz
    turns = time_s / _CREEP_PERIODS_S
    triangle = 2.0 * np.abs(2.0 * ((turns + 0.75) % 1.0) - 1.0) - 1.0
    height = np.where(time_s < 0.5 * count / rate_hz, 0.35, 0.7)
    return height * triangle


def _leaps(rng: np.random.Generator, count: int, rate_hz: float) -> Vector:
    """(T, 6) poses that are held for a second, the last one 0."""
    poses = rng.uniform(-1.0, 1.0, (max(1, int(count / rate_hz / _LEAP_S)), 6))
    poses[-1] = 0.0
    which = np.minimum((np.arange(count) / rate_hz / _LEAP_S).astype(int), len(poses) - 1)
    return poses[which]


def _ramp(begin: Vector, end: Vector, rate_hz: float) -> Vector:
    """(T, 6) straight from one pose to the other, all joints arriving together, with rests."""
    seconds = float(np.abs(end - begin).max()) / APPROACH_RAD_S
    share = np.linspace(0.0, 1.0, max(2, round(seconds * rate_hz)))[:, None]
    rest = round(_REST_S * rate_hz)
    path = begin + share * (end - begin)
    return np.concatenate([np.tile(begin, (rest, 1)), path, np.tile(end, (rest, 1))])


def _limited(wanted: Vector, limits: JointLimits, rate_hz: float) -> Vector:
    """What the command limiter makes of it at a share of the limits."""
    slower = JointLimits(
        limits.names,
        limits.lower_rad,
        limits.upper_rad,
        LIMIT_SHARE * limits.max_velocity_rad_s,
        LIMIT_SHARE * limits.max_acceleration_rad_s2,
    )
    limiter = CommandLimiter(slower, 1.0 / rate_hz)
    limiter.reset(wanted[0])
    return np.array([limiter.limit(target).position_rad for target in wanted])
