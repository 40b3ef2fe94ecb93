"""The look "room": a table in somebody's home, with what stands and lies around.

Compiled once with everything in it that a draw of level 3 (`room_draws`) can show, transparent
until it is shown. Nothing here touches the arm or the task's objects: all is for the cameras.

Besides, against the look "plain": finer meshes, lights that cast shadows, and a front camera that
sees the whole arm, from where people put theirs.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import ArrayLike

from act_sim.arm_model import Fineness
from act_sim.mujoco_versions import set_directional

TABLE, WALL, FLOOR, POSTER = "room_table", "room_wall", "room_floor", "room_poster"
TEXTURE_SIZES = {TABLE: 512, WALL: 512, FLOOR: 256, POSTER: 256}
FURNITURE = tuple(f"furniture_{i}" for i in range(5))
WINDOW = "window"
LIGHTS = ("sun", "lamp_0", "lamp_1")
MOUNT = "mount"  # what the arm stands on, where the table is lower than its base
HIDDEN = (0.2, 0.2, 0.2, 0.0)  # what cannot be seen is not drawn
BACK_WALL_X_M, SIDE_WALL_Y_M = -1.6, 1.9  # nominal
FLOOR_Z_M = -0.75

FINENESS = Fineness(fine=1500, coarse=400)
_SHADOW_MAP = 1024  # pixels of its edge
_FRONT_POS, _FRONT_TARGET, _FRONT_FOVY = (0.76, -0.16, 0.50), (0.13, 0.0, 0.09), 45.0


class Thing(NamedTuple):
    """Something that may lie on the table: geoms as (type, size, position, quaternion) [m], the
    radius of the circle that it needs, and its height."""

    geoms: tuple[tuple[str, tuple[float, ...], tuple[float, ...], tuple[float, ...]], ...]
    radius_m: float
    height_m: float


_UP, _LYING, _TURNED = (1.0, 0.0, 0.0, 0.0), (0.7071, 0.0, 0.7071, 0.0), (0.7071, 0.7071, 0.0, 0.0)

THINGS: dict[str, Thing] = {
    "mug": Thing(
        (
            ("cylinder", (0.040, 0.047), (0.0, 0.0, 0.047), _UP),
            ("cylinder", (0.036, 0.002), (0.0, 0.0, 0.0935), _UP),
            ("capsule", (0.006, 0.022), (0.052, 0.0, 0.05), _UP),
            ("capsule", (0.006, 0.008), (0.044, 0.0, 0.075), _LYING),
            ("capsule", (0.006, 0.008), (0.044, 0.0, 0.025), _LYING),
        ),
        0.065,
        0.095,
    ),
    "can": Thing((("cylinder", (0.033, 0.058), (0.0, 0.0, 0.058), _UP),), 0.04, 0.116),
    "bottle": Thing(
        (
            ("cylinder", (0.034, 0.075), (0.0, 0.0, 0.075), _UP),
            ("ellipsoid", (0.034, 0.034, 0.03), (0.0, 0.0, 0.15), _UP),
            ("cylinder", (0.013, 0.035), (0.0, 0.0, 0.19), _UP),
        ),
        0.04,
        0.225,
    ),
    "ball": Thing((("sphere", (0.019,), (0.0, 0.0, 0.019), _UP),), 0.02, 0.038),
    "block": Thing((("box", (0.015, 0.015, 0.015), (0.0, 0.0, 0.015), _UP),), 0.022, 0.03),
    "brick": Thing((("box", (0.032, 0.016, 0.010), (0.0, 0.0, 0.010), _UP),), 0.036, 0.02),
    "book": Thing(
        (
            ("box", (0.062, 0.090, 0.009), (0.0, 0.0, 0.010), _UP),
            ("box", (0.064, 0.092, 0.001), (0.0, 0.0, 0.020), _UP),
        ),
        0.11,
        0.021,
    ),
    "pen": Thing((("capsule", (0.005, 0.065), (0.0, 0.0, 0.005), _LYING),), 0.07, 0.01),
    "screwdriver": Thing(
        (
            ("capsule", (0.013, 0.035), (-0.045, 0.0, 0.013), _LYING),
            ("capsule", (0.003, 0.05), (0.04, 0.0, 0.013), _LYING),
        ),
        0.1,
        0.026,
    ),
    "tape": Thing(
        (
            ("cylinder", (0.035, 0.010), (0.0, 0.0, 0.010), _UP),
            ("cylinder", (0.022, 0.0105), (0.0, 0.0, 0.010), _UP),
        ),
        0.037,
        0.021,
    ),
    "egg": Thing((("ellipsoid", (0.026, 0.020, 0.020), (0.0, 0.0, 0.020), _UP),), 0.028, 0.04),
    "phone": Thing((("box", (0.036, 0.075, 0.004), (0.0, 0.0, 0.004), _UP),), 0.085, 0.008),
}


def thing_name(kind: str) -> str:
    """The body of a thing."""
    return f"thing_{kind}"


def add_room(spec: mujoco.MjSpec) -> None:
    """Adds everything but the table itself, and gives textures a place."""
    spec.visual.quality.shadowsize = _SHADOW_MAP
    # Round things of fewer faces than MuJoCo's own: they are drawn once more for each light.
    spec.visual.quality.numslices, spec.visual.quality.numstacks = 20, 10
    # The sun's shadows cover this much around the middle: what is smaller is sharper.
    spec.visual.map.shadowclip = 0.8
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1920, 1080
    for name, size in TEXTURE_SIZES.items():
        _add_textured_material(spec, name, size)
    _add_walls(spec)
    _add_lights(spec)
    for kind, thing in THINGS.items():
        _add_thing(spec, thing_name(kind), thing)


def front_camera(arms: int) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    """(position, what it looks at, vertical field of view [degrees]).

    Two arms are seen from the middle, so that mirrored states look mirrored.
    """
    if arms == 1:
        return _FRONT_POS, _FRONT_TARGET, _FRONT_FOVY
    return (0.95, 0.0, 0.62), (0.13, 0.0, 0.07), _FRONT_FOVY


def _add_textured_material(spec: mujoco.MjSpec, name: str, size: int) -> None:
    spec.add_texture(
        name=name,
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
        rgb1=(0.75, 0.72, 0.68),
        rgb2=(0.75, 0.72, 0.68),
        width=size,
        height=size,
    )
    material = spec.add_material(name=name, texrepeat=(1.5, 1.5), texuniform=True)
    material.specular, material.shininess = 0.15, 0.2
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name


def _add_seen(spec: mujoco.MjSpec | mujoco.MjsBody, **settings: object) -> None:
    """A geom that touches nothing."""
    spec.add_geom(contype=0, conaffinity=0, **settings)


def _facing(x: ArrayLike) -> tuple[float, ...]:
    """The quaternion (wxyz) that turns a plane's normal, z, to ``x``; level edges stay level."""
    normal = np.asarray(x, dtype=np.float64)
    across = np.cross((0.0, 0.0, 1.0), normal)
    rotation = np.column_stack([across, np.cross(normal, across), normal])
    quat = np.zeros(4)
    mujoco.mju_mat2Quat(quat, rotation.ravel())
    return tuple(quat)


def _add_walls(spec: mujoco.MjSpec) -> None:
    world, plane = spec.worldbody, mujoco.mjtGeom.mjGEOM_PLANE
    for name, pos, normal in (
        ("wall_back", (BACK_WALL_X_M, 0.0, 0.75), (1, 0, 0)),
        ("wall_left", (0.0, SIDE_WALL_Y_M, 0.75), (0, -1, 0)),
        ("wall_right", (0.0, -SIDE_WALL_Y_M, 0.75), (0, 1, 0)),
    ):
        _add_seen(
            world, name=name, type=plane, pos=pos, quat=_facing(normal), size=(4.0, 1.5, 0.5),
            material=WALL, rgba=(1, 1, 1, 1),
        )  # fmt: skip
    box = mujoco.mjtGeom.mjGEOM_BOX
    for name in FURNITURE:
        _add_seen(
            world, name=name, type=box, pos=(0, 0, FLOOR_Z_M), size=(0.2, 0.3, 0.4),
            rgba=HIDDEN,
        )  # fmt: skip
    _add_seen(
        world, name=POSTER, type=box, pos=(0, 0, FLOOR_Z_M), size=(0.01, 0.25, 0.35),
        material=POSTER, rgba=HIDDEN,
    )  # fmt: skip
    shining = spec.add_material(name=WINDOW, emission=0.9, specular=0.0)
    _add_seen(
        world, name=WINDOW, type=box, pos=(0, 0, FLOOR_Z_M), size=(0.01, 0.4, 0.5),
        material=shining.name, rgba=HIDDEN,
    )  # fmt: skip
    _add_seen(
        world, name=MOUNT, type=box, pos=(0.01, 0.0, 0.0), size=(0.06, 0.06, 0.006),
        rgba=HIDDEN,
    )  # fmt: skip


def _add_lights(spec: mujoco.MjSpec) -> None:
    headlight = spec.visual.headlight
    headlight.ambient, headlight.diffuse = (0.32, 0.32, 0.32), (0.12, 0.12, 0.12)
    headlight.specular = (0.0, 0.0, 0.0)
    for name in LIGHTS:
        light = spec.worldbody.add_light(
            name=name, pos=(0.5, 0.5, 1.4), dir=(-0.25, -0.4, -1.2), castshadow=True,
            diffuse=(0.6, 0.6, 0.6), specular=(0.15, 0.15, 0.15), active=name == LIGHTS[0],
        )  # fmt: skip
        set_directional(light, name == LIGHTS[0])
        light.cutoff, light.exponent = 50.0, 1.0


def _add_thing(spec: mujoco.MjSpec, name: str, thing: Thing) -> None:
    body = spec.worldbody.add_body(name=name, mocap=True, pos=(0.0, 0.0, 0.0))
    for shape, size, pos, quat in thing.geoms:
        kind = getattr(mujoco.mjtGeom, f"mjGEOM_{shape.upper()}")
        padded = (*size, 0.0, 0.0, 0.0)[:3]
        _add_seen(body, type=kind, size=padded, pos=pos, quat=quat, rgba=HIDDEN)
