"""An arm behind a `CommandGate` that several threads use."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from act_core.command_gate import CommandGate, Motion, Refusal
from act_core.limits import JointLimits
from act_core.stamps import StampCheck


class GatedArm:
    """What a backend of an `ArmNode` passes on to its gate, under one lock.

    Its methods may be called from any thread.

    Args:
        limits: of the joints.
        period_s: of the control loop.
        timeout_s: without a command for so long it holds.
        stamps: what judges the stamps of commands.
    """

    def __init__(
        self,
        limits: JointLimits,
        period_s: float,
        timeout_s: float,
        stamps: StampCheck | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._gate = CommandGate(limits, period_s, timeout_s, stamps)

    def command(
        self, names: Sequence[str], position_rad: Sequence[float], stamp_ns: int, now_ns: int
    ) -> Refusal | None:
        """See `CommandGate.command`."""
        with self._lock:
            return self._gate.command(names, position_rad, stamp_ns, now_ns)

    def estop(self, engage: bool) -> None:
        """Engages or releases the e-stop."""
        with self._lock:
            self._gate.estop(engage)

    def hold(self, reason: str) -> None:
        """Drops the command in force."""
        with self._lock:
            self._gate.hold(reason)

    @property
    def motion(self) -> Motion:
        """See `CommandGate.motion`."""
        with self._lock:
            return self._gate.motion

    def values(self) -> Mapping[str, str]:
        """Counts for a diagnostics message, as text."""
        with self._lock:
            return self._gate.counts()
