"""The connection to the arm, which comes and goes."""

from __future__ import annotations

from collections.abc import Callable

from act_core.timing import Clock, to_ns

from so101_driver import arm_checks
from so101_driver.arm import So101Arm
from so101_driver.driver_settings import DriverSettings


class ArmLink:
    """Opens the port and checks the arm, with growing pauses between attempts that fail.

    With the default settings, attempts that fail at once begin at 0, 0.2, 0.6, 1.4, 3.0, 5.0 s, and
    so on every two seconds.
    """

    def __init__(
        self, open_arm: Callable[[], So101Arm], settings: DriverSettings, clock: Clock
    ) -> None:
        self.arm: So101Arm | None = None
        self._open_arm = open_arm
        self._settings = settings
        self._clock = clock
        self._retry_ns = 0
        self._pause_s = settings.reconnect_first_s

    def connect_when_due(self) -> So101Arm | None:
        """The arm, checked and configured, or None while it is not yet time for another attempt.

        Raises BusError where an attempt fails; nothing has been moved then, and `drop` is to be
        called.
        """
        if self._clock.now_ns() < self._retry_ns:
            return None
        self.arm = arm_checks.open_checked(self._open_arm, So101Arm.configure)
        self._pause_s = self._settings.reconnect_first_s
        return self.arm

    def drop(self) -> None:
        """Closes the port; the next attempt comes after a pause."""
        if self.arm is not None:
            self.arm.bus.close()
        self.arm = None
        self._wait()

    def _wait(self) -> None:
        self._retry_ns = self._clock.now_ns() + to_ns(self._pause_s)
        self._pause_s = min(2 * self._pause_s, self._settings.reconnect_longest_s)
