"""How one arm's servos really are, as `act-identify` writes it and the simulation reads it.

The file (YAML, radians and SI units as the names say):

    act_arm_parameters: 1
    robot: so101
    joints:
      shoulder_pan: {gain_nm_per_rad: 8.9, damping_nm_s_per_rad: 0.61, friction_nm: 0.052,
                     armature_kg_m2: 0.028, backlash_rad: 0.01, delay_s: 0.015,
                     zero_offset_rad: 0.0}
      ...

What else is in it (intervals, tracking errors, the bag) is for people. Each servo is a position
actuator, as in `arm_model`:

    torque = gain * (goal - q) - damping * q' - friction * sign(q')

with the armature added to the joint's inertia. The goal is the command of ``delay_s`` ago through a
play of ``backlash_rad``, and q is the reported angle plus ``zero_offset_rad``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
from act_core.errors import ConfigurationError, suggest
from act_core.measured_file import Kind, check_kind, mapping, read_measured
from act_core.robots import find_robot
from numpy.typing import NDArray

from act_sim.arm_model import SERVO

ROBOT = "so101"
ARM = find_robot(ROBOT)
JOINT_NAMES = ARM.joint_names
VERSION_KEY, VERSION = "act_arm_parameters", 1
KIND = Kind(VERSION_KEY, VERSION, "arm parameters", "the parameters are", "act-identify")


class Allowed(NamedTuple):
    """What a parameter can be in a servo of this size; beyond it is another unit or a mistake."""

    low: float
    high: float


@dataclass(frozen=True)
class JointDynamics:
    """One joint and its servo. What nobody has identified is as `arm_model.SERVO` has it."""

    gain_nm_per_rad: float = SERVO.kp
    damping_nm_s_per_rad: float = SERVO.damping
    friction_nm: float = SERVO.friction
    armature_kg_m2: float = SERVO.armature
    backlash_rad: float = 0.0  # from one side of the play to the other
    delay_s: float = 0.0  # from the stamp in joint_commands/applied
    zero_offset_rad: float = 0.0  # how far the joint really is beyond what it reports


PARAMETERS = tuple(field.name for field in fields(JointDynamics))
ALLOWED: Mapping[str, Allowed] = {
    "gain_nm_per_rad": Allowed(0.1, 1000.0),
    "damping_nm_s_per_rad": Allowed(0.0, 50.0),
    "friction_nm": Allowed(0.0, 5.0),
    "armature_kg_m2": Allowed(1e-4, 1.0),
    "backlash_rad": Allowed(0.0, 0.2),
    # Below zero: a simulation on the topics follows a command within the period before its stamp.
    "delay_s": Allowed(-0.05, 0.5),
    "zero_offset_rad": Allowed(-0.35, 0.35),
}


@dataclass(frozen=True)
class IdentifiedArm:
    """An SO-101 with the dynamics of each joint, by the names of its joints."""

    joints: Mapping[str, JointDynamics]

    def vector(self, parameter: str) -> NDArray[np.float64]:
        """(6,) one parameter of all joints, in the order of `JOINT_NAMES`."""
        return np.array([getattr(self.joints[name], parameter) for name in JOINT_NAMES])

    def delayed(self, by_s: float) -> IdentifiedArm:
        """The arm whose servos act so much later."""
        return IdentifiedArm(
            {name: replace(j, delay_s=j.delay_s + by_s) for name, j in self.joints.items()}
        )


NOMINAL_ARM = IdentifiedArm({name: JointDynamics() for name in JOINT_NAMES})


def apply_servos(model: mujoco.MjModel, arm: IdentifiedArm) -> None:
    """Gives the servos of a model with one arm these gains, damping, friction and armatures.

    Delay, backlash and zero offset are no properties of a MuJoCo model: see `Simulation`.
    """
    dofs = [model.joint(name).dofadr[0] for name in JOINT_NAMES]
    ids = [model.actuator(name).id for name in JOINT_NAMES]
    gain = arm.vector("gain_nm_per_rad")
    model.actuator_gainprm[ids, 0], model.actuator_biasprm[ids, 1] = gain, -gain
    model.dof_damping[dofs] = arm.vector("damping_nm_s_per_rad")
    model.dof_frictionloss[dofs] = arm.vector("friction_nm")
    model.dof_armature[dofs] = arm.vector("armature_kg_m2")


def read_arm(path: str | Path) -> IdentifiedArm:
    """The arm of a file. Raises ConfigurationError for what is no such file, naming what is wrong:
    another robot, a joint or parameter that is missing or unknown, and values that cannot be."""
    return read_measured(path, KIND, parse_arm)


def parse_arm(content: Any) -> IdentifiedArm:
    """See `read_arm`."""
    check_kind(content, KIND, ROBOT)
    joints = mapping(content.get("joints"), "joints")
    _check_names(joints, JOINT_NAMES, "joint")
    return IdentifiedArm({name: _joint(name, joints[name]) for name in JOINT_NAMES})


def _joint(name: str, content: Any) -> JointDynamics:
    values = mapping(content, name)
    _check_names(values, PARAMETERS, f"{name}: parameter")
    return JointDynamics(**{key: _number(f"{name}: {key}", key, values[key]) for key in PARAMETERS})


def _number(where: str, parameter: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigurationError(f"{where} is {value!r:.40}, expected a number")
    low, high = ALLOWED[parameter]
    if not (math.isfinite(value) and low <= value <= high):
        raise ConfigurationError(f"{where} is {value:.6g}, expected {low:g} to {high:g}")
    return float(value)


def _check_names(there: Mapping[Any, Any], known: tuple[str, ...], what: str) -> None:
    for name in there:
        if name not in known:
            raise ConfigurationError(suggest(what, f"{name!s:.40}", known))
    missing = [name for name in known if name not in there]
    if missing:
        raise ConfigurationError(f"there is no {what} {', '.join(missing)}")
