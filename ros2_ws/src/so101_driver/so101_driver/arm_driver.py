"""The driver without ROS: one call per control period, and nothing on the bus makes it raise."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from act_core.command_gate import Applied, Motion, Refusal
from act_core.limits import JointLimits
from act_core.robots.so101 import SO101_LIMITS
from act_core.timing import NS_PER_S, Clock, MonotonicClock, to_ns

from so101_driver.actuation import Actuation
from so101_driver.arm import ArmState, So101Arm
from so101_driver.arm_faults import FaultMonitor
from so101_driver.arm_link import ArmLink
from so101_driver.bus_errors import ArmError, BusError, NoPortError, PortError
from so101_driver.driver_settings import DriverSettings
from so101_driver.exit_policy import HOLD, carry_out
from so101_driver.health_round import HealthRound
from so101_driver.request_queue import RefusedError, RequestQueue
from so101_driver.session import Event, State

BUS_SHARE = 0.8  # of a period that reading may take, repetitions included


class Cycle(NamedTuple):
    """What happened in one control period."""

    state: ArmState | None  # None: the joints could not be read
    applied: Applied | None  # None: nothing was sent
    hold: str | None  # why commands are not followed; None while they are


class Ending(NamedTuple):
    """What came of the exit policy."""

    done: bool  # False: the arm could not be reached, and torque may be on
    text: str


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
        self._limits = limits
        self._actuation = Actuation(self.settings, limits)
        self._gate = self._actuation.gate
        self._period_s = self.settings.period_s
        self._budget_ns = to_ns(BUS_SHARE * self._period_s)
        self._born_ns = self._clock.now_ns()
        self._is_patient = False
        self._silent = 0  # cycles without a state
        self._fault_cycles = 0
        self._relaxed: set[str] = set()
        self._requests = RequestQueue()
        self._health = HealthRound(self.settings)
        self.read_s = 0.0  # how long the last reading of the joints took

    # -- from any thread -----------------------------------------------------------------------

    def command(
        self,
        names: Sequence[str],
        position_rad: Sequence[float],
        stamp_ns: int,
        now_ns: int | None = None,
    ) -> Refusal | None:
        """See `CommandGate.command`; refused as well while the arm may not move."""
        return self._gate.command(names, position_rad, stamp_ns, now_ns)

    def estop(self, engage: bool) -> None:
        """Engages or releases the e-stop: the arm holds, with torque."""
        self._gate.estop(engage)

    def hold(self, reason: str) -> None:
        """Drops the command in force."""
        self._gate.hold(reason)

    @property
    def motion(self) -> Motion:
        """See `CommandGate.motion`."""
        return self._gate.motion

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
    def is_in_reach(self) -> bool:
        """Whether servos that answer are seen to: also while others of a known arm are missing."""
        return self._link.arm is not None or self._link.incomplete is not None

    @property
    def faults(self) -> FaultMonitor:
        """What is wrong with the arm."""
        return self._actuation.faults

    @property
    def state(self) -> State:
        """What it does with the arm now; see `session`."""
        return self._gate.session.state

    @property
    def torque(self) -> bool:
        """Whether torque was switched on."""
        return self._actuation.torque

    def ending(self, policy: str) -> str:
        """See `Actuation.ending`."""
        return self._actuation.ending(policy)

    def shut_down(self, policy: str) -> Ending:
        """Carries out what the exit policy comes to, and closes the port; see `exit_policy`.

        Only once `cycle` is no longer called.
        """
        arm, self._link.arm = self._link.arm, None
        now = self.ending(policy)
        self._link.close()
        if arm is None:
            text = f"the arm is not connected: torque stays as it is ({self._gate.reason})"
            return Ending(now == HOLD, text)
        try:
            done = carry_out(now, arm, self._limits, self._clock)
        except BusError as error:
            return Ending(False, f"exit policy '{policy}' failed: {error}")
        finally:
            arm.bus.close()
        if now == policy:
            return Ending(True, done)
        if now == HOLD:
            return Ending(True, "the arm was not driven: torque stays as it was found")
        stopped = (
            "not moved to rest, the e-stop is engaged; " if self._gate.session.is_stopped else ""
        )
        return Ending(True, stopped + done)

    def values(self) -> Mapping[str, str]:
        """Counts for a diagnostics message, as text."""
        counts = {key: str(count) for key, count in sorted(self.counts.items())}
        state, missed = self.state.value, str(self._health.missed)
        return {"state": state, **self._gate.values(), **counts, "health_missed": missed}

    # -- every period --------------------------------------------------------------------------

    def cycle(self, now_ns: int) -> Cycle:
        """One control period at ``now_ns`` [ns of ROS time]: read, judge, send."""
        started_ns = self._clock.now_ns()
        try:
            arm = self._link.arm
            if arm is None:
                self._tend(started_ns)
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
        state = arm.read_partly(deadline_ns)
        self.read_s = (self._clock.now_ns() - deadline_ns + self._budget_ns) / NS_PER_S
        everybody = bool(state.heard.all())
        if everybody and self._silent:
            self._heard_again(arm, now_ns)
        if self.torque:
            actuation = self._actuation
            self.faults.see_state(state, actuation.sent_rad, actuation.limp, actuation.wanted_rad)
            actuation.catch(self.faults.running())
            actuation.let_go(self.faults.without_force())
        else:
            self.faults.see_state(state, None)
            if self._actuation.is_released:
                self._actuation.trail(arm, state)
        if not everybody:
            return self._silence(arm, state)
        seen = self._health.look(arm, deadline_ns)
        if seen is not None:
            self._actuation.see_health(*seen)
        self._judge(arm, now_ns)
        if not self.torque:
            return Cycle(state, None, self._gate.reason)
        applied = self._actuation.send(arm, state)
        return Cycle(state, applied, self._gate.reason or applied.hold)

    def _silence(self, arm: So101Arm, state: ArmState) -> Cycle:
        self._silent += 1
        self.counts["cycles_without_state"] += 1
        silent = [i for i, heard in zip(arm.servo_ids, state.heard, strict=True) if not heard]
        text = f"no reply from {', '.join(arm.joint_of(i) for i in silent)}"
        if self._silent == self.settings.periods(self.settings.patience_s):
            self._gate.happen(Event.FAULT, text)
            self._note("error", f"{text}: holding")
        applied = self._actuation.keep(arm, state) if self.torque else None
        return Cycle(None, applied, self._gate.reason or text)

    def _heard_again(self, arm: So101Arm, now_ns: int) -> None:
        if self._silent >= self.settings.periods(self.settings.patience_s):
            if self.torque:
                # Where it raises, the next cycle tries again.
                self._actuation.take_over(arm, now_ns)
            if not self.faults.faults:
                self._actuation.reopen(arm, now_ns)
            self._note("info", "the servos answer again")
        self._silent = 0

    def _judge(self, arm: So101Arm, now_ns: int) -> None:
        """Faults stop the arm, relax what presses, and end."""
        faults = self.faults.faults
        if not faults:
            if self._fault_cycles:
                self._end_of_faults(arm, now_ns)
            return
        text = "; ".join(fault.text for fault in faults)
        if text != self._gate.reason:
            self._gate.happen(Event.FAULT, text)
            self._note("error", text)
            self.counts.update(f"fault_{fault.kind}" for fault in faults)
        self._fault_cycles += 1
        if self._actuation.is_at_rest:  # it brakes first; then a joint that presses gives way
            pressing = {f.joint for f in faults if f.relaxes} - self._relaxed
            if self._actuation.relax(pressing):
                self._relaxed |= pressing
        due = self._fault_cycles * self._period_s >= self.settings.recover_after_s
        if self.settings.auto_recover and due and any(f.is_latched for f in faults):
            self._fault_cycles = 1
            try:
                self._note("info", self._recover(now_ns))
            except RefusedError as error:
                self._note("warning", str(error))

    def _end_of_faults(self, arm: So101Arm, now_ns: int) -> None:
        try:
            self._actuation.reopen(arm, now_ns)
        except ArmError as error:  # somebody has to move a joint
            if str(error) != self._gate.reason:
                self._gate.happen(Event.FAULT, str(error))
                self._note("error", str(error))
            return
        self._fault_cycles = 0
        self._relaxed.clear()
        self._note("info", "no fault is left")

    # -- requests ------------------------------------------------------------------------------

    def _switch_torque(self, on: bool, now_ns: int) -> str:
        arm = self._connected()
        if on:
            self._actuation.is_wanted = True
            self._actuation.energise(arm, now_ns)
            return "torque is on; the arm holds where it is"
        self._actuation.release(arm)
        return "torque is off"

    def _recover(self, now_ns: int) -> str:
        joints = self._actuation.recover(self._connected(), now_ns)
        self.counts["recoveries"] += len(joints)
        return f"recovered: {', '.join(joints)}"

    def _connected(self) -> So101Arm:
        if self._link.arm is None:
            raise RefusedError(self._gate.reason)
        return self._link.arm

    # -- connection ----------------------------------------------------------------------------

    def _tend(self, started_ns: int) -> None:
        """Sees to the servos that are there while others are missing."""
        arm = self._link.incomplete
        if arm is None:
            return
        try:
            half_ns = self._budget_ns // 2  # waiting for the missing ones uses all of it
            goals = arm.read_goals_partly(started_ns + half_ns)
            state = arm.read_partly(started_ns + 2 * half_ns)
            joints, complete = self._actuation.tend(arm, goals, state)
        except PortError:
            self._link.close()
            return
        if joints:
            text = f"{', '.join(joints)}: torque and a goal that is not ours: switched off"
            self._note("warning", text)
        if complete:
            self._link.hurry()

    def _connect(self, now_ns: int) -> None:
        try:
            arm = self._link.connect_when_due()
            if arm is not None:
                if problem := self._actuation.adopt(arm, now_ns):
                    self._note("error", problem)
                self._silent = 0
                self._note("info", "connected to six servos")
        except BusError as error:
            self._link.drop()
            if str(error) != self._gate.reason or self._is_patient != self._waits_for_port(error):
                self._is_patient = self._waits_for_port(error)
                level = "info" if self._is_patient else "error"
                self._note(level, f"waiting: {error}" if self._is_patient else str(error))
            self._gate.happen(Event.LOST, str(error))
            self.counts["failed_connections"] += 1
        if self._link.arm is None:
            self._requests.carry_out(now_ns)  # they find no arm, and their futures say why

    def _waits_for_port(self, error: BusError) -> bool:
        """Whether there is no port yet, because what offers it (an emulator) starts as well."""
        young = self._clock.now_ns() - self._born_ns < to_ns(self.settings.port_patience_s)
        return isinstance(error, NoPortError) and young and not self._link.was_connected

    def _disconnect(self, text: str) -> None:
        self._link.drop()
        self._actuation.lose(text)
        self.counts["disconnections"] += 1
        self._note("error", f"{text} Trying to connect again; the servos hold their goals")

    def _note(self, level: str, text: str) -> None:
        self.events.append((level, text))
