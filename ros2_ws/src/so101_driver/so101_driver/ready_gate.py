"""A `CommandGate` that several threads use, and that is shut while the arm may not move."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import numpy as np
from act_core.command_gate import Applied, CommandGate, Refusal
from act_core.limits import JointLimits
from act_core.stamps import StampCheck
from numpy.typing import ArrayLike, NDArray

from so101_driver.calibration import Vector


class ReadyGate:
    """Refuses every command for as long as there is a reason to; otherwise see `CommandGate`."""

    def __init__(
        self,
        limits: JointLimits,
        period_s: float,
        timeout_s: float,
        stamps: StampCheck | None = None,
    ) -> None:
        self.reason = "not connected yet"  # commands are refused because of it, unless it is ""
        self._lock = threading.Lock()
        self._refused = 0
        self._stamps = stamps if stamps is not None else StampCheck()
        self._gate = CommandGate(limits, period_s, timeout_s, self._stamps)
        self._period_s, self._timeout_s = period_s, timeout_s

    @property
    def limits(self) -> JointLimits:
        """Of the joints."""
        return self._gate.limits

    @property
    def is_stopped(self) -> bool:
        """Whether the e-stop is engaged."""
        return self._gate.is_stopped

    def narrow(self, limits: JointLimits) -> None:
        """Begins anew with other limits; the e-stop stays as it is."""
        with self._lock:
            gate = CommandGate(limits, self._period_s, self._timeout_s, self._stamps)
            if self._gate.is_stopped:
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
            return self._gate.command(names, position_rad, stamp_ns, now_ns)

    def estop(self, engage: bool) -> None:
        """Engages or releases the e-stop."""
        with self._lock:
            self._gate.estop(engage)

    def hold(self, reason: str) -> None:
        """Drops the command in force: the arm comes to a stop and waits for the next one."""
        with self._lock:
            self._gate.hold(self.reason or reason)

    def shut(self, reason: str) -> None:
        """Drops the command in force and refuses others: the arm comes to a stop."""
        with self._lock:
            self.reason = reason
            self._gate.hold(reason)

    def open(self) -> None:
        """Commands are followed from now on."""
        with self._lock:
            self.reason = ""
            self._gate.hold("no command yet")

    def reset(self, position_rad: ArrayLike, epoch_ns: int) -> Vector:
        """Starts from rest at a position (6,) [rad]; returns it, moved inside the limits."""
        with self._lock:
            start = self._gate.reset(position_rad, epoch_ns).position_rad
            self._gate.hold(self.reason or "no command yet")
            return start

    def place(self, joints: NDArray[np.bool_], position_rad: Vector) -> Vector:
        """Some joints (6,) start from rest at a position (6,); returns all targets (6,) [rad]."""
        with self._lock:
            return self._gate.place(joints, position_rad)

    def next(self, reach: tuple[Vector, Vector]) -> Applied:
        """What to send in this period, within ``reach``; see `CommandGate.next`."""
        with self._lock:
            return self._gate.next(reach)

    def confine(self, reach: tuple[Vector, Vector]) -> Applied:
        """What was sent last, within ``reach``."""
        with self._lock:
            return self._gate.confine(reach)

    def counts(self) -> Mapping[str, str]:
        """For a diagnostics message, as text."""
        with self._lock:
            return {**self._gate.counts(), "refused_not_ready": str(self._refused)}
