"""Checks what somebody chooses of an episode's start in place of what is drawn for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from act_core.errors import ConfigurationError, suggest
from act_core.limits import JointLimits
from numpy.typing import ArrayLike

from act_sim.command_check import Vector, checked_target, joint_vector

RECORD = ("task", "arm_start_rad", "seed", "level", "objects", "randomization")
FURTHEST_M = 2.0  # from the arm's base: nothing on the table is further away


def with_objects(drawn: dict[str, Any], chosen: Mapping[str, Any] | None) -> dict[str, Any]:
    """``drawn`` with the values of ``chosen`` in it, e.g. ``{"cube": (0.25, 0.0)}``.

    Raises ConfigurationError for a name that was not drawn, and for a value that is no number, or
    list of as many, as was drawn.
    """
    if chosen is None:
        return drawn
    if not isinstance(chosen, Mapping):
        raise ConfigurationError(f"objects are {chosen!r}, expected a dict such as {drawn}")
    return drawn | {name: _like(drawn, name, value) for name, value in chosen.items()}


def _like(drawn: dict[str, Any], name: object, value: Any) -> Any:
    if name not in drawn:
        raise ConfigurationError(suggest("object of this task", str(name), drawn))
    expected, example = np.shape(drawn[name]), drawn[name]
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.full(0, np.nan)
    if numbers.shape != expected:
        raise ConfigurationError(f"object {name} is {value!r}, expected one like {example}")
    # Written so that NaN, for which every comparison is false, is refused too.
    if not (np.abs(numbers) <= (FURTHEST_M if expected else np.inf)).all():
        raise ConfigurationError(
            f"object {name} is {value!r}, expected finite numbers"
            + (f" up to {FURTHEST_M:g} m" if expected else "")
        )
    return numbers.tolist()


def checked_pose(pose_rad: ArrayLike, limits: JointLimits) -> Vector:
    """The joints (J,) [rad] to start from; ConfigurationError where an arm cannot be there."""
    try:
        return checked_target(joint_vector(pose_rad, limits.names, "a start"), limits)
    except ValueError as error:
        raise ConfigurationError(f"arm_start_rad: {error}") from error


def check_record(record: object) -> None:
    """Raises ConfigurationError for what is no record of an episode (see `Simulation.reset`)."""
    if not isinstance(record, Mapping):
        raise ConfigurationError(f"no record of an episode: {record!r:.60}")
    missing = [name for name in RECORD if name not in record]
    if missing:
        raise ConfigurationError(f"no record of an episode: it lacks {', '.join(missing)}")
