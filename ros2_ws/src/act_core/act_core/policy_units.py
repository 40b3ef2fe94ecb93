"""Whether a policy speaks the units of the topics: an arm must never be driven in another one.

A policy that was trained in degrees and is run as radians sends every joint to its limit. So its
declaration is compared with what the topics carry, and its numbers with how far joints can be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from act_core.limits import JointLimits, far_outside
from act_core.policy_spec import BundleError, PolicySpec
from act_core.robot import ServoJoint
from act_core.robots import known_joints

RAD = "rad"
WIRE_UNITS = (RAD, "m", "1")  # of JointState: turning joints, sliding joints, what is no length

ANY_JOINT_RAD = 4 * np.pi  # two turns to either side: of a robot that is not known here


def check_units(spec: PolicySpec) -> None:
    """Raises BundleError for a policy that takes or gives other units than the topics carry: rad,
    for a servo's joint of a
    known robot (see `act_core.robots.known_joints`) without exception."""
    for what, topic, names, unit in (
        ("takes", "joint_states carries", spec.joint_input.joints, spec.joint_input.unit),
        ("gives", "joint_commands takes", spec.output.joints, spec.output.unit),
    ):
        units = unit.split(",") if "," in unit else [unit] * len(names)
        if len(units) != len(names):
            raise BundleError(
                f"policy '{spec.name}' {what} {len(names)} joints in {len(units)} units: '{unit}'"
            )
        known = known_joints(names)
        for name, said in zip(names, units, strict=True):
            turns = isinstance(known.get(name), ServoJoint)
            expected = (RAD,) if turns else WIRE_UNITS
            if said not in expected:
                raise BundleError(
                    f"policy '{spec.name}' {what} {name} in '{said}', but {topic} "
                    f"{' or '.join(expected)}: import it again from its source with the unit that "
                    "it was recorded in, e.g. act-import lerobot <checkpoint> --units degrees, "
                    "which converts"
                )


class Reach:
    """How far joints can be: a number that is far outside is no position in radians.

    Args:
        names: of J joints. Those of a robot that is known here have its limits; of others nothing
            is known but that no arm turns further than twice.
    """

    def __init__(self, names: Sequence[str]) -> None:
        known = known_joints(names)
        ends = [
            (known[name].lower_rad, known[name].upper_rad)
            if name in known
            else (-ANY_JOINT_RAD, ANY_JOINT_RAD)
            for name in names
        ]
        lower, upper = np.array(ends).T
        self._limits = JointLimits(
            tuple(names), lower, upper, np.ones_like(lower), np.ones_like(lower)
        )

    def beyond(self, position: ArrayLike) -> str | None:
        """What is wrong with positions (..., J), in words; None where they can be meant in radians.
        See `act_core.limits.far_outside`."""
        rows = np.asarray(position, dtype=np.float64).reshape(-1, len(self._limits.names))
        if not len(rows):
            return None
        worst = far_outside(rows.min(axis=0), self._limits)  # NaN is the minimum of its column
        return worst or far_outside(rows.max(axis=0), self._limits)
