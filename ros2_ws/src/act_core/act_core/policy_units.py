"""Whether a policy speaks the units of the topics: an arm must never be driven in another one.

A policy that was trained in degrees and is run as radians sends every joint to its limit. So its
declaration is compared with what the topics carry, and its numbers with how far joints can be.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from act_core.limits import JointLimits, far_outside
from act_core.policy_spec import BundleError, PolicySpec
from act_core.so101 import JOINTS, Joint

RAD = "rad"
WIRE_UNITS = (RAD, "m", "1")  # of JointState: turning joints, sliding joints, what is no length

ANY_JOINT_RAD = 4 * np.pi  # two turns to either side: of a robot that is not known here

_SO101_NAME = re.compile(rf"(?:.*[_./])?({'|'.join(joint.name for joint in JOINTS)})(?:\.pos)?")


def so101_joints(names: Sequence[str]) -> dict[str, Joint]:
    """The SO-101's joints by the names that they have here: bare, or of an arm of several
    (``left_shoulder_pan``). Empty where the names are not those of an SO-101: many a robot has a
    ``gripper``."""
    known = {joint.name: joint for joint in JOINTS}
    found = {
        name: known[match.group(1)] for name in names if (match := _SO101_NAME.fullmatch(name))
    }
    kinds = {joint.name for joint in found.values()}
    return found if len(kinds) >= len(JOINTS) - 1 else {}


def check_units(spec: PolicySpec) -> None:
    """Raises BundleError for a policy that takes or gives other units than the topics carry: rad,
    for an SO-101 without exception."""
    for what, topic, names, unit in (
        ("takes", "joint_states carries", spec.joint_input.joints, spec.joint_input.unit),
        ("gives", "joint_commands takes", spec.output.joints, spec.output.unit),
    ):
        units = unit.split(",") if "," in unit else [unit] * len(names)
        if len(units) != len(names):
            raise BundleError(
                f"policy '{spec.name}' {what} {len(names)} joints in {len(units)} units: '{unit}'"
            )
        turning = so101_joints(names)
        for name, said in zip(names, units, strict=True):
            expected = (RAD,) if name in turning else WIRE_UNITS
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
        names: of J joints. The SO-101's have their limits; of others nothing is known but that no
            arm turns further than twice.
    """

    def __init__(self, names: Sequence[str]) -> None:
        known = so101_joints(names)
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
