"""What is wrong with the arm, and whether it may move nevertheless."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from act_core.robots.so101 import JOINT_NAMES
from numpy.typing import NDArray

from so101_driver.arm import ArmState, ServoHealth
from so101_driver.calibration import Vector
from so101_driver.registers import Status

GRIPPER = "gripper"


class Fault(NamedTuple):
    """One thing that is wrong with one joint."""

    joint: str
    kind: str  # overload, overcurrent, stalled, torque_lost, runaway; overheat, voltage, encoder
    text: str

    @property
    def is_latched(self) -> bool:
        """Whether it stays until recovery is asked for; the others end when their cause does."""
        return self.kind in LATCHED

    @property
    def relaxes(self) -> bool:
        """Whether the joint presses against something: its goal moves to where it is."""
        return self.kind in ("overload", "stalled")


LATCHED = ("overload", "overcurrent", "stalled", "torque_lost", "runaway")


@dataclass(frozen=True)
class FaultLimits:
    """When something counts as a fault."""

    warn_celsius: int = 60  # the servo's own limit, 70 by default, stops it
    refuse_celsius: int = 68
    cool_celsius: int = 58  # may move again below
    voltage_s: float = 0.5  # a dip under load is no fault, only a warning
    # Stalled: far from the goal, pushing hard, and not moving, for so long. The servo's own
    # protection comes later (80 % for 2 s) and leaves the joint pushing. Never the gripper: to
    # stall is its work, and its servo is protected by its settings (see ServoSettings).
    stall_error_rad: float = 0.2
    stall_load: float = 0.45
    stall_motion_rad: float = 0.03
    stall_s: float = 1.0
    # Without force for so long; see `lacks_force`.
    no_force_s: float = 0.05


# A servo follows a setpoint of its own, which may be far ahead of a joint whose goal has just been
# corrected. In motion without faults, also where goals turn around at the limiter's acceleration, a
# motor pushes away from its goal for one reading at most.
AWAY_RAD, AWAY_RAD_S, AWAY_LOAD, AWAY_READINGS = 0.05, 0.3, 0.1, 2

# A servo pushes with 1.6 % at least (its register MINIMUM_STARTUP_FORCE) when it is off its goal.
NO_PUSH_LOAD = 0.008
OFF_GOAL_RAD = 0.03


def lacks_force(state: ArmState, goals_rad: Vector) -> NDArray[np.bool_]:
    """(6,) joints that are off their goals, do not come nearer, and whose motors do not push.

    Whatever the servo says: it is hot, its supply failed, its torque was switched off by somebody,
    it restarted. A moment of it, where a fast joint brakes, is nothing.
    """
    error = goals_rad - state.position_rad
    comes_nearer = state.velocity_rad_s * error > 0.0
    slack = (np.abs(error) > OFF_GOAL_RAD) & (np.abs(state.load) < NO_PUSH_LOAD) & ~comes_nearer
    return slack & state.heard


def runs_away(state: ArmState, goals_rad: Vector) -> NDArray[np.bool_]:
    """(6,) joints that their motors drive away from their goals: their servos follow another one.

    It restarted with a goal of its own, or another program has sent it one. (A motor that brakes a
    joint pushes against its motion, and one that a hand pushes does so as well.)
    """
    error = goals_rad - state.position_rad
    moves_away = (state.velocity_rad_s * error < 0) & (np.abs(state.velocity_rad_s) > AWAY_RAD_S)
    pushes_away = (state.load * error < 0) & (np.abs(state.load) > AWAY_LOAD)
    return moves_away & pushes_away & (np.abs(error) > AWAY_RAD) & state.heard


class FaultMonitor:
    """Collects faults from what every cycle and every look at a servo's health brings.

    period_s: of `see_state`.
    """

    def __init__(self, period_s: float, limits: FaultLimits | None = None) -> None:
        self.limits = limits if limits is not None else FaultLimits()
        self.health: dict[str, ServoHealth] = {}
        self.gripper_is_limited = False  # its overload protection is at work: that is its work
        self._period_s = period_s
        self._faults: dict[tuple[str, str], Fault] = {}
        joints = len(JOINT_NAMES)
        self._status = (Status(0),) * joints  # of the last cycle
        self._confirmed = [Status(0)] * joints  # by two cycles
        self._voltage_s = np.zeros(joints)
        self._stall_s = np.zeros(joints)
        self._no_force_s = np.zeros(joints)
        self._away = np.zeros(joints, dtype=np.int64)  # readings in a row
        self._stall_position = np.zeros(joints)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All that is wrong now, the oldest first."""
        return tuple(self._faults.values())

    def recoverable(self) -> dict[str, bool]:
        """Joints that `recovered` is for, and whether their servo has to be restarted for it."""
        joints: dict[str, bool] = {}
        for fault in self.faults:
            if fault.is_latched:
                joints[fault.joint] = joints.get(fault.joint, False) or fault.kind != "stalled"
        if self.gripper_is_limited:
            joints[GRIPPER] = True
        return joints

    def warnings(self) -> list[str]:
        """What is not wrong yet."""
        found = []
        if self.gripper_is_limited:
            found.append("gripper: the servo limits its force, it has been gripping for long")
        for joint, health in list(self.health.items()):  # another thread may add one
            if self.limits.warn_celsius <= health.celsius and not self._has(joint, "overheat"):
                found.append(f"{joint}: {health.celsius} degC")
            if health.status & Status.VOLTAGE and not self._has(joint, "voltage"):
                found.append(f"{joint}: {health.volts:.1f} V is outside the servo's limits")
        return found

    def see_state(
        self,
        state: ArmState,
        sent_rad: Vector | None,
        limp: NDArray[np.bool_] | None = None,
        wanted_rad: Vector | None = None,
    ) -> None:
        """One cycle: ``sent_rad`` (6,) is where the joints should be; None without torque. ``limp``
        (6,) are those without torque, and ``wanted_rad`` (6,) what was commanded."""
        # Twice in a row: one damaged packet in 256 has a right checksum by chance.
        for j, (before, now) in enumerate(zip(self._status, state.status, strict=True)):
            if not state.heard[j]:
                continue
            confirmed = before & now
            if confirmed or self._confirmed[j]:  # no complaint after none changes nothing
                self._see_status(j, confirmed)
            self._confirmed[j] = confirmed
        pairs = zip(self._status, state.status, state.heard, strict=True)
        self._status = tuple(now if heard else before for before, now, heard in pairs)
        if sent_rad is None:
            self._stall_s[:] = self._no_force_s[:] = 0.0
            self._away[:] = 0
            return
        if state.heard.all():
            self._see_stall(state, sent_rad, sent_rad if wanted_rad is None else wanted_rad)
        slack, away = lacks_force(state, sent_rad), runs_away(state, sent_rad)
        if limp is not None:
            slack &= ~limp
            away &= ~limp
        self._away = np.where(away, self._away + 1, np.where(state.heard, 0, self._away))
        more = np.where(slack, self._no_force_s + self._period_s, 0.0)
        self._no_force_s = np.where(state.heard, more, self._no_force_s)

    def without_force(self) -> list[str]:
        """Joints that are to be switched off: their servos have no force, or must not use it.

        The reason is among `faults` afterwards.
        """
        joints = []
        for j, joint in enumerate(JOINT_NAMES):
            slack = self._no_force_s[j] >= self.limits.no_force_s
            if slack and self._confirmed[j] & Status.VOLTAGE:
                self._add_voltage(joint)
            if slack and not any(fault.joint == joint for fault in self.faults):
                text = "its servo does not push: did its power fail, was its torque switched off?"
                self._add(joint, "torque_lost", text)
            if slack or self._confirmed[j] & Status.ENCODER:
                self._no_force_s[j] = 0.0
                joints.append(joint)
        return joints

    @property
    def suspects(self) -> NDArray[np.bool_]:
        """(6,) joints whose servos said in the last cycle that they switched off by too much
        current: a goal would switch some firmwares on again, before a second reply confirms it."""
        over = [bool(status & Status.OVERCURRENT) for status in self._status]
        return np.array(over)

    def running(self) -> list[str]:
        """Joints whose servos have to be stopped: they follow goals that are not ours.

        The reason is among `faults` afterwards.
        """
        joints = [JOINT_NAMES[j] for j in np.flatnonzero(self._away >= AWAY_READINGS)]
        for joint in joints:
            text = "its servo ran to a goal that is not ours, and was stopped: did it restart?"
            self._add(joint, "runaway", text)
        self._away[self._away >= AWAY_READINGS] = 0
        return joints

    def see_health(self, joint: str, health: ServoHealth, torque_wanted: bool) -> None:
        """One look at one servo."""
        self.health[joint] = health
        limits = self.limits
        if health.celsius >= limits.refuse_celsius:
            self._add(joint, "overheat", f"{health.celsius} degC: waiting until it is cool")
        elif health.celsius < limits.cool_celsius and not health.status & Status.OVERHEAT:
            self._drop(joint, "overheat")
        if torque_wanted and not health.torque:
            text = "torque is off though it was switched on: did its power fail?"
            self._add(joint, "torque_lost", text)

    def recovered(self, joint: str) -> None:
        """Latched faults of a joint are over."""
        for kind in LATCHED:
            self._drop(joint, kind)
        self._stall_s[JOINT_NAMES.index(joint)] = 0.0
        self._no_force_s[JOINT_NAMES.index(joint)] = 0.0

    def clear(self) -> None:
        """Forgets everything: another look will tell."""
        self._faults.clear()
        self.health.clear()
        self._away[:] = 0
        for seconds in (self._voltage_s, self._stall_s, self._no_force_s):
            seconds[:] = 0.0

    def _see_status(self, j: int, status: Status) -> None:
        joint = JOINT_NAMES[j]
        if joint == GRIPPER:
            self.gripper_is_limited = bool(status & Status.OVERLOAD)
        elif status & Status.OVERLOAD and not self._has(joint, "stalled"):
            self._add(joint, "overload", "the servo limits its force: it pushed too hard, too long")
        if status & Status.OVERCURRENT:
            self._add(joint, "overcurrent", "the servo switched off: too much current")
        if status & Status.OVERHEAT:
            self._add(joint, "overheat", "the servo is too hot and has stopped: let it cool")
        if status & Status.ENCODER:
            self._add(joint, "encoder", "the servo cannot read its angle: it needs repair")
        else:
            self._drop(joint, "encoder")
        self._voltage_s[j] = self._voltage_s[j] + self._period_s if status & Status.VOLTAGE else 0.0
        if self._voltage_s[j] >= self.limits.voltage_s:
            self._add_voltage(joint)
        elif self._voltage_s[j] == 0.0:
            self._drop(joint, "voltage")

    def _add_voltage(self, joint: str) -> None:
        seen = self.health.get(joint)
        volts = f"{seen.volts:.1f} V" if seen and seen.status & Status.VOLTAGE else "supply"
        text = f"{volts} outside the servo's limits: is it the right power supply?"
        self._add(joint, "voltage", text)

    def _see_stall(self, state: ArmState, sent_rad: Vector, wanted_rad: Vector) -> None:
        limits = self.limits
        pushing = (np.abs(state.load) >= limits.stall_load) & (
            np.abs(sent_rad - state.position_rad) >= limits.stall_error_rad
        )
        if not pushing.any():
            self._stall_s[:] = 0.0
            self._stall_position = state.position_rad
            return
        moved = np.abs(state.position_rad - self._stall_position) > limits.stall_motion_rad
        stalling = pushing & ~moved
        self._stall_s = np.where(stalling, self._stall_s + self._period_s, 0.0)
        self._stall_position = np.where(stalling, self._stall_position, state.position_rad)
        for j in np.flatnonzero(self._stall_s >= limits.stall_s):
            if JOINT_NAMES[j] != GRIPPER:
                text = f"does not reach {wanted_rad[j]:.2f} rad: something is in its way"
                self._add(JOINT_NAMES[j], "stalled", text)

    def _has(self, joint: str, kind: str) -> bool:
        return (joint, kind) in self._faults

    def _add(self, joint: str, kind: str, text: str) -> None:
        self._faults.setdefault((joint, kind), Fault(joint, kind, f"{joint}: {text}"))

    def _drop(self, joint: str, kind: str) -> None:
        self._faults.pop((joint, kind), None)
