"""What drives the arm: its torque, the goals that are sent, and the gate in front of them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from act_core.command_gate import Applied
from act_core.limits import JointLimits
from act_core.robots.so101 import JOINT_NAMES
from numpy.typing import NDArray

from so101_driver import arm_checks, arm_start
from so101_driver.arm import ArmState, HeldGoals, ServoHealth, So101Arm
from so101_driver.arm_faults import GRIPPER, FaultMonitor
from so101_driver.arm_start import names_of
from so101_driver.bus_errors import ArmError
from so101_driver.calibration import Vector
from so101_driver.driver_settings import DriverSettings
from so101_driver.exit_policy import HOLD, RELEASE, REST
from so101_driver.leash import STILL_S, Leash
from so101_driver.ready_gate import ReadyGate
from so101_driver.request_queue import RefusedError
from so101_driver.session import Event

REPEATS = 3  # of goals that changed while servos were silent
TORQUE_OFF = "torque is off; switch it on with the service driver/torque"


class Actuation:
    """Whether the arm is driven, and where to. Of the thread of `ArmDriver.cycle`, but for what
    the gate allows to others.

    A joint without force is `limp`: its torque is switched off, so that its servo cannot take up
    force by itself, and its goal follows it. It is switched on again where it is.

    Args:
        settings: see there.
        limits: of the model; the calibration narrows them.
    """

    def __init__(self, settings: DriverSettings, limits: JointLimits) -> None:
        self.gate = ReadyGate(
            limits, settings.period_s, settings.command_timeout_s, settings.stamps()
        )
        self.faults = FaultMonitor(settings.period_s, settings.faults)
        self.is_released = False  # by request
        self.limp = np.zeros(len(JOINT_NAMES), dtype=bool)  # (6,)
        self.sent_rad: Vector | None = None  # (6,) last goals
        self.wanted_rad: Vector | None = None  # (6,) what they would be without limits
        self.is_wanted = settings.torque_on_start  # torque, also after a lost port
        self._settings = settings
        self._has_driven = False
        self._model_limits = limits
        self._leash: Leash | None = None  # until the calibration is known
        self._still = 0  # periods without a command and motion of the goals
        self._caught = np.zeros(len(JOINT_NAMES), dtype=np.int64)  # periods until torque is on
        self._repeats = 0  # of goals, left
        self._strays = np.zeros(len(JOINT_NAMES), dtype=bool)  # of the last `tend`

    @property
    def torque(self) -> bool:
        """Whether torque was switched on, and goals are sent while the arm is connected."""
        return self.gate.session.torque

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is commanded, and the goals no longer move."""
        return self._still > 0

    # -- start and end -------------------------------------------------------------------------

    def adopt(self, arm: So101Arm, now_ns: int) -> str | None:
        """Takes over an arm that was just connected, without moving it; returns why not."""
        if self._leash is None:  # the calibration does not change while this runs
            limits = arm.conversion.limits(self._model_limits)
            self.gate.narrow(limits)
            self._leash = Leash(limits, arm.settings.p, _mask({GRIPPER}))
        _, torque = arm.read_goals()
        self.gate.happen(Event.CONNECTED, TORQUE_OFF)
        if not (self.is_wanted or torque.all()):
            return None
        try:
            self.energise(arm, now_ns)
        except ArmError as error:
            self.gate.happen(Event.FAULT, str(error))
            return str(error)
        return None

    def energise(self, arm: So101Arm, now_ns: int) -> None:
        """Torque on at the present position. Raises ArmError where a joint is past its limit."""
        start = arm_start.energise(arm, self.gate.limits, self._settings.start_tolerance_rad)
        self.faults.clear()
        self._has_driven, self.is_released = True, False
        self.gate.happen(Event.TORQUE_ON)
        self._begin(arm, start, now_ns)

    def release(self, arm: So101Arm) -> None:
        """Torque off. Raises RefusedError that names the joints that do not confirm it."""
        self.is_wanted, self.is_released = False, True
        self.sent_rad = None
        self.gate.happen(Event.TORQUE_OFF, TORQUE_OFF)
        unconfirmed = arm.release()
        if unconfirmed:
            raise RefusedError(f"torque off is not confirmed by {', '.join(unconfirmed)}")

    def lose(self, reason: str) -> None:
        """The port is gone; the servos hold their goals."""
        self.sent_rad = None
        self.gate.happen(Event.LOST, reason)

    def ending(self, policy: str) -> str:
        """What the exit policy comes to as things are now.

        An arm that was never driven is left as it was found. One that is stopped by the e-stop, or
        limp, is not moved to rest: it is only released.
        """
        if not self._has_driven:
            return HOLD
        session = self.gate.session
        return RELEASE if policy == REST and (session.is_stopped or not session.torque) else policy

    # -- every period --------------------------------------------------------------------------

    def send(self, arm: So101Arm, state: ArmState) -> Applied:
        """The goals of this period, none further from its joint than the joint can follow."""
        leash = self._seen(state)
        applied = self.gate.next(leash.reach(self.limp, self._stands_still))
        before, self.sent_rad = self.sent_rad, applied.position_rad
        stands = before is not None and bool((applied.position_rad == before)[~self.limp].all())
        self._still = self._still + 1 if stands and applied.hold is not None else 0
        self.wanted_rad = applied.position_rad.copy()
        for limited in reversed(applied.limited):  # the first rule knows what was wanted
            joint = self._model_limits.names.index(limited.joint)  # they may have a prefix
            self.wanted_rad[joint] = limited.wanted
        self._write(arm)
        return applied

    def keep(self, arm: So101Arm, state: ArmState) -> Applied | None:
        """A period in which not all joints were heard: goals stay, but for what has to follow its
        joint; None where nothing is sent. Corrections are repeated: nobody confirms them."""
        before, leash = self.sent_rad, self._seen(state)
        if before is None or not state.heard.any():
            return None
        applied = self.gate.confine(leash.reach(self.limp, self._stands_still))
        if not np.array_equal(applied.position_rad, before) or self.limp.any():
            self._repeats = REPEATS
        if not self._repeats:
            return None
        self._repeats -= 1
        self.sent_rad = applied.position_rad
        self._write(arm)
        return applied

    def trail(self, arm: So101Arm, state: ArmState) -> None:
        """A period of a released arm: its goals follow it, and its torque stays off, whoever
        switches it on."""
        here, _ = self._seen(state).reach(_mask(JOINT_NAMES), True)
        arm.write_goals(here)
        arm.slacken(JOINT_NAMES)

    def tend(self, arm: So101Arm, held: HeldGoals, state: ArmState) -> tuple[list[str], bool]:
        """A period of an arm of which servos are missing: no goals are sent, but a servo that has
        torque and a goal which its joint would have to run to is switched off.

        Returns the joints of such servos, and whether all have answered.
        """
        heard = held.heard & state.heard
        strays = arm_start.strays(held, state)
        if self.is_released:
            strays |= heard & held.torque
        confirmed, self._strays = strays & self._strays, strays  # twice: a packet may be damaged
        joints = names_of(confirmed)
        if joints:
            arm.slacken(joints)
        return joints, bool(heard.all())

    def relax(self, joints: Collection[str]) -> bool:
        """Moves the goals of joints that press to where the joints are; whether that was done."""
        if not joints or self.sent_rad is None or not self.torque:
            return False
        assert self._leash is not None
        self.sent_rad = self.gate.place(_mask(joints), self._leash.here)
        return True

    def let_go(self, joints: Collection[str]) -> None:
        """Joints without force: limp from now on."""
        self.limp |= _mask(joints)
        self._caught[_mask(joints)] = 0

    def catch(self, joints: Collection[str]) -> None:
        """Joints whose servos run to goals that are not ours: torque is off for a period, which
        ends what they are doing (a new goal alone would not: their setpoints have to come back),
        and then on where the joints are."""
        caught = _mask(joints) & ~self.limp
        self._caught[caught] = 2
        self.limp |= caught

    def see_health(self, joint: str, health: ServoHealth) -> None:
        """One look at one servo: one whose torque is off is limp."""
        is_limp = joint in names_of(self.limp)
        self.faults.see_health(joint, health, torque_wanted=self.torque and not is_limp)
        if self.torque and not (health.torque or is_limp):
            self.let_go((joint,))

    def take_over(self, arm: So101Arm, now_ns: int) -> None:
        """Goes on from the goals that the servos hold, where those are still theirs."""
        start = arm_start.start(arm)
        for joint in names_of(start.limp & ~self.limp):
            self.faults.see_health(joint, arm.read_health(joint), torque_wanted=True)
        self._begin(arm, start, now_ns)

    def recover(self, arm: So101Arm, now_ns: int) -> list[str]:
        """Ends latched faults; returns whose. Raises RefusedError where there is nothing to end."""
        if not self.torque:
            raise RefusedError("torque is off: switch it on instead")
        joints = self.faults.recoverable()
        if not joints:
            raise RefusedError("there is no latched fault to recover from")
        for joint, needs_restart in sorted(joints.items()):
            if needs_restart:
                arm.recover(joint)
            self.faults.recovered(joint)
        self.take_over(arm, now_ns)
        return sorted(joints)

    def reopen(self, arm: So101Arm, now_ns: int) -> None:
        """What kept it from moving is over: force comes back where the joints are.

        Raises ArmError for a limp joint that is past its limit, with nothing done.
        """
        if not self.torque:
            self.gate.happen(Event.CLEAR, TORQUE_OFF)
            return
        if self.limp.any():
            assert self._leash is not None
            tolerance_rad = self._settings.start_tolerance_rad
            arm_checks.check_position(self._leash.here, self.gate.limits, tolerance_rad)
            joints = names_of(self.limp)
            arm.slacken(joints)  # one that was let go of just now may run still
            arm.configure(joints)  # a servo that restarted has forgotten some of it
            arm.enable_torque(joints)
            self.take_over(arm, now_ns)
            if self.limp.any():  # again
                return
        self.gate.happen(Event.CLEAR)

    def _begin(self, arm: So101Arm, start: arm_start.Start, now_ns: int) -> None:
        """From rest at goals that were just compared with the joints; earlier commands are refused.

        They are sent at once: a servo may hold another one.
        """
        assert self._leash is not None
        self._leash.reset(start.here_rad, start.falls)
        self.limp = start.limp.copy()
        self._caught[:] = 0
        self.sent_rad = self.gate.reset(start.goals_rad, now_ns)
        self._still = 0
        self._write(arm)

    def _seen(self, state: ArmState) -> Leash:
        assert self._leash is not None
        self._leash.see(state.position_rad, state.heard)
        if self.sent_rad is not None:  # a servo that was silent, and is elsewhere, stays there
            elsewhere = self._leash.returned & self._leash.is_far(self.sent_rad)
            if elsewhere.any():
                self.sent_rad = self.gate.place(elsewhere, self._leash.here)
        return self._leash

    @property
    def _stands_still(self) -> bool:
        return self._still >= self._settings.periods(STILL_S)

    def _write(self, arm: So101Arm) -> None:
        assert self.sent_rad is not None
        arm.write_goals(self.sent_rad, but=self.faults.suspects & ~self.limp)
        back = self._caught == 1
        self._caught = np.maximum(self._caught - 1, 0)
        self.limp &= ~back
        if back.any():
            assert self._leash is not None
            self._leash.catch(back)
            arm.stiffen(names_of(back))
        if self.limp.any():  # again and again: nobody confirms it; after the goals, because some
            arm.slacken(names_of(self.limp))  # firmwares switch on when they get one


def _mask(joints: Collection[str]) -> NDArray[np.bool_]:
    return np.array([joint in joints for joint in JOINT_NAMES])
