"""Refuses joint commands that the simulation must not act on, and says what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from act_core.errors import suggest
from act_core.limits import JointLimits, far_outside
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]


def joint_vector(values: ArrayLike, names: Sequence[str], what: str) -> Vector:
    """A copy of one real number for each joint as (J,) float64; not yet whether it is possible.

    ``what`` is it called in the ValueError for another shape or for what are no real numbers.
    """
    try:
        array = np.asarray(values)
    except ValueError:  # lists of different lengths
        array = np.array(None)
    if array.dtype.kind not in "fiu":
        raise ValueError(
            f"got {what} of {array.dtype.name} {values!r:.60}, expected {len(names)} numbers [rad]"
        )
    if array.shape != (len(names),):
        raise ValueError(
            f"got {what} of shape {array.shape}, expected ({len(names)},): "
            f"one target for each of {', '.join(names)}"
        )
    return array.astype(np.float64)


def nearest_target(target_rad: ArrayLike, limits: JointLimits) -> Vector:
    """The targets (J,) [rad] in the order of ``limits.names``, moved onto the limits if near them.

    Raises ValueError for what is not J finite numbers, or is so far outside that it is probably in
    degrees.
    """
    target = joint_vector(target_rad, limits.names, "an action")
    if not np.isfinite(target).all():
        raise ValueError(_first_fault(target, limits))
    beyond = far_outside(target, limits)
    if beyond is not None:
        raise ValueError(f"got an action with {beyond}")
    return np.clip(target, limits.lower_rad, limits.upper_rad)


def checked_target(
    target_rad: ArrayLike, limits: JointLimits, names: Sequence[str] | None = None
) -> Vector:
    """A copy of the targets (J,) [rad] in the order of ``limits.names``.

    ``names`` is the order that they come in, when it is another. Raises ValueError for a target
    that is not J finite numbers inside the limits, or for unknown, missing or repeated names.
    """
    expected = limits.names if names is None else tuple(names)
    target = joint_vector(target_rad, expected, "a command")
    if names is not None:
        target = target[_order(expected, limits.names)]
    # Written so that NaN, for which every comparison is false, is refused too.
    if not ((target >= limits.lower_rad) & (target <= limits.upper_rad)).all():
        raise ValueError(_first_fault(target, limits))
    return target


def _order(names: tuple[str, ...], wanted: tuple[str, ...]) -> list[int]:
    for name in names:
        if name not in wanted:
            raise ValueError(suggest("joint", name, wanted))
    if len(set(names)) != len(names) or len(names) != len(wanted):
        raise ValueError(
            f"got the joints {', '.join(names)}, expected each of these once: {', '.join(wanted)}"
        )
    return [names.index(name) for name in wanted]


def _first_fault(target: Vector, limits: JointLimits) -> str:
    beyond = far_outside(target, limits) if np.isfinite(target).all() else None
    if beyond is not None:
        return f"a target has {beyond}"
    inside = (target >= limits.lower_rad) & (target <= limits.upper_rad)
    joint = int(np.argmin(inside))
    name, value = limits.names[joint], target[joint]
    if not np.isfinite(value):
        return f"{name}: target {value} is not finite"
    low, high = limits.lower_rad[joint], limits.upper_rad[joint]
    return f"{name}: target {value:.4f} rad is outside its range {low:.4f} to {high:.4f}"
