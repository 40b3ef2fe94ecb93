"""What a servo turns: the physics behind its output shaft."""

from __future__ import annotations

from typing import NamedTuple, Protocol

# STS3215, 7.4 V, 1:345, as identified by Rhoban/bam (params/feetech_sts3215_7_4V), at the output.
TORQUE_CONSTANT = 1.2116  # N m / A
RESISTANCE = 2.676  # ohm
ARMATURE = 0.0284  # kg m^2
COULOMB_NM = 0.0524
VISCOUS = 0.0591  # N m s / rad


class Drive(NamedTuple):
    """What a servo does to its shaft."""

    powered: bool
    duty: float  # of the supply voltage, -1 to 1
    volts: float
    target_rad: float  # where it wants to be now, for joints that are simulated elsewhere


class JointModel(Protocol):
    """A joint as its servo sees it. Angles [rad] as in `act_core.robots.so101`."""

    position_rad: float
    velocity_rad_s: float

    def step(self, drive: Drive, dt_s: float) -> None:
        """Lets ``dt_s`` pass."""
        ...


class LocalJoint:
    """One joint by itself: motor, gearbox friction, an inertia, a constant load and two stops.

    Left out: backlash (10-15 counts on real servos) and what other joints do to this one.
    """

    def __init__(
        self,
        lower_rad: float,
        upper_rad: float,
        position_rad: float = 0.0,
        load_nm: float = 0.0,
        inertia: float = 0.02,
    ) -> None:
        self.position_rad = position_rad
        self.velocity_rad_s = 0.0
        self.load_nm = load_nm
        self.push_nm = 0.0  # of a hand
        self.blocked = False  # something holds it where it is
        self._lower, self._upper = lower_rad, upper_rad
        self._inertia = ARMATURE + inertia

    def step(self, drive: Drive, dt_s: float) -> None:
        if self.blocked:
            self.velocity_rad_s = 0.0
            return
        torque = self.load_nm + self.push_nm - VISCOUS * self.velocity_rad_s
        if drive.powered:
            back_emf = TORQUE_CONSTANT * self.velocity_rad_s
            torque += TORQUE_CONSTANT * (drive.duty * drive.volts - back_emf) / RESISTANCE
        velocity = self.velocity_rad_s + torque / self._inertia * dt_s
        friction = COULOMB_NM / self._inertia * dt_s  # takes at most all of the speed
        velocity = max(0.0, velocity - friction) if velocity > 0 else min(0.0, velocity + friction)
        position = self.position_rad + velocity * dt_s
        stopped = min(max(position, self._lower), self._upper)
        self.velocity_rad_s = velocity if stopped == position else 0.0
        self.position_rad = stopped
