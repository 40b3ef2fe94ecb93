"""The connection to the arm, which comes and goes."""

from __future__ import annotations

from collections.abc import Callable

from act_core.timing import Clock, to_ns

from so101_driver import arm_checks, arm_start
from so101_driver.arm import So101Arm
from so101_driver.bus_errors import BusError, MissingError, NoReplyError
from so101_driver.driver_settings import DriverSettings


class ArmLink:
    """Opens the port, stops what runs there and checks the arm, with growing pauses between
    attempts that fail.

    With the default settings, attempts that fail at once begin at 0, 0.2, 0.6, 1.4, 3.0, 5.0 s, and
    so on every two seconds.

    An arm that was connected before and of which servos are missing now stays open between
    attempts: it is `incomplete`, and the servos that do answer can be seen to.
    """

    def __init__(
        self, open_arm: Callable[[], So101Arm], settings: DriverSettings, clock: Clock
    ) -> None:
        self.arm: So101Arm | None = None
        self.incomplete: So101Arm | None = None
        self.was_connected = False
        self._open_arm = open_arm
        self._settings = settings
        self._clock = clock
        self._retry_ns = 0
        self._pause_s = settings.reconnect_first_s

    def connect_when_due(self) -> So101Arm | None:
        """The arm, checked and configured, or None while it is not yet time for another attempt.

        Raises BusError where an attempt fails; nothing has been moved then, and `drop` is to be
        called. A servo on its way to a goal far from its joint is switched off first.
        """
        if self._clock.now_ns() < self._retry_ns:
            return None
        arm = self.incomplete if self.incomplete is not None else self._open_arm()
        self.incomplete = None
        try:
            if self.was_connected:  # it is known to be the arm, whatever else has changed
                arm_start.calm(arm)
            arm_checks.check_servos(arm)
            if not self.was_connected:
                arm_start.calm(arm)
            arm_checks.check_calibration(arm)
            arm.configure()
        except (MissingError, NoReplyError):
            if self.was_connected:
                self.incomplete = arm
            else:
                arm.bus.close()
            raise
        except BusError:
            arm.bus.close()
            raise
        self.incomplete, self.arm, self.was_connected = None, arm, True
        self._pause_s = self._settings.reconnect_first_s
        return self.arm

    def hurry(self) -> None:
        """The next attempt is due at once."""
        self._retry_ns, self._pause_s = 0, self._settings.reconnect_first_s

    def drop(self) -> None:
        """The next attempt comes after a pause; the port is closed, but for an incomplete arm."""
        if self.arm is not None:
            self.arm.bus.close()
        self.arm = None
        self._wait()

    def close(self) -> None:
        """Closes the port of an incomplete arm."""
        if self.incomplete is not None:
            self.incomplete.bus.close()
        self.incomplete = None

    def _wait(self) -> None:
        self._retry_ns = self._clock.now_ns() + to_ns(self._pause_s)
        self._pause_s = min(2 * self._pause_s, self._settings.reconnect_longest_s)
