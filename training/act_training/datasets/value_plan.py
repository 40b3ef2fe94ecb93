"""How the vectors of a foreign dataset become joints and actions: which values, in which units.

The one place that decides it, for every layout. Values of an SO-101 are found by name, put in our
order and turned to radians; those of other robots stay as they are, under the unit that a person
names. Nothing fails open: an option that would convert nothing is an error, and so are names and
values that contradict each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from act_core.robots.so101 import JOINT_NAMES
from numpy.typing import NDArray
from so101_driver.calibration import Calibration

from act_training.datasets.errors import DatasetError
from act_training.datasets.lerobot.arm_names import (
    OLD_PREFIX,
    SUFFIX,
    ArmColumns,
    find_arm,
    plain_name,
)
from act_training.datasets.lerobot.so101_units import (
    CONVERTED,
    GRIPPER_OPEN,
    OLD_DEGREES,
    RAD,
    SCHEMES,
    So101Units,
    scheme_notes,
    so101_units,
)
from act_training.datasets.lerobot.unit_evidence import (
    FULL_TURN_RAD,
    Recorded,
    check_fits,
    check_gripper,
    check_state_and_action,
    find_scheme,
    limit_warnings,
)
from act_training.datasets.source import UNKNOWN_UNIT, Declared


class Stored(NamedTuple):
    """A vector of a dataset: what it is called there, and its values' names if it has any."""

    what: str
    size: int
    names: tuple[str, ...] | None


class Sample(NamedTuple):
    """State and action of one episode, (T, S) and (T, A), as stored."""

    episode: str
    state: NDArray
    action: NDArray


@dataclass(frozen=True, eq=False)
class VectorPlan:
    """From stored rows to ours.

    Attributes:
        names, units: of our n values.
        columns: of the stored vector, in our order; None takes all.
        conversion: to rad; None leaves values as they are.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    columns: tuple[int, ...] | None = None
    conversion: So101Units | None = None

    def convert(self, rows: NDArray) -> NDArray[np.float32]:
        """(T, stored values) -> (T, n)."""
        if self.columns is not None:
            rows = rows[:, list(self.columns)]
        return rows.astype(np.float32) if self.conversion is None else self.conversion.to_rad(rows)


class ValuePlan(NamedTuple):
    """Of a dataset; notes and warnings are for a person."""

    joints: VectorPlan
    actions: VectorPlan
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def plan_values(
    declared: Declared,
    state: Stored,
    action: Stored,
    samples: Sequence[Sample],
    calibration: Calibration | None = None,
) -> ValuePlan:
    """Decide for a whole dataset; DatasetError when that cannot be done for certain.

    Args:
        samples: of all episodes that can be read.
    """
    names = [
        declared.rename_joints(state.names or _numbered("joint", state.size)),
        declared.rename_actions(action.names or _numbered("action", action.size)),
    ]
    warnings = []
    unnamed = [not declared.joints and state.names is None,
               names[1] == _numbered("action", action.size)]  # fmt: skip
    is_six = state.size == action.size == len(JOINT_NAMES)
    if all(unnamed) and is_six and declared.units in CONVERTED:
        names = [JOINT_NAMES, JOINT_NAMES]
        warnings.append(
            f"nothing names the six values: taken for {' '.join(JOINT_NAMES)}, in this order; "
            "another order is said with --joint-names"
        )
        unnamed[1] = False
    arms = [find_arm(found) for found in names]
    if arms[0] is not None and unnamed[1] and state.size == action.size:
        names[1], arms[1] = names[0], arms[0]
        warnings.append("nothing names the action values: taken for the same as the state's")
    if arms[0] is None and arms[1] is None:
        return _plan_other(declared, names, samples, calibration, warnings)
    if arms[0] is None or arms[1] is None:
        raise DatasetError(
            f"'{state.what}' is {', '.join(names[0])}, but '{action.what}' is "
            f"{', '.join(names[1])}: expected joints of an SO-101 in both; --joint-names and "
            "--action-names say what the values are"
        )
    return _plan_arm(declared, (arms[0], arms[1]), names, samples, calibration, warnings)


def _plan_arm(
    declared: Declared,
    arms: tuple[ArmColumns, ArmColumns],
    names: Sequence[tuple[str, ...]],
    samples: Sequence[Sample],
    calibration: Calibration | None,
    warnings: list[str],
) -> ValuePlan:
    state, action = arms
    if action.left_out:
        raise DatasetError(
            f"the action has {', '.join(action.left_out)} beside the joints of an SO-101: a policy "
            "that runs here commands joints only"
        )
    if state.left_out:
        warnings.append(f"values of the state left out, no positions: {', '.join(state.left_out)}")
    if calibration is not None and len(state.kinds) > len(JOINT_NAMES):
        raise DatasetError(
            "a calibration is of one arm, and this dataset is of two: their percentages have to be "
            "turned into degrees first"
        )
    gripper_open = GRIPPER_OPEN if declared.gripper_open is None else declared.gripper_open
    rows: list[tuple[str, NDArray, NDArray]] = [
        (s.episode, s.state[:, list(state.columns)], s.action[:, list(action.columns)])
        for s in samples
    ]
    found = [(Recorded.of(f"the state of {episode}", state.kinds, stored),
              Recorded.of(f"the action of {episode}", action.kinds, targets))
             for episode, stored, targets in rows]  # fmt: skip
    evidence = [recorded for pair in found for recorded in pair if recorded is not None]
    scheme = find_scheme(declared.units, evidence, _excluded_by_names(names), gripper_open)
    if declared.gripper_open is not None and scheme == RAD:
        raise DatasetError("--gripper-open converts nothing: the values are in rad")
    for which in (0, 1):
        recorded_there = [pair[which] for pair in found]
        check_gripper(
            [recorded for recorded in recorded_there if recorded is not None],
            scheme,
            said=declared.gripper_open is not None,
        )
    _check_pairs(arms, scheme, rows, gripper_open)
    if not declared.trust_units:
        check_fits(scheme, evidence, gripper_open)
    plans = [
        VectorPlan(
            arm.names,
            (RAD,) * len(arm.names),
            arm.columns,
            so101_units(scheme, calibration, arm.kinds, gripper_open),
        )
        for arm in arms
    ]
    for what, arm, plan, pick in (("state", state, plans[0], 1), ("action", action, plans[1], 2)):
        stored = (
            np.concatenate([(row[1], row[2])[pick - 1] for row in rows])
            if rows
            else np.empty((0, 0))
        )
        recorded = Recorded.of(f"the {what}", arm.kinds, stored) if len(stored) else None
        if recorded is not None and plan.conversion is not None:
            warnings += limit_warnings(recorded, plan.conversion)
    return ValuePlan(plans[0], plans[1], tuple(scheme_notes(scheme, calibration)), tuple(warnings))


def _check_pairs(
    arms: tuple[ArmColumns, ArmColumns],
    scheme: str,
    rows: Sequence[tuple[str, NDArray, NDArray]],
    gripper_open: float,
) -> None:
    """The joints that state and action share have to belong together."""
    state, action = arms
    shared = [name for name in state.names if name in action.names]
    picks = [[arm.names.index(name) for name in shared] for arm in arms]
    if not rows or not shared:
        return
    stored, targets = (
        np.concatenate([(row[1], row[2])[which][:, picks[which]] for row in rows])
        for which in (0, 1)
    )
    kinds = [state.kinds[i] for i in picks[0]]
    check_state_and_action(kinds, scheme, stored, targets, gripper_open)


def _excluded_by_names(names: Sequence[tuple[str, ...]]) -> dict[str, str]:
    stored = [name for vector in names for name in vector]
    if any(name.startswith(OLD_PREFIX) for name in stored):
        why = f"names begin with '{OLD_PREFIX}', as before June 2025"
        return {scheme: why for scheme in SCHEMES if scheme != OLD_DEGREES}
    if any(name.endswith(SUFFIX) for name in stored):
        return {OLD_DEGREES: f"names end in '{SUFFIX}', as since June 2025"}
    return {}


def _plan_other(
    declared: Declared,
    names: Sequence[tuple[str, ...]],
    samples: Sequence[Sample],
    calibration: Calibration | None,
    warnings: list[str],
) -> ValuePlan:
    """Values of another robot stay as they are."""
    names = [tuple(map(plain_name, vector)) for vector in names]
    there = f"this dataset has {', '.join(names[0])}"
    remedy = f"--joint-names says in which order they are ({' '.join(JOINT_NAMES)})"
    if calibration is not None:
        raise DatasetError(f"a calibration is for an SO-101 arm; {there}: if it is one, {remedy}")
    if declared.units in CONVERTED or declared.gripper_open is not None:
        is_unit = declared.units in CONVERTED
        option = f"--units {declared.units}" if is_unit else "--gripper-open"
        raise DatasetError(
            f"{option} converts the joints of an SO-101 arm, and would convert nothing: {there}. "
            f"If it is one, {remedy}; of another robot --units only names the unit, rad or a word "
            "of your own"
        )
    if declared.units is None:
        warnings.append(
            "nothing says in which units the values are: name them with --units, or no robot can "
            "run what is trained on them"
        )
    if declared.units == RAD:
        largest = max(
            (float(np.abs(rows[np.isfinite(rows)]).max(initial=0.0))
             for sample in samples for rows in (sample.state, sample.action)), default=0.0,
        )  # fmt: skip
        if largest > FULL_TURN_RAD:
            warnings.append(f"values in rad reach {largest:g}: are they in another unit?")
    unit = declared.units or UNKNOWN_UNIT
    plans = [VectorPlan(vector, (unit,) * len(vector)) for vector in names]
    return ValuePlan(plans[0], plans[1], (), tuple(warnings))


def _numbered(what: str, size: int) -> tuple[str, ...]:
    return tuple(f"{what}_{i}" for i in range(size))
