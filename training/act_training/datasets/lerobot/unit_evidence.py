"""What recorded values prove about the units that an SO-101 was recorded in.

A scheme is excluded by what the arm cannot do in it: a joint far beyond its travel, a percentage
beyond 100, an arm that never moves by four degrees. Where one scheme is left it is taken; where
several are, a person is asked. What a person says is held against the same values, too: a scheme
that they do not fit is refused, unless the person knows better, and one that no servo can have
recorded in any case. Values just beyond the model's limits are counted for a warning.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from act_core.robot import Joint
from numpy.typing import NDArray

from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.so101_units import (
    DEGREES,
    GRIPPER,
    GRIPPER_OPEN,
    OLD_DEGREES,
    PERCENT,
    RAD,
    SCHEMES,
    So101Units,
    so101_units,
)

MARGIN_RAD = math.radians(10)  # real arms differ from the model by 5 degrees
ROUNDING = 1e-3  # of stored values
OLD_GRIPPER_MARGIN = 20.0  # before June 2025 the gripper was not clipped to 0..100
CLIPPED_SHARE = 1e-3  # of a recording: more values at exactly +-100 than this are a clipped range
LIMIT_TOLERANCE_RAD = 0.01  # values this far outside of the model's limits are rounding
NO_MOTION = 3.5  # in degrees or percent: whatever stays below has a range of radians
FULL_TURN_RAD = 2 * math.pi  # no servo of the arm says more
FACTOR = 20.0  # between the motions of state and action: degrees and radians are 57 apart
SMALLEST_MOTION_RAD = 0.15  # that is looked at for this
APART_RAD = 1.0  # mean distance of action and state that no arm lags behind
HINTS = {
    DEGREES: "LeRobot's default since 0.4.4",
    PERCENT: "its default before, -100..100",
    OLD_DEGREES: "before June 2025, another zero",
    RAD: "as here",
}


class Recorded(NamedTuple):
    """Extremes of values that were recorded together, in the units of the recording.

    Attributes:
        what: for a person: "observation.state of episode 3".
        joints: what each of the n values is.
        lower, upper: (n,).
        clipped: share of the body joints' values at exactly 100 or -100.
    """

    what: str
    joints: Sequence[Joint]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    clipped: float = 0.0

    @classmethod
    def of(cls, what: str, joints: Sequence[Joint], rows: NDArray) -> Recorded | None:
        """Of rows (N, n); None where none of them is finite."""
        rows = rows[np.isfinite(rows).all(axis=1)].astype(np.float64)
        if not len(rows):
            return None
        body = rows[:, [joint.name != GRIPPER for joint in joints]]
        clipped = float((np.abs(body) == 100).mean()) if body.size else 0.0
        return cls(what, joints, rows.min(axis=0), rows.max(axis=0), clipped)


def why_not(scheme: str, recorded: Recorded, gripper_open: float = GRIPPER_OPEN) -> str | None:
    """What about the values cannot be in this scheme; None when nothing is."""
    units = so101_units(scheme, None, recorded.joints, gripper_open)
    ends = np.sort([units.offset + units.scale * recorded.lower,
                    units.offset + units.scale * recorded.upper], axis=0)  # fmt: skip
    for i, joint in enumerate(recorded.joints):
        low, high = float(recorded.lower[i]), float(recorded.upper[i])
        worst = high if abs(high) > abs(low) else low
        if scheme != RAD and joint.name == GRIPPER:
            margin = OLD_GRIPPER_MARGIN if scheme == OLD_DEGREES else 0.0
            margin = (margin + ROUNDING) * gripper_open / GRIPPER_OPEN
            if not (low >= -margin and high <= gripper_open + margin):
                return f"{joint.name} goes from {low:g} to {high:g}, expected 0 to {gripper_open:g}"
        elif scheme == PERCENT:
            if not abs(worst) <= 100 + ROUNDING:
                return f"{joint.name} reaches {worst:g}, and percentages end at 100"
        else:
            lower, upper = _travel_rad(joint)
            if not (ends[0, i] >= lower - MARGIN_RAD and ends[1, i] <= upper + MARGIN_RAD):
                return (
                    f"{joint.name} goes from {low:g} to {high:g}, which is beyond its travel of "
                    f"{_in_scheme(lower, upper, units.scale[i], units.offset[i])}"
                )
    if scheme in (DEGREES, OLD_DEGREES) and recorded.clipped > CLIPPED_SHARE:
        return "values stop at exactly 100, as percentages do"
    if scheme != RAD and _is_small(recorded):
        return f"no value is beyond {NO_MOTION:g}: the arm would hardly have moved"
    return None


def find_scheme(
    told: str | None,
    evidence: Sequence[Recorded],
    excluded: dict[str, str] | None = None,
    gripper_open: float = GRIPPER_OPEN,
) -> str:
    """The scheme that a person told, else the only one that the values can be in.

    Args:
        evidence: of state and action, episode by episode.
        excluded: schemes that something else than the values excludes, with the reason.

    Raises DatasetError when several are left or none is, and when what was told cannot be.
    """
    if told is not None:
        check_told(told, evidence, gripper_open)
        return told
    reasons = dict(excluded or {})
    for scheme, reason in _reasons(evidence, gripper_open).items():
        reasons.setdefault(scheme, reason)
    left = [scheme for scheme in SCHEMES if scheme not in reasons]
    if len(left) == 1 and evidence:
        return left[0]
    if left:
        options = ", ".join(f"--units {scheme} ({HINTS[scheme]})" for scheme in left)
        raise DatasetError(
            f"no file says in which units this arm was recorded, and its values fit several: say "
            f"{options}"
        )
    against = "; ".join(f"not {scheme} ({reason})" for scheme, reason in sorted(reasons.items()))
    raise DatasetError(
        f"the values of this arm fit no units that are known: {against}. Units that change within "
        "a dataset have to be made one first; another order of the joints is said with "
        "--joint-names; if the values are right nevertheless, say --units and --trust-units"
    )


def _reasons(evidence: Iterable[Recorded], gripper_open: float) -> dict[str, str]:
    """The schemes that values exclude, with the reason."""
    reasons: dict[str, str] = {}
    for recorded in evidence:
        for scheme in SCHEMES:
            reason = why_not(scheme, recorded, gripper_open)
            if reason is not None:
                reasons.setdefault(scheme, f"{recorded.what}: {reason}")
    return reasons


def check_fits(told: str, evidence: Sequence[Recorded], gripper_open: float = GRIPPER_OPEN) -> None:
    """DatasetError when values are beyond what the arm can do in the scheme that was told."""
    reasons = _reasons(evidence, gripper_open)
    if told not in reasons:
        return
    fitting = [f"--units {scheme}" for scheme in SCHEMES if scheme not in reasons]
    remedy = (
        f"They fit {' or '.join(fitting)}: say that"
        if fitting
        else "They fit no other units either: another zero or damaged values have to be mended "
        "first, another order of the joints is said with --joint-names"
    )
    raise DatasetError(
        f"--units {told} does not fit: {reasons[told]}. {remedy}; who knows that they are right "
        "all the same adds --trust-units"
    )


def check_told(
    scheme: str, evidence: Iterable[Recorded], gripper_open: float = GRIPPER_OPEN
) -> None:
    """DatasetError when no servo of the arm can have recorded the values in this scheme."""
    for recorded in evidence:
        units = so101_units(scheme, None, recorded.joints, gripper_open)
        for i, joint in enumerate(recorded.joints):
            for value in (recorded.lower[i], recorded.upper[i]):
                rad = units.offset[i] + units.scale[i] * value
                if not abs(rad) <= FULL_TURN_RAD:
                    raise DatasetError(
                        f"--units {scheme} cannot be: {joint.name} would be at {rad:.1f} rad "
                        f"({value:g} in {recorded.what}), more than a full turn. Say the units of "
                        f"these values: {', '.join(s for s in SCHEMES if s != scheme)}"
                    )
        reason = why_not(PERCENT, recorded, gripper_open) if scheme == PERCENT else None
        if scheme != RAD and _is_small(recorded):
            reason = f"no value is beyond {NO_MOTION:g}, so they are probably radians"
        if reason is not None:
            raise DatasetError(
                f"--units {scheme} cannot be: {reason} (in {recorded.what}). Say the units of "
                f"these values: {', '.join(s for s in SCHEMES if s != scheme)}"
            )


def check_gripper(evidence: Iterable[Recorded], scheme: str, *, said: bool) -> None:
    """DatasetError when the gripper has another range than the body's units imply, unless it was
    said which (--gripper-open)."""
    if scheme == RAD or said:
        return
    lowest, highest = math.inf, -math.inf
    for recorded in evidence:
        for i, joint in enumerate(recorded.joints):
            if joint.name == GRIPPER:
                lowest = min(lowest, float(recorded.lower[i]))
                highest = max(highest, float(recorded.upper[i]))
    if lowest >= -ROUNDING and highest <= 1 + ROUNDING and highest > lowest:
        raise DatasetError(
            f"the gripper goes from {lowest:g} to {highest:g} only: say --gripper-open 1 if 1 is "
            "open, or --gripper-open 100 if it hardly opened in any episode"
        )


def check_state_and_action(
    joints: Sequence[Joint],
    scheme: str,
    state: NDArray,
    action: NDArray,
    gripper_open: float = GRIPPER_OPEN,
) -> None:
    """DatasetError when the actions are no targets for the same joints in the same units.

    Args:
        joints: what both have, n of them.
        state, action: rows (N, n) of the same steps, in the units of the recording.
    """  # fmt: skip
    finite = np.isfinite(state).all(axis=1) & np.isfinite(action).all(axis=1)
    if not finite.any():
        return
    units = so101_units(scheme, None, joints, gripper_open)
    rad = [units.to_rad(rows[finite]).astype(np.float64) for rows in (state, action)]
    motion = [np.ptp(rows, axis=0) for rows in rad]
    apart = np.abs(rad[1] - rad[0]).mean(axis=0)
    is_body_joint = [joint.name != GRIPPER for joint in joints]
    size = [float(np.abs(rows[:, is_body_joint]).mean(axis=0).sum()) for rows in rad]
    if size[0] > SMALLEST_MOTION_RAD and not size[1] > size[0] / 3:
        raise DatasetError(
            f"the actions are differences, or of other units than the state: {size[1]:.2f} rad "
            f"from zero where the state is {size[0]:.2f}. Expected absolute targets: add the state "
            "of each step to them first"
        )
    for i, joint in enumerate(joints):
        small, large = sorted((motion[0][i], motion[1][i]))
        is_body = joint.name != GRIPPER
        factor = FACTOR if is_body else 2 * FACTOR
        moved = large >= SMALLEST_MOTION_RAD and small > 0 and large > factor * small
        if moved or (is_body and apart[i] > APART_RAD):
            ranges = [f"{rows[finite, i].min():g} to {rows[finite, i].max():g}"
                      for rows in (state, action)]  # fmt: skip
            raise DatasetError(
                f"state and action of {joint.name} do not belong together: {ranges[0]} and "
                f"{ranges[1]}. Expected absolute targets in the units of the state; differences, "
                "other units or another zero have to be turned into them first"
            )


def limit_warnings(recorded: Recorded, units: So101Units) -> list[str]:
    """A line for each joint whose values leave the model's limits in rad."""
    lines = []
    for i, joint in enumerate(recorded.joints):
        ends = [units.offset[i] + units.scale[i] * end for end in
                (recorded.lower[i], recorded.upper[i])]  # fmt: skip
        beyond = [max(joint.lower_rad - end, end - joint.upper_rad) for end in ends]
        if not max(beyond) <= LIMIT_TOLERANCE_RAD:
            lines.append(
                f"{joint.name} reaches {ends[int(np.argmax(beyond))]:.2f} rad in {recorded.what}, "
                f"its limits are {joint.lower_rad:.2f} to {joint.upper_rad:.2f}: are units, zero "
                "and order of the joints right?"
            )
    return lines


def _travel_rad(joint: Joint) -> tuple[float, float]:
    """Where a joint can be; LeRobot calibrates wrist_roll as a full turn."""
    if joint.name == "wrist_roll":
        return -math.pi, math.pi
    return joint.lower_rad, joint.upper_rad


def _in_scheme(lower: float, upper: float, scale: float, offset: float) -> str:
    ends = sorted(((lower - offset) / scale, (upper - offset) / scale))
    return f"{ends[0]:.4g} to {ends[1]:.4g}"


def _is_small(recorded: Recorded) -> bool:
    """Whether everything, the gripper included, is as small as radians are."""
    largest = np.maximum(np.abs(recorded.lower), np.abs(recorded.upper))
    return len(largest) > 1 and bool((largest <= NO_MOTION).all())
