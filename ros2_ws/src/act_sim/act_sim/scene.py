"""The table that the arms stand on: surface, lights, cameras and where the arms are.

Two looks: "plain", in which the shipped policy was trained, and "room" (`room`), in which level 3
is drawn. Physics is the same in both. `DEFAULT_LOOK` is that of levels 0 to 2.

World frame: x away from the arms, y to their left, z up, table surface at z = 0. One arm has its
base at the origin. Two arms stand at y = +-`TWO_ARMS_HALF_DISTANCE_M` ("left_" and "right_" before
every name), the right one the mirror image of the left one (`mirror`). Everything else is
symmetric about the plane y = 0, so mirrored states look mirrored in `front` and `top`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mujoco
import numpy as np
from act_core.errors import ConfigurationError, suggest
from numpy.typing import ArrayLike, NDArray

from act_sim import room
from act_sim.arm_model import load_arm
from act_sim.looks import LOOKS, PLAIN, ROOM
from act_sim.mirror import mirror_arm
from act_sim.mujoco_versions import set_directional

# 300 Hz: ten steps are one period of a 30 Hz policy, three one of the 100 Hz joint states.
PHYSICS_HZ = 300
TWO_ARMS_HALF_DISTANCE_M = 0.20
ARM_PREFIXES: dict[int, tuple[str, ...]] = {1: ("",), 2: ("left_", "right_")}

TABLE_GEOM, FLOOR_GEOM = "table", "floor"
TABLE_MATERIALS = ("table_plain", "table_wood", "table_checker", "table_speckle")
SCENE_CAMERAS = ("front", "top")

_TABLE_CENTER = (0.25, 0.0, 0.0)


def build_scene(
    arms: int = 1,
    mjcf: str | Path | None = None,
    add_objects: Callable[[mujoco.MjSpec], None] | None = None,
    look: str = PLAIN,
    mirrored: bool = False,
) -> mujoco.MjSpec:
    """The whole scene as an MjSpec. ``add_objects`` puts a task's own objects on the table.

    mirrored: a single arm is the mirror image, as the right one of two is.

    Raises ConfigurationError for a number of arms other than 1 or 2, for two arms that are to be
    mirrored, for an unusable ``mjcf``, or for an ``mjcf`` whose arm has to be mirrored: only the
    shipped one is known to be told completely by what `mirror_arm` reflects.
    """
    if look not in LOOKS:
        raise ConfigurationError(suggest("look", str(look), LOOKS))
    if arms not in ARM_PREFIXES:
        raise ConfigurationError(f"arms is {arms!r}, expected 1 or 2")
    if arms == 2 and mirrored:
        raise ConfigurationError("of two arms the right one is mirrored already: mirrored is for 1")
    if (arms == 2 or mirrored) and mjcf is not None:
        raise ConfigurationError(
            f"cannot mirror the arm of '{mjcf}': two arms are built from the shipped model only"
        )
    spec = mujoco.MjSpec()
    spec.modelname = "so101_table"
    _set_options(spec)
    _add_table(spec)
    if look == ROOM:
        room.add_room(spec)
    else:
        _add_lights(spec)
    _add_cameras(spec, arms, look)
    for index, prefix in enumerate(ARM_PREFIXES[arms]):
        arm = load_arm(mjcf, room.FINENESS if look == ROOM else None)
        if index == 1 or mirrored:
            mirror_arm(arm)
        side = 0.0 if arms == 1 else TWO_ARMS_HALF_DISTANCE_M * (1 - 2 * index)
        frame = spec.worldbody.add_frame(pos=(0.0, side, 0.0))
        frame.attach_body(arm.body("base"), prefix, "")
        # The base does not move: without these its box would push against the links it carries.
        for link in ("shoulder", "upper_arm"):
            if mjcf is None:
                spec.add_exclude(bodyname1=f"{prefix}base", bodyname2=f"{prefix}{link}")
    if add_objects is not None:
        add_objects(spec)
    return spec


def look_at(pos: ArrayLike, target: ArrayLike, up: ArrayLike = (0, 0, 1)) -> NDArray[np.float64]:
    """The quaternion (wxyz) of a camera at ``pos`` that looks at ``target``, ``up`` being up."""
    back = np.asarray(pos, dtype=np.float64) - np.asarray(target)
    back /= np.linalg.norm(back)
    right = np.cross(np.asarray(up, dtype=np.float64), back)
    right /= np.linalg.norm(right)
    rotation = np.column_stack([right, np.cross(back, right), back])
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, rotation.ravel())
    return quat


def _set_options(spec: mujoco.MjSpec) -> None:
    spec.compiler.degree = False
    option = spec.option
    option.timestep = 1.0 / PHYSICS_HZ
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    # Elliptic cones with friction ten times stiffer than the normal direction: held things do not
    # creep out of the fingers.
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10
    option.iterations = 20
    option.ls_iterations = 20
    spec.visual.quality.offsamples = 0
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1920, 1080
    spec.visual.map.znear, spec.visual.map.zfar = 0.005, 20.0
    spec.stat.center, spec.stat.extent = (0.2, 0.0, 0.1), 1.0


def _add_table(spec: mujoco.MjSpec) -> None:
    builtin, mark = mujoco.mjtBuiltin, mujoco.mjtMark
    looks = {
        "table_plain": (builtin.mjBUILTIN_FLAT, mark.mjMARK_NONE, (1.0, 1.0, 1.0), (1, 1, 1)),
        "table_wood": (
            builtin.mjBUILTIN_GRADIENT,
            mark.mjMARK_NONE,
            (1, 0.93, 0.85),
            (0.75, 0.6, 0.45),
        ),
        "table_checker": (builtin.mjBUILTIN_CHECKER, mark.mjMARK_NONE, (1, 1, 1), (0.8, 0.8, 0.8)),
        "table_speckle": (builtin.mjBUILTIN_FLAT, mark.mjMARK_RANDOM, (1, 1, 1), (1, 1, 1)),
    }
    for name, (pattern, marks, rgb1, rgb2) in looks.items():
        spec.add_texture(
            name=name,
            type=mujoco.mjtTexture.mjTEXTURE_2D,
            builtin=pattern,
            mark=marks,
            markrgb=(0.6, 0.6, 0.6),
            random=0.02,
            rgb1=rgb1,
            rgb2=rgb2,
            width=128,
            height=128,
        )
        material = spec.add_material(name=name, texrepeat=(6, 6), specular=0.1, shininess=0.1)
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    spec.worldbody.add_geom(
        name=TABLE_GEOM,
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=(0.5, 0.7, 0.1),  # third: spacing of the grid that is lit
        pos=_TABLE_CENTER,
        material="table_plain",
        rgba=(0.82, 0.78, 0.72, 1.0),
        friction=(0.8, 0.005, 0.0001),
        condim=3,
    )
    spec.worldbody.add_geom(
        name=FLOOR_GEOM,
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=(4.0, 4.0, 2.0),
        pos=(0.0, 0.0, -0.75),
        rgba=(0.35, 0.37, 0.42, 1.0),
        contype=0,
        conaffinity=0,
    )


def _add_lights(spec: mujoco.MjSpec) -> None:
    headlight = spec.visual.headlight
    headlight.ambient, headlight.diffuse = (0.35, 0.35, 0.35), (0.25, 0.25, 0.25)
    headlight.specular = (0.0, 0.0, 0.0)
    ceiling = spec.worldbody.add_light(
        name="ceiling",
        pos=(0.3, 0.0, 1.5),
        dir=(0.0, 0.0, -1.0),
        diffuse=(0.5, 0.5, 0.5),
        specular=(0.1, 0.1, 0.1),
        castshadow=False,
    )
    set_directional(ceiling)


def _add_cameras(spec: mujoco.MjSpec, arms: int, look: str) -> None:
    back = 0.0 if arms == 1 else 0.18  # two arms: further away
    front, top = (0.62 + back, 0.0, 0.42 + back), (0.24, 0.0, 0.70 + back)
    placed: dict[str, tuple[ArrayLike, ArrayLike, ArrayLike, float]] = {
        "front": (front, (0.20, 0.0, 0.03), (0, 0, 1), 45.0),
        "top": (top, (0.24, 0.0, 0.0), (1, 0, 0), 45.0),
    }
    if look == ROOM:
        at, towards, fovy = room.front_camera(arms)
        placed["front"] = (at, towards, (0, 0, 1), fovy)
    for name, (pos, target, up, fovy_deg) in placed.items():
        camera = spec.worldbody.add_camera(name=name, pos=pos, fovy=fovy_deg)
        camera.quat = look_at(pos, target, up)
