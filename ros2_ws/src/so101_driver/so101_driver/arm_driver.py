"""The driver without ROS: one call per control period, and nothing on the bus makes it raise."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np
from act_core.command_gate import Applied
from act_core.limits import JointLimits
from act_core.so101 import JOINT_NAMES, SO101_LIMITS
from act_core.timing import NS_PER_S, Clock, MonotonicClock, to_ns

from so101_driver import arm_start
from so101_driver.arm import ArmState, So101Arm
from so101_driver.arm_faults import FaultMonitor
from so101_driver.arm_link import ArmLink
from so101_driver.bus_errors import ArmError, BusError, NoReplyError, PortError
from so101_driver.calibration import Vector
from so101_driver.driver_settings import DriverSettings
from so101_driver.exit_policy import carry_out
from so101_driver.health_round import HealthRound
from so101_driver.ready_gate import ReadyGate
from so101_driver.request_queue import RefusedError, RequestQueue

BUS_SHARE = 0.8  # of a period that reading may take, repetitions included
TORQUE_OFF = "torque is off; switch it on with the service driver/torque"


class Cycle(NamedTuple):
    """What happened in one control period."""

    state: ArmState | None  # None: the joints could not be read
    applied: Applied | None  # None: nothing was sent
    hold: str | None  # why commands are not followed; None while they are


class ArmDriver:
    """Follows commands as far as the arm's limits and its health allow; holds and says why else.

    `cycle` is called once per period from one thread; the other methods may be called from any.

    - A reply that is lost is asked for again within the period. Without one, the servos keep their
      goals: the arm holds. After ``patience_s`` the command in force is dropped.
    - A port that is gone is opened again, with growing pauses, and the arm is not moved: where the
      servos still have torque, their goals are where it goes on.
    - Faults (see `arm_faults`) drop the command and refuse new ones. Latched ones end with
      `recover`, or by themselves with ``auto_recover``.

    Args:
        open_arm: opens the port; raises BusError where that is not possible now.
        settings: see there.
        limits: of the model; the calibration narrows them.
        clock: monotonic.
    """

    def __init__(
        self,
        open_arm: Callable[[], So101Arm],
        settings: DriverSettings | None = None,
        limits: JointLimits = SO101_LIMITS,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings if settings is not None else DriverSettings()
        self.counts: Counter[str] = Counter()
        self.events: deque[tuple[str, str]] = deque(maxlen=100)  # level and text, for a log
        self._clock = clock if clock is not None else MonotonicClock()
        self._link = ArmLink(open_arm, self.settings, self._clock)
        self._model_limits = limits
        self._period_s = self.settings.period_s
        self._budget_ns = to_ns(BUS_SHARE * self._period_s)
        self._gate = ReadyGate(limits, self._period_s, self.settings.command_timeout_s)
        self._has_limits = False
        self.faults = FaultMonitor(self._period_s, self.settings.faults)
        self._torque = False  # whether this drives the arm: torque is on, goals are sent
        self._torque_wanted = self.settings.torque_on_start
        self._sent: Vector | None = None  # (6,) last goals
        self._silent = 0  # cycles without a state
        self._fault_cycles = 0
        self._relaxed: set[str] = set()
        self._at_rest = False  # the goals no longer move
        self._seen_rad: Vector | None = None  # (6,) joints, before one of them is relaxed
        self._requests = RequestQueue()
        self._health = HealthRound(self.settings)
        self.read_s = 0.0  # how long the last reading of the joints took

    # -- from any thread -----------------------------------------------------------------------

    def command(
        self, names: Sequence[str], position_rad: Sequence[float], stamp_ns: int
    ) -> str | None:
        """See `CommandGate.command`; refused as well while the arm may not move."""
        return self._gate.command(names, position_rad, stamp_ns)

    def estop(self, engage: bool) -> None:
        """Engages or releases the e-stop: the arm holds, with torque."""
        self._gate.estop(engage)

    def request_torque(self, on: bool) -> Future[str]:
        """Switches torque on or off in the next cycle; fails with RefusedError and a reason."""
        return self._requests.put(lambda now_ns: self._switch_torque(on, now_ns))

    def request_recovery(self) -> Future[str]:
        """Leaves latched faults in the next cycle; fails with RefusedError and a reason."""
        return self._requests.put(self._recover)

    @property
    def arm(self) -> So101Arm | None:
        """The arm while it is connected; its bus belongs to the thread of `cycle`."""
        return self._link.arm

    @property
    def torque(self) -> bool:
        """Whether torque was switched on."""
        return self._torque

    def shut_down(self, policy: str) -> str:
        """Carries out the exit policy and closes the port; returns what was done.

        Only once `cycle` is no longer called. See `exit_policy`.
        """
        arm, self._link.arm = self._link.arm, None
        if arm is None:
            return f"the arm is not connected: torque stays as it is ({self._gate.reason})"
        try:
            return carry_out(policy, arm, self._model_limits, self._clock)
        except BusError as error:
            return f"exit policy '{policy}' failed: {error}"
        finally:
            arm.bus.close()

    def values(self) -> Mapping[str, str]:
        """Counts for a diagnostics message, as text."""
        counts = {key: str(count) for key, count in sorted(self.counts.items())}
        return {**self._gate.counts(), **counts, "health_missed": str(self._health.missed)}

    # -- every period --------------------------------------------------------------------------

    def cycle(self, now_ns: int) -> Cycle:
        """One control period at ``now_ns`` [ns of ROS time]: read, judge, send."""
        started_ns = self._clock.now_ns()
        try:
            arm = self._link.arm
            if arm is None:
                self._connect(now_ns)
                return Cycle(None, None, self._gate.reason)
            self._requests.carry_out(now_ns)
            return self._run(arm, now_ns, started_ns + self._budget_ns)
        except PortError as error:
            self._disconnect(str(error))
            return Cycle(None, None, self._gate.reason)
        except BusError as error:  # requests that went wrong have had their own answer
            self._note("warning", str(error))
            return Cycle(None, None, str(error))

    def _run(self, arm: So101Arm, now_ns: int, deadline_ns: int) -> Cycle:
        try:
            state = arm.read_state(deadline_ns)
        except NoReplyError as error:
            return self._silence(arm, error)
        self.read_s = (self._clock.now_ns() - deadline_ns + self._budget_ns) / NS_PER_S
        if self._silent:
            self._heard_again(arm, now_ns)
        self.faults.see_state(state, self._sent if self._torque else None)
        seen = self._health.look(arm, deadline_ns)
        if seen is not None:
            self.faults.see_health(*seen, torque_wanted=self._torque)
        self._judge(arm, state, now_ns)
        if not self._torque:
            return Cycle(state, None, self._gate.reason)
        applied = self._gate.next()
        arm.write_goals(applied.position_rad)
        self._at_rest = self._sent is not None and np.array_equal(applied.position_rad, self._sent)
        self._sent = applied.position_rad
        return Cycle(state, applied, self._gate.reason or applied.hold)

    def _silence(self, arm: So101Arm, error: NoReplyError) -> Cycle:
        self._silent += 1
        self.counts["cycles_without_state"] += 1
        names = ", ".join(arm.joint_of(i) for i in error.servo_ids)
        text = f"no reply from {names}"
        if self._silent == self.settings.periods(self.settings.patience_s):
            self._gate.shut(text)
            self._note("error", f"{text}: holding")
        return Cycle(None, None, self._gate.reason or text)

    def _heard_again(self, arm: So101Arm, now_ns: int) -> None:
        if self._silent >= self.settings.periods(self.settings.patience_s):
            self._take_over(arm, now_ns)  # where it raises, the next cycle tries again
            self._reopen()
            self._note("info", "the servos answer again")
        self._silent = 0

    def _judge(self, arm: So101Arm, state: ArmState, now_ns: int) -> None:
        """Faults stop the arm, relax what presses, and end."""
        faults = self.faults.faults
        if not faults:
            if self._fault_cycles:
                self._fault_cycles = 0
                self._relaxed.clear()
                self._reopen()
                self._note("info", "no fault is left")
            return
        text = "; ".join(fault.text for fault in faults)
        if text != self._gate.reason:
            self._gate.shut(text)
            self._note("error", text)
            self.counts.update(f"fault_{fault.kind}" for fault in faults)
        self._fault_cycles += 1
        if self._at_rest:  # it brakes first; then a joint that presses gives way
            self._relax({f.joint for f in faults if f.relaxes} - self._relaxed, state, now_ns)
        due = self._fault_cycles * self._period_s >= self.settings.recover_after_s
        if self.settings.auto_recover and due and any(f.is_latched for f in faults):
            self._fault_cycles = 1
            try:
                self._note("info", self._recover(now_ns))
            except RefusedError as error:
                self._note("warning", str(error))

    def _relax(self, joints: set[str], state: ArmState, now_ns: int) -> None:
        if not joints or self._sent is None or not self._torque:
            return
        before, self._seen_rad = self._seen_rad, state.position_rad
        if before is None or np.abs(before - state.position_rad).max() > arm_start.AGREES_RAD:
            return  # not on the strength of a single reading
        self._relaxed |= joints
        here = [joint in joints for joint in JOINT_NAMES]
        self._gate.reset(np.where(here, state.position_rad, self._sent), now_ns)

    # -- requests ------------------------------------------------------------------------------

    def _switch_torque(self, on: bool, now_ns: int) -> str:
        arm = self._connected()
        if not on:
            self._torque = self._torque_wanted = False
            self._sent = None
            unconfirmed = arm.release()
            self._gate.shut(TORQUE_OFF)
            if unconfirmed:
                raise RefusedError(f"torque off is not confirmed by {', '.join(unconfirmed)}")
            return "torque is off"
        self._torque_wanted = True
        self._energise(arm, now_ns)
        return "torque is on; the arm holds where it is"

    def _recover(self, now_ns: int) -> str:
        arm = self._connected()
        if not self._torque:
            raise RefusedError("torque is off: switch it on instead")
        joints = self.faults.recoverable()
        if not joints:
            raise RefusedError("there is no latched fault to recover from")
        for joint, needs_restart in sorted(joints.items()):
            if needs_restart:
                arm.recover(joint)
            self.faults.recovered(joint)
        self._take_over(arm, now_ns)
        self.counts["recoveries"] += len(joints)
        return f"recovered: {', '.join(sorted(joints))}"

    def _connected(self) -> So101Arm:
        if self._link.arm is None:
            raise RefusedError(self._gate.reason)
        return self._link.arm

    # -- start and end -------------------------------------------------------------------------

    def _connect(self, now_ns: int) -> None:
        try:
            arm = self._link.connect_when_due()
            if arm is not None:
                self._use_limits(arm)
                self._adopt(arm, now_ns)
                self._silent = 0
                self._note("info", "connected to six servos")
        except BusError as error:
            self._link.drop()
            if str(error) != self._gate.reason:
                self._note("error", str(error))
            self._gate.shut(str(error))
            self.counts["failed_connections"] += 1
        if self._link.arm is None:
            self._requests.carry_out(now_ns)  # they find no arm, and their futures say why

    def _use_limits(self, arm: So101Arm) -> None:
        """The calibration narrows the limits, once: it does not change while this runs."""
        if self._has_limits:
            return
        self._has_limits = True
        self._gate.narrow(arm.conversion.limits(self._model_limits))

    def _adopt(self, arm: So101Arm, now_ns: int) -> None:
        """Takes over an arm that was just connected, without moving it."""
        _, torque = arm.read_goals()
        self._torque = False
        self._gate.shut(TORQUE_OFF)
        if not (self._torque_wanted or torque.all()):
            return
        try:
            self._energise(arm, now_ns)
        except ArmError as error:
            self._gate.shut(str(error))
            self._note("error", str(error))

    def _energise(self, arm: So101Arm, now_ns: int) -> None:
        tolerance_rad = self.settings.start_tolerance_rad
        self._sent = arm_start.energise(arm, self._gate, tolerance_rad, now_ns).goals_rad
        self._torque = True
        self.faults.clear()
        self._gate.open()

    def _take_over(self, arm: So101Arm, now_ns: int) -> None:
        start = arm_start.take_over(arm, self._gate, now_ns)
        self._sent = start.goals_rad
        for joint in start.limp if self._torque else ():
            self.faults.see_health(joint, arm.read_health(joint), torque_wanted=True)

    def _disconnect(self, text: str) -> None:
        self._link.drop()
        self._sent = None
        self.counts["disconnections"] += 1
        self._note("error", f"{text} Trying to connect again; the servos hold their goals")
        self._gate.shut(text)

    def _reopen(self) -> None:
        """What kept it from moving is over."""
        if self._torque:
            self._gate.open()
        else:
            self._gate.shut(TORQUE_OFF)

    def _note(self, level: str, text: str) -> None:
        self.events.append((level, text))
