"""What drives the arm: its torque, the goals that are sent, and the gate in front of them."""

from __future__ import annotations

import numpy as np
from act_core.command_gate import Applied
from act_core.limits import JointLimits
from act_core.so101 import JOINT_NAMES

from so101_driver import arm_start
from so101_driver.arm import ArmState, So101Arm
from so101_driver.arm_faults import FaultMonitor
from so101_driver.bus_errors import ArmError
from so101_driver.calibration import Vector
from so101_driver.driver_settings import DriverSettings
from so101_driver.exit_policy import HOLD, RELEASE, REST
from so101_driver.ready_gate import ReadyGate
from so101_driver.request_queue import RefusedError

TORQUE_OFF = "torque is off; switch it on with the service driver/torque"


class ArmDrive:
    """Whether the arm is driven, and where to. Of the thread of `ArmDriver.cycle`, but for what
    the gate allows to others.

    Args:
        settings: see there.
        limits: of the model; the calibration narrows them.
    """

    def __init__(self, settings: DriverSettings, limits: JointLimits) -> None:
        self.gate = ReadyGate(
            limits, settings.period_s, settings.command_timeout_s, settings.stamps()
        )
        self.faults = FaultMonitor(settings.period_s, settings.faults)
        self.torque = False  # it was switched on, and goals are sent
        self.sent_rad: Vector | None = None  # (6,) last goals
        self.is_at_rest = False  # the goals no longer move
        self._tolerance_rad = settings.start_tolerance_rad
        self.is_wanted = settings.torque_on_start  # torque, also after a lost port
        self._has_driven = False
        self._model_limits = limits
        self._has_limits = False
        self._seen_rad: Vector | None = None  # (6,) joints, before one of them is relaxed

    # -- start and end -------------------------------------------------------------------------

    def adopt(self, arm: So101Arm, now_ns: int) -> str | None:
        """Takes over an arm that was just connected, without moving it; returns why not."""
        if not self._has_limits:  # the calibration does not change while this runs
            self._has_limits = True
            self.gate.narrow(arm.conversion.limits(self._model_limits))
        _, torque = arm.read_goals()
        self.torque = False
        self.gate.shut(TORQUE_OFF)
        if not (self.is_wanted or torque.all()):
            return None
        try:
            self.energise(arm, now_ns)
        except ArmError as error:
            self.gate.shut(str(error))
            return str(error)
        return None

    def energise(self, arm: So101Arm, now_ns: int) -> None:
        """Torque on at the present position. Raises ArmError where a joint is past its limit."""
        start = arm_start.energise(arm, self.gate, self._tolerance_rad, now_ns)
        self.sent_rad = start.goals_rad
        self.torque = self._has_driven = True
        self.faults.clear()
        self.gate.open()

    def release(self, arm: So101Arm) -> None:
        """Torque off. Raises RefusedError that names the joints that do not confirm it."""
        self.torque = self.is_wanted = False
        self.sent_rad = None
        unconfirmed = arm.release()
        self.gate.shut(TORQUE_OFF)
        if unconfirmed:
            raise RefusedError(f"torque off is not confirmed by {', '.join(unconfirmed)}")

    def lose(self, reason: str) -> None:
        """The port is gone; the servos hold their goals."""
        self.sent_rad = None
        self.gate.shut(reason)

    def ending(self, policy: str) -> str:
        """What the exit policy comes to as things are now.

        An arm that was never driven is left as it was found. One that is stopped by the e-stop, or
        limp, is not moved to rest: it is only released.
        """
        if not self._has_driven:
            return HOLD
        return RELEASE if policy == REST and (self.gate.is_stopped or not self.torque) else policy

    # -- every period --------------------------------------------------------------------------

    def send(self, arm: So101Arm) -> Applied:
        """The goals of this period."""
        applied = self.gate.next()
        arm.write_goals(applied.position_rad)
        before, self.sent_rad = self.sent_rad, applied.position_rad
        self.is_at_rest = before is not None and bool((applied.position_rad == before).all())
        return applied

    def relax(self, joints: set[str], state: ArmState, now_ns: int) -> bool:
        """Moves the goals of joints that press to where the joints are; whether that was done."""
        if not joints or self.sent_rad is None or not self.torque:
            return False
        before, self._seen_rad = self._seen_rad, state.position_rad
        if before is None or np.abs(before - state.position_rad).max() > arm_start.AGREES_RAD:
            return False  # not on the strength of a single reading
        here = [joint in joints for joint in JOINT_NAMES]
        self.gate.reset(np.where(here, state.position_rad, self.sent_rad), now_ns)
        return True

    def take_over(self, arm: So101Arm, now_ns: int) -> None:
        """Goes on from the goals that the servos hold."""
        start = arm_start.take_over(arm, self.gate, now_ns)
        self.sent_rad = start.goals_rad
        for joint in start.limp if self.torque else ():
            self.faults.see_health(joint, arm.read_health(joint), torque_wanted=True)

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

    def reopen(self) -> None:
        """What kept it from moving is over."""
        if self.torque:
            self.gate.open()
        else:
            self.gate.shut(TORQUE_OFF)
