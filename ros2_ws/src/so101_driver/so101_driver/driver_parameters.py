"""Parameters of the driver node."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from act_core.arm_parameters import OneOfSeveralParameters
from act_core.limits import JointLimits
from act_core.parameters import parameter
from act_core.robot import Robot

from so101_driver.arm import ServoSettings
from so101_driver.driver_settings import DriverSettings
from so101_driver.exit_policy import EXIT_POLICIES, REST
from so101_driver.so_arm import ARM, find_arm


@dataclass(frozen=True)
class DriverParameters(OneOfSeveralParameters):
    """Declared on the node; defaults are for an SO-101 follower calibrated with LeRobot."""

    robot: str = parameter("so101", f"the arm: {ARM}")
    port: str = parameter("/dev/ttyACM0", "serial port of the servo bus, or of so101-emulator")
    baud: int = parameter(1_000_000, "of the servos", low=1)
    calibration: str = parameter("", "LeRobot's id of the arm, or a calibration file")
    rate_hz: float = parameter(100.0, "control rate", low=10.0, high=250.0)
    max_velocity_rad_s: float = parameter(
        0.0, "of every joint, below the arm's own limits; 0: those", low=0.0
    )
    max_acceleration_rad_s2: float = parameter(
        0.0, "of every joint, below the arm's own limits; 0: those", low=0.0
    )
    torque: bool = parameter(True, "switch torque on at the start, where the arm is")
    exit_policy: str = parameter(
        REST, "torque when this ends: hold, release, or rest pose then release",
        choices=EXIT_POLICIES,
    )  # fmt: skip
    guard: bool = parameter(True, "a second process carries the exit policy out after SIGKILL")
    auto_recover: bool = parameter(False, "leave overloads and stalls without being asked")
    realtime_priority: int = parameter(50, "SCHED_FIFO; 0: none", low=0, high=99)
    p_coefficient: int = parameter(16, "of the servos' position loop", low=1, high=254)
    d_coefficient: int = parameter(32, "of the servos' position loop", low=0, high=254)
    i_coefficient: int = parameter(0, "of the servos' position loop", low=0, high=254)

    def driver_settings(self, simulated_time: bool = False) -> DriverSettings:
        """What `ArmDriver` needs."""
        return DriverSettings(
            rate_hz=self.rate_hz,
            command_timeout_s=self.command_timeout_s,
            clock_tolerance_s=self.clock_tolerance_s,
            simulated_time=simulated_time,
            torque_on_start=self.torque,
            auto_recover=self.auto_recover,
        )

    def arm(self) -> Robot:
        """The arm, with its joints as they are called here. ConfigurationError for a robot that is
        not of this kind."""
        return find_arm(self.robot).prefixed(self.joint_prefix)

    def limits(self) -> JointLimits:
        """The arm's limits, lowered to what was asked for, by the names of its joints here."""
        limits = self.arm().limits
        return replace(
            limits,
            max_velocity_rad_s=np.minimum(
                limits.max_velocity_rad_s, self.max_velocity_rad_s or np.inf
            ),
            max_acceleration_rad_s2=np.minimum(
                limits.max_acceleration_rad_s2, self.max_acceleration_rad_s2 or np.inf
            ),
        )

    def servo_settings(self) -> ServoSettings:
        """What is written to the servos."""
        return ServoSettings(p=self.p_coefficient, d=self.d_coefficient, i=self.i_coefficient)

    def reply_slack_s(self) -> float:
        """How much later than on the wire a reply may come, so that a repetition still fits."""
        return min(0.003, 0.3 / self.rate_hz)
