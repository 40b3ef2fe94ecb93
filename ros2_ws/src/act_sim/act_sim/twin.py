"""A robot's body as plain numbers, for whoever draws it without MuJoCo."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from act_core.robots import find_robot

from act_sim.arm_model import ARM, GRASP_SITE, Fineness, load_arm
from act_sim.mirror import mirror_arm
from act_sim.scene import TWO_ARMS_HALF_DISTANCE_M

FACES = 400  # of each mesh: a browser draws them 20 times a second, perhaps without a graphics card
FINEST_GROUP_SHOWN = 2  # MuJoCo shows the groups 0 to 2


def twin_of(robot_name: str) -> dict[str, Any] | None:
    """The bodies of a robot with their joints and meshes; None for one that has no model here.

    Returns ``{"bodies": [...], "tips": [...]}`` of numbers and texts only, in metres and radians. A
    body has ``name``, ``parent`` (an index, -1: the world), ``pos`` (3), ``quat`` (wxyz), ``joint``
    (``name``, ``axis``, ``pos``) or None, and ``meshes`` with ``pos``, ``quat``, ``rgba`` (4),
    ``vertices`` (3 V) and ``faces`` (3 F). A tip is ``body`` and ``pos``: where a gripper holds.
    """
    joints = find_robot(robot_name).joint_names
    if joints == ARM.joint_names:
        return _numbers(load_arm(fineness=Fineness(FACES)))
    if len(joints) == 2 * len(ARM.joint_names) and joints[0].startswith("left_"):
        return _numbers(_two_arms())
    return None


def _two_arms() -> mujoco.MjSpec:
    spec = mujoco.MjSpec()
    for side, arm, y_m in (
        ("left_", load_arm(fineness=Fineness(FACES)), TWO_ARMS_HALF_DISTANCE_M),
        ("right_", mirror_arm(load_arm(fineness=Fineness(FACES))), -TWO_ARMS_HALF_DISTANCE_M),
    ):
        frame = spec.worldbody.add_frame(pos=[0.0, y_m, 0.0])
        spec.attach(arm, prefix=side, frame=frame)
    return spec


def _numbers(spec: mujoco.MjSpec) -> dict[str, Any]:
    model = spec.compile()
    bodies = [_body(model, index) for index in range(1, model.nbody)]
    tips = [
        {"body": int(model.site_bodyid[site]) - 1, "pos": _rounded(model.site_pos[site])}
        for site in range(model.nsite)
        if model.site(site).name.endswith(GRASP_SITE)
    ]
    return {"bodies": bodies, "tips": tips}


def _body(model: mujoco.MjModel, index: int) -> dict[str, Any]:
    joint = None
    if model.body_jntnum[index]:
        number = int(model.body_jntadr[index])
        joint = {
            "name": model.joint(number).name,
            "axis": _rounded(model.jnt_axis[number]),
            "pos": _rounded(model.jnt_pos[number]),
        }
    first = int(model.body_geomadr[index])
    geoms = range(first, first + int(model.body_geomnum[index]))
    return {
        "name": model.body(index).name,
        "parent": int(model.body_parentid[index]) - 1,
        "pos": _rounded(model.body_pos[index]),
        "quat": _rounded(model.body_quat[index]),
        "joint": joint,
        "meshes": [_mesh(model, geom) for geom in geoms if _is_seen(model, geom)],
    }


def _is_seen(model: mujoco.MjModel, geom: int) -> bool:
    is_mesh = int(model.geom_type[geom]) == int(mujoco.mjtGeom.mjGEOM_MESH)
    return is_mesh and int(model.geom_group[geom]) <= FINEST_GROUP_SHOWN


def _mesh(model: mujoco.MjModel, geom: int) -> dict[str, Any]:
    mesh = int(model.geom_dataid[geom])
    vertices = slice(
        int(model.mesh_vertadr[mesh]), int(model.mesh_vertadr[mesh] + model.mesh_vertnum[mesh])
    )
    faces = slice(
        int(model.mesh_faceadr[mesh]), int(model.mesh_faceadr[mesh] + model.mesh_facenum[mesh])
    )
    material = int(model.geom_matid[geom])
    rgba = model.geom_rgba[geom] if material < 0 else model.mat_rgba[material]
    return {
        "pos": _rounded(model.geom_pos[geom]),
        "quat": _rounded(model.geom_quat[geom]),
        "rgba": _rounded(rgba),
        "vertices": _rounded(model.mesh_vert[vertices].ravel()),
        "faces": model.mesh_face[faces].ravel().tolist(),
    }


def _rounded(values: Any) -> list[float]:
    """To a hundredth of a millimetre: half as many characters."""
    return [round(float(value), 5) for value in np.asarray(values).ravel()]
