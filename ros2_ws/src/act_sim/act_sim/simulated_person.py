"""A person who watches a policy work in simulation, takes the arm when it is stuck, and gives it
back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from act_core.arbiter import PERSON
from act_core.stuck_watch import StuckWatch
from act_core.timing import NS_PER_S
from numpy.typing import NDArray

from act_sim.experts import Expert, make_expert
from act_sim.simulation import Simulation

Vector = NDArray[np.float64]

REACTION_S = 0.3  # from what is seen to the hand
PATIENCE_S = 5.0  # without getting a centimetre nearer to the goal
NEARER_M = 0.01
HELPS_S = 1.0  # that the hand goes on after what was stuck is done, so that it is seen how
AT_MOST_S = 12.0  # then the policy may try again
DEVICE_APART_RAD = 0.5  # of the device and the arm when the hand takes it, at most
PAST_RAD = 0.5  # that the device can go further than the arm
HAND_RAD_S = 2.0  # of each joint, to make up for a difference
CORRECTS_PER_S = 4.0  # share of what is seen between the arm and where it should be


class Hand(NamedTuple):
    """What the person does in one control period."""

    device_rad: Vector | None  # (J,) where the device is; None: it is not held
    hands_back: bool  # this is the moment


class SimulatedPerson:
    """The task's expert behind a reaction time, with a device in its hand that is somewhere else.

    It sees what a person sees: the arm stands (see `StuckWatch`), the gripper holds nothing, or
    nothing has come nearer to the goal for `PATIENCE_S`. `REACTION_S` later it takes the arm. The
    expert knows where the arm should go, and the hand moves the device by as much, looking at the
    arm: through the clutch of the arm's node, whose offsets it does not know. Once a grasp that
    failed is made, or the goal has come nearer, it hands the arm back; where that does not help,
    after `AT_MOST_S`.

    Args:
        sim: whose expert it asks.
        seed: of where its device is.
    """

    def __init__(self, sim: Simulation, seed: int = 0) -> None:
        self._sim = sim
        self._rng = np.random.default_rng((seed, 17))
        self._watch = StuckWatch(sim.limits, sim.robot.grippers)
        self.takeovers = 0
        make_expert(sim)  # raises now if the task has none
        self.begin_anew()

    def begin_anew(self) -> None:
        """A new episode."""
        self._expert: Expert | None = None
        self._device: Vector | None = None
        self._last_wanted: Vector | None = None
        self._stuck_at_s: float | None = None  # when it was seen
        self._taken_s = self._helped_s = 0.0
        self._grasps = 0
        self._nearest_m, self._nearest_s = np.inf, 0.0
        self._watch.reset()

    def next(self, applied_rad: Vector, owner: str, now_ns: int) -> Hand:
        """What it does after a control period in which the arm was sent to ``applied_rad`` (J,)."""
        now_s = now_ns / NS_PER_S
        report = self._sim.report
        if report.finished:
            held, self._device = self._device is not None, None
            return Hand(None, held)
        if self._device is None:
            return self._watching(applied_rad, owner, now_s, now_ns)
        helped = report.grasps_won > self._grasps or report.distance_m < self._nearest_m - NEARER_M
        if helped and not self._helped_s:
            self._helped_s = now_s
        done = self._helped_s and now_s - self._helped_s >= HELPS_S
        if done or now_s - self._taken_s >= AT_MOST_S:
            self._device, self._expert, self._stuck_at_s = None, None, None
            self._nearest_m, self._nearest_s = report.distance_m, now_s
            self._watch.reset()
            return Hand(None, True)
        return Hand(self._moved(applied_rad), False)

    def _watching(self, applied_rad: Vector, owner: str, now_s: float, now_ns: int) -> Hand:
        report = self._sim.report
        if report.distance_m < self._nearest_m - NEARER_M or self._nearest_s == 0.0:
            self._nearest_m, self._nearest_s = report.distance_m, now_s
        text = self._watch.see(self._sim.joint_position, now_ns)
        stuck = text is not None or now_s - self._nearest_s >= PATIENCE_S
        if not stuck or owner == PERSON:
            self._stuck_at_s = None
            return Hand(None, False)
        if self._stuck_at_s is None:
            self._stuck_at_s = now_s
        if now_s - self._stuck_at_s < REACTION_S:
            return Hand(None, False)
        self.takeovers += 1
        self._taken_s, self._helped_s, self._grasps = now_s, 0.0, report.grasps_won
        apart = self._rng.uniform(-DEVICE_APART_RAD, DEVICE_APART_RAD, len(applied_rad))
        for name in self._sim.robot.grippers:  # squeezed as much as the arm's: it is met at once
            apart[self._sim.robot.index(name)] = 0.0
        limits = self._sim.limits
        self._device = np.clip(applied_rad + apart, limits.lower_rad, limits.upper_rad)
        self._expert = make_expert(self._sim)
        self._last_wanted = None
        return Hand(self._device.copy(), False)

    def _moved(self, applied_rad: Vector) -> Vector:
        assert self._expert is not None  # both were there when it took the arm
        assert self._device is not None
        wanted = self._expert.act()
        step = np.zeros_like(wanted) if self._last_wanted is None else wanted - self._last_wanted
        missing = (wanted if self._last_wanted is None else self._last_wanted) - applied_rad
        self._last_wanted = wanted
        most = HAND_RAD_S / self._sim.control_hz
        correction = np.clip(missing * CORRECTS_PER_S / self._sim.control_hz, -most, most)
        limits = self._sim.limits
        moved = self._device + step + correction
        self._device = np.clip(moved, limits.lower_rad - PAST_RAD, limits.upper_rad + PAST_RAD)
        return self._device.copy()
