"""A `CommandGate` that several threads use, open in those states of a `Session` that allow it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from act_core.command_gate import Applied, CommandGate, Refusal
from act_core.gated_arm import GatedArm
from act_core.limits import JointLimits
from act_core.stamps import StampCheck
from numpy.typing import ArrayLike, NDArray

from so101_driver.calibration import Vector
from so101_driver.session import TAKES_COMMANDS, Event, Session, State

NO_COMMAND = "no command yet"


class ReadyGate(GatedArm):
    """Keeps the `Session` and refuses every command where its state does not allow one; otherwise
    see `CommandGate`. The arguments are those of `GatedArm`."""

    def __init__(
        self,
        limits: JointLimits,
        period_s: float,
        timeout_s: float,
        stamps: StampCheck | None = None,
    ) -> None:
        self._stamps = stamps if stamps is not None else StampCheck()
        super().__init__(limits, period_s, timeout_s, self._stamps)
        self._period_s, self._timeout_s = period_s, timeout_s
        self.reason = "not connected yet"  # commands are refused because of it, unless it is ""
        self.session = Session()
        self._refused = 0

    @property
    def limits(self) -> JointLimits:
        """Of the joints."""
        return self._gate.limits

    def narrow(self, limits: JointLimits) -> None:
        """Begins anew with other limits; the e-stop stays as it is."""
        with self._lock:
            gate = CommandGate(limits, self._period_s, self._timeout_s, self._stamps)
            if self.session.is_stopped:
                gate.estop(True)
            self._gate = gate

    def command(
        self,
        names: Sequence[str],
        position_rad: Sequence[float],
        stamp_ns: int,
        now_ns: int | None = None,
    ) -> Refusal | None:
        """Why a command is refused, or None."""
        with self._lock:
            if self.reason:
                self._refused += 1
                return Refusal("not_ready", self.reason)
            refusal = self._gate.command(names, position_rad, stamp_ns, now_ns)
            if refusal is None:
                self.session.happen(Event.COMMAND)
            return refusal

    def estop(self, engage: bool) -> None:
        """Engages or releases the e-stop."""
        with self._lock:
            self.session.happen(Event.ESTOP if engage else Event.RELEASE)
            self._gate.estop(engage)

    def hold(self, reason: str) -> None:
        """Drops the command in force: the arm comes to a stop and waits for the next one."""
        with self._lock:
            self._gate.hold(self.reason or reason)

    def happen(self, event: Event, reason: str = "") -> None:
        """What happened to the arm: the command in force is dropped, and the arm comes to a stop.

        reason: why commands are refused in the state that it leads to. Raises SessionError.
        """
        with self._lock:
            state = self.session.happen(event)
            self.reason = "" if state in TAKES_COMMANDS or state is State.STOPPED else reason
            self._gate.hold(self.reason or NO_COMMAND)

    def reset(self, position_rad: ArrayLike, epoch_ns: int) -> Vector:
        """Starts from rest at a position (6,) [rad]; returns it, moved inside the limits."""
        with self._lock:
            start = self._gate.reset(position_rad, epoch_ns).position_rad
            self._gate.hold(self.reason or NO_COMMAND)
            return start

    def place(self, joints: NDArray[np.bool_], position_rad: Vector) -> Vector:
        """Some joints (6,) start from rest at a position (6,); returns all targets (6,) [rad]."""
        with self._lock:
            return self._gate.place(joints, position_rad)

    def next(self, reach: tuple[Vector, Vector]) -> Applied:
        """What to send in this period, within ``reach``; see `CommandGate.next`."""
        with self._lock:
            applied = self._gate.next(reach)
            if applied.hold is not None and self.session.state is State.FOLLOWING:
                self.session.happen(Event.NO_COMMAND)
            return applied

    def confine(self, reach: tuple[Vector, Vector]) -> Applied:
        """What was sent last, within ``reach``."""
        with self._lock:
            return self._gate.confine(reach)

    def values(self) -> Mapping[str, str]:
        """Counts for a diagnostics message, as text."""
        return {**super().values(), "refused_not_ready": str(self._refused)}
