"""The backend of an arm that other software moves: measured by that, commanded through the gate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from act_core.command_gate import Applied
from act_core.gated_arm import GatedArm
from act_core.limits import JointLimits, far_outside
from act_core.stamps import StampCheck
from act_core.timing import NS_PER_S, Clock, MonotonicClock

Vector = NDArray[np.float64]
TOLERANCE_RAD = 0.05  # past a limit, that an arm may begin
SILENT_S = 0.5  # without a measurement for so long nothing is sent


class Turn(NamedTuple):
    """One control period. applied: None where nothing may be sent, and ``why``."""

    applied: Applied | None
    why: str | None


class ControlledArm(GatedArm):
    """A `CommandGate` that begins, and after each silence begins anew, where the arm is measured.

    Args:
        limits, period_s, timeout_s, stamps: as for `GatedArm`.
        clock: monotonic.
    """

    def __init__(
        self,
        limits: JointLimits,
        period_s: float,
        timeout_s: float,
        stamps: StampCheck | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(limits, period_s, timeout_s, stamps)
        self._clock = clock if clock is not None else MonotonicClock()
        self._measured: tuple[int, Vector] | None = None  # monotonic time, (J,)
        self._is_begun = False

    def measured(self, position_rad: Vector) -> None:
        """Where the joints (J,) [rad] are."""
        with self._lock:
            self._measured = self._clock.now_ns(), position_rad

    def turn(self, now_ns: int) -> Turn:
        """Runs one control period at ``now_ns`` of ROS time."""
        with self._lock:
            if self._measured is None:
                return Turn(None, "where the arm is has not been told yet")
            age_s = (self._clock.now_ns() - self._measured[0]) / NS_PER_S
            if age_s > SILENT_S:
                self._is_begun = False
                return Turn(None, f"where the arm is was last told {age_s:.1f} s ago")
            if not self._is_begun:
                wrong = self._outside(self._measured[1])
                if wrong is not None:
                    return Turn(None, wrong)
                self._gate.reset(self._measured[1], epoch_ns=now_ns)
                self._is_begun = True
            applied = self._gate.next()
            return Turn(applied, applied.hold)

    def _outside(self, here: Vector) -> str | None:
        """Why nothing may be sent to an arm that is there: it would jump to its limit."""
        limits = self._gate.limits
        wrong = far_outside(here, limits)
        if wrong is not None:
            return f"where the arm is makes no sense: {wrong}"
        beyond = np.maximum(limits.lower_rad - here, here - limits.upper_rad)
        worst = int(np.argmax(beyond))
        if beyond[worst] <= TOLERANCE_RAD:
            return None
        return (
            f"{limits.names[worst]} is at {here[worst]:.3f} rad, outside "
            f"{limits.lower_rad[worst]:.3f} to {limits.upper_rad[worst]:.3f}: bring it back by "
            "other means, or correct the robot's limits"
        )
