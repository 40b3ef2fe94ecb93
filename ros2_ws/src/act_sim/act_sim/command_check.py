"""Refuses joint commands that the simulation must not act on, and says what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from act_core.errors import suggest
from act_core.limits import JointLimits
from numpy.typing import ArrayLike, NDArray

Vector = NDArray[np.float64]


def checked_target(
    target_rad: ArrayLike, limits: JointLimits, names: Sequence[str] | None = None
) -> Vector:
    """A copy of the targets (J,) [rad] in the order of ``limits.names``.

    ``names`` is the order that they come in, when it is another. Raises ValueError for a target
    that is not J finite numbers inside the limits, or for unknown, missing or repeated names.
    """
    target = np.array(target_rad, dtype=np.float64)
    expected = limits.names if names is None else tuple(names)
    if target.shape != (len(expected),):
        raise ValueError(
            f"got a command of shape {target.shape}, expected ({len(expected)},): "
            f"one target for each of {', '.join(expected)}"
        )
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
    inside = (target >= limits.lower_rad) & (target <= limits.upper_rad)
    joint = int(np.argmin(inside))
    name, value = limits.names[joint], target[joint]
    if not np.isfinite(value):
        return f"{name}: target {value} is not finite"
    low, high = limits.lower_rad[joint], limits.upper_rad[joint]
    return f"{name}: target {value:.4f} rad is outside its range {low:.4f} to {high:.4f}"
