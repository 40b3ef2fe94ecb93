"""Looks at one servo's health now and then, so that no control period gets long by it."""

from __future__ import annotations

from act_core.robots.so101 import JOINT_NAMES

from so101_driver.arm import ServoHealth, So101Arm
from so101_driver.bus_errors import NoReplyError
from so101_driver.driver_settings import DriverSettings


class HealthRound:
    """Every joint ``health_hz`` times a second: at 100 Hz and 1.5, one servo every 11 periods."""

    def __init__(self, settings: DriverSettings) -> None:
        self.missed = 0  # looks without an answer; the next round tries again
        self._every = settings.periods(1 / (len(JOINT_NAMES) * settings.health_hz))
        self._periods = 0

    def look(self, arm: So101Arm, deadline_ns: int) -> tuple[str, ServoHealth] | None:
        """Called once per period: a joint and its health, if it was one's turn."""
        self._periods += 1
        if self._periods % self._every:
            return None
        joint = JOINT_NAMES[self._periods // self._every % len(JOINT_NAMES)]
        try:
            return joint, arm.read_health(joint, deadline_ns)
        except NoReplyError:
            self.missed += 1
            return None
