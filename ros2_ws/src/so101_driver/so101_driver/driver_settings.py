"""How the driver behaves, apart from where the arm is connected."""

from __future__ import annotations

from dataclasses import dataclass, field

from act_core.stamps import TOLERANCE_S, StampCheck

from so101_driver.arm_faults import FaultLimits


@dataclass(frozen=True)
class DriverSettings:
    """Of `ArmDriver`; the defaults suit an SO-101 at 100 Hz."""

    rate_hz: float = 100.0
    command_timeout_s: float = 0.2
    clock_tolerance_s: float = TOLERANCE_S
    simulated_time: bool = False  # /clock of another node is the ROS time
    torque_on_start: bool = True
    patience_s: float = 0.05  # without a reply; then commands are dropped until the bus is back
    auto_recover: bool = False  # leave latched faults without being asked
    recover_after_s: float = 1.0
    # A joint may be so far past a limit when torque is switched on: it is moved onto the limit.
    start_tolerance_rad: float = 0.1
    health_hz: float = 1.5  # looks at each servo's temperature, voltage, current
    port_patience_s: float = 10.0  # for a port to appear at the start, before that is an error
    reconnect_first_s: float = 0.2  # pause after the first failed attempt; each next one doubles it
    reconnect_longest_s: float = 2.0
    faults: FaultLimits = field(default_factory=FaultLimits)

    @property
    def period_s(self) -> float:
        """Of control."""
        return 1.0 / self.rate_hz

    def stamps(self) -> StampCheck:
        """What judges the stamps of commands."""
        return StampCheck(self.clock_tolerance_s, self.simulated_time, not self.simulated_time)

    def periods(self, seconds: float) -> int:
        """That many control periods, at least one."""
        return max(1, round(seconds * self.rate_hz))
