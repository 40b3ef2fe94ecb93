"""Whether a planned motion would touch the table, the arm itself or a joint's stop: it is simulated
first, with servos as they should be and with weak ones, under which the arm sags most."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_sim.identified_arm import ARM, JOINT_NAMES, NOMINAL_ARM, IdentifiedArm, apply_servos
from act_sim.scene import PHYSICS_HZ, TABLE_GEOM, build_scene

CLEARANCE_M = 0.02  # from the table, at least
STOP_MARGIN_RAD = 0.02  # from the end of a joint's travel
_SETTLE_S = 1.0  # at the first target, until it hangs as its servos hold it
SAME_M = 0.003  # what was as near as this before the motion may stay there
WEAK_GAIN = 0.6  # of the nominal one: a low supply, a worn servo, a lower P


def find_hit(
    target_rad: ArrayLike,
    rate_hz: float,
    table_height_m: float = 0.0,
    clearance_m: float = CLEARANCE_M,
) -> str | None:
    """What the arm would hit first under joint targets (T, 6) [rad], as words; None for nothing.

    table_height_m: how far the table's surface is above the foot of the arm's base.
    """
    targets = np.asarray(target_rad, dtype=np.float64)
    weak = IdentifiedArm(
        {
            name: replace(joint, gain_nm_per_rad=WEAK_GAIN * joint.gain_nm_per_rad)
            for name, joint in NOMINAL_ARM.joints.items()
        }
    )
    for arm, words in ((NOMINAL_ARM, ""), (weak, f", with servos of {WEAK_GAIN:.0%} strength")):
        hit = _find_hit(targets, rate_hz, arm, table_height_m, clearance_m)
        if hit is not None:
            return hit + words
    return None


def _find_hit(
    targets: NDArray[np.float64],
    rate_hz: float,
    arm: IdentifiedArm,
    table_height_m: float,
    clearance_m: float,
) -> str | None:
    model = build_scene().compile()
    apply_servos(model, arm)
    model.geom_contype[model.geom(TABLE_GEOM).id] = 0  # is looked at here, and pushes nothing
    model.geom_conaffinity[model.geom(TABLE_GEOM).id] = 0
    data = mujoco.MjData(model)
    joints = [model.joint(name) for name in JOINT_NAMES]
    qpos = np.array([joint.qposadr[0] for joint in joints])
    ctrl = np.array([model.actuator(name).id for name in JOINT_NAMES])
    low, high = ARM.limits.lower_rad, ARM.limits.upper_rad
    first = targets[0]
    data.qpos[qpos] = data.ctrl[ctrl] = first
    steps = max(1, round(PHYSICS_HZ / rate_hz))
    mujoco.mj_step(model, data, nstep=round(_SETTLE_S * PHYSICS_HZ))
    boxes = _moving_boxes(model)

    def too_near(nearer_than_m: float) -> dict[str, float]:
        low = _lowest(data, model.geom_size[boxes], boxes)
        if not data.ncon and (low >= table_height_m + nearer_than_m).all():
            return {}
        heights = _by_body(model, boxes, low)
        near = {f"{name} would {{}} the table": z - table_height_m for name, z in heights.items()}
        near = {words: gap for words, gap in near.items() if gap < nearer_than_m}
        return near | _overlaps(model, data)

    # Folded, an arm may lie on itself or on the table, or near it: it begins and ends like that.
    before = too_near(clearance_m + 2.0 * SAME_M)
    for period, target in enumerate(targets):
        data.ctrl[ctrl] = target
        mujoco.mj_step(model, data, nstep=steps)
        at = f"{period / rate_hz:.1f} s after its start"
        for words, gap_m in too_near(clearance_m).items():
            if gap_m < before.get(words, np.inf) - SAME_M:
                how = "touch" if gap_m <= 0.0 else f"come within {1000.0 * gap_m:.0f} mm of"
                return f"{words.format(how)}, {at}"
        # The arm may begin and end at a stop, folded onto itself: only what nears one counts.
        here = data.qpos[qpos]
        room = np.minimum(here - low, high - here)
        wanted = np.minimum(target - low, high - target)
        begins = np.minimum(first - low, high - first)
        near = (room < STOP_MARGIN_RAD) & (wanted < STOP_MARGIN_RAD)
        near &= wanted < begins - STOP_MARGIN_RAD
        if near.any():
            joint = int(np.argmax(near))
            return f"{JOINT_NAMES[joint]} would reach the end of its travel, {at}"
    return None


def _moving_boxes(model: mujoco.MjModel) -> NDArray[np.intp]:
    """The geoms that collide and are not fixed to the world."""
    moves = model.body_weldid[model.geom_bodyid] != 0
    return np.flatnonzero(moves & (model.geom_contype != 0))


def _lowest(
    data: mujoco.MjData, half_size: NDArray[np.float64], boxes: NDArray[np.intp]
) -> NDArray[np.float64]:
    """(B,) heights of the lowest corners of the boxes [m]."""
    down = np.abs(data.geom_xmat[boxes, 6:]) * half_size  # the last row of each rotation
    return data.geom_xpos[boxes, 2] - down.sum(axis=1)


def _by_body(
    model: mujoco.MjModel, boxes: NDArray[np.intp], low: NDArray[np.float64]
) -> dict[str, float]:
    """The lowest of each body."""
    lowest: dict[str, float] = {}
    for geom, height in zip(boxes, low, strict=True):
        name = model.body(model.geom_bodyid[geom]).name
        lowest[name] = min(lowest.get(name, np.inf), float(height))
    return lowest


def _overlaps(model: mujoco.MjModel, data: mujoco.MjData) -> dict[str, float]:
    """How deep [m, below 0] parts of the arm are in each other."""
    deepest: dict[str, float] = {}
    for contact in data.contact[: data.ncon]:
        names = sorted(model.body(model.geom_bodyid[geom]).name for geom in contact.geom)
        words = f"{names[0]} would {{}} {names[1]}"
        deepest[words] = min(deepest.get(words, 0.0), float(contact.dist))
    return {words: gap for words, gap in deepest.items() if gap < 0.0}
