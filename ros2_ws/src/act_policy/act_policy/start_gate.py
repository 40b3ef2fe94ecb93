"""Keeps a policy from being enabled where it has never been."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from act_core.errors import ConfigurationError
from act_core.policy_spec import BundleError, PolicySpec, StartRange
from act_core.policy_units import Reach, check_units
from numpy.typing import ArrayLike, NDArray


class StartGate:
    """Compares the joints with where the policy's episodes start.

    Demonstrations begin in a small part of the arm's space; from far outside it a policy's first
    chunks are guesses, and on a real arm guesses hit the table. This looks at the start only: while
    it acts, a policy may be anywhere.

    Args:
        spec: of the policy; its ``start`` may be None.
        within: how far outside the range each joint may be, in the joints' unit; 0: no check.
        pose: in place of the bundle's range: the one pose to start from, one value for each joint.

    Raises ConfigurationError for a pose of another length, and for one, or a range of the bundle,
    that is no place for joints in radians.
    """

    def __init__(self, spec: PolicySpec, within: float, pose: Sequence[float] = ()) -> None:
        check_units(spec)
        self._joints = spec.joint_input.joints
        self._unit = spec.joint_input.unit
        self._within = within
        self._range = spec.start
        if pose:
            if len(pose) != len(self._joints):
                raise ConfigurationError(
                    f"start_pose has {len(pose)} values, expected {len(self._joints)}: one for "
                    f"each of {', '.join(self._joints)}"
                )
            self._range = StartRange(tuple(pose), tuple(pose))
        if self._range is not None:
            wrong = Reach(self._joints).beyond([self._range.lower, self._range.upper])
            if wrong is not None:
                said = "start_pose" if pose else "start of the bundle"
                raise BundleError(f"{said} has {wrong}")

    def refusal(self, position: ArrayLike | None) -> str | None:
        """Why the policy may not be enabled with the joints (J,) there; None: it may.

        ``position`` None means that nobody knows where they are.
        """
        if not self._within:
            return None
        if self._range is None:
            return (
                "the bundle does not say where its episodes start (policy.json has no 'start'): "
                "set start_pose, or start_within to 0 to enable it from anywhere"
            )
        if position is None:
            return "where the joints are is not known: no recent joint_states"
        here = np.asarray(position, dtype=np.float64)
        lower, upper = np.array(self._range.lower), np.array(self._range.upper)
        outside: NDArray[np.float64] = np.maximum(lower - here, here - upper)
        far = [
            f"{joint} is at {at:.2f}, expected {low:.2f} to {high:.2f}"
            for joint, at, low, high, distance in zip(
                self._joints, here, lower, upper, outside, strict=True
            )
            if not distance <= self._within
        ]
        if not far:
            return None
        return (
            f"too far from where the policy's episodes start (by more than {self._within:g} "
            f"{self._unit}): {'; '.join(far)}. Bring the arm there first"
        )
