"""An arm that is moved by hand: where its joints are, whatever happens to its cable."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from act_core.errors import ConfigurationError
from act_core.timing import Clock, MonotonicClock, to_ns
from numpy.typing import NDArray

from so101_driver import registers as reg
from so101_driver.bus import Bus
from so101_driver.bus_errors import BusError
from so101_driver.calibration import Calibration, JointConversion
from so101_driver.setup.calibrate import release
from so101_driver.setup.drift import differences

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 5.0
LOST_IN_A_ROW = 100  # readings; then the port is opened anew


class LeaderArm:
    """Reads a calibrated arm whose torque is off.

    The port is opened, and opened again when it is gone, by `read`, with growing pauses. An arm
    whose servos do not hold the calibration is not read: the follower would go somewhere else.

    Args:
        open_bus: opens the port; raises BusError.
        calibration: of this arm.
        clock: monotonic.
    """

    def __init__(
        self, open_bus: Callable[[], Bus], calibration: Calibration, clock: Clock | None = None
    ) -> None:
        self._open_bus = open_bus
        self._calibration = calibration
        self._conversion = JointConversion(calibration)
        self._clock = clock if clock is not None else MonotonicClock()
        self._retry_s = FIRST_RETRY_S
        self._retry_ns = 0
        self._lost = 0
        self.bus: Bus | None = None
        self.problem: str | None = None  # why `read` has nothing to say

    def read(self) -> NDArray[np.float64] | None:
        """Positions (6,) [rad] in the order of `JOINT_NAMES`, or None: see ``problem``."""
        try:
            if self.bus is None and not self._open():
                return None
            return self._read()
        except (BusError, ConfigurationError) as error:
            self.problem = str(error)
            self.close()
            self._retry_ns = self._clock.now_ns() + to_ns(self._retry_s)
            self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)
            return None

    def close(self) -> None:
        """Closes the port; `read` opens it again."""
        bus, self.bus = self.bus, None
        if bus is not None:
            bus.close()

    def _open(self) -> bool:
        if self._clock.now_ns() < self._retry_ns:
            return False
        self.bus = self._open_bus()
        found = differences(self.bus, self._calibration)
        if found:
            raise ConfigurationError(
                f"the servos do not hold this calibration ({found[0]}); so101-setup check "
                "--role leader says more"
            )
        release(self.bus)
        self._lost = 0
        return True

    def _read(self) -> NDArray[np.float64] | None:
        assert self.bus is not None
        reading = self.bus.sync_read(self._calibration.servo_ids, (reg.PRESENT_POSITION,))
        if reading.missing:
            self._lost += 1
            ids = ", ".join(map(str, reading.missing))
            self.problem = f"no reply from servo {ids}"
            if self._lost >= LOST_IN_A_ROW:
                raise BusError(self.problem)
            return None
        self._lost, self._retry_s, self.problem = 0, FIRST_RETRY_S, None
        counts = [reading.values[servo_id][0] for servo_id in self._calibration.servo_ids]
        return self._conversion.to_rad(counts)
