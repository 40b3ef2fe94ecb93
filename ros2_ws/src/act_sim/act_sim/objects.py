"""What the tasks put on the table: a loose cube, a bowl that stands where it is put, a marker."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

CUBE, BOWL, MARKER = "cube", "bowl", "marker"  # bodies; the cube's geom has the body's name

CUBE_HALF_SIZE_M = 0.015
CUBE_MASS_KG = 0.030  # a 3 cm cube of beech
CUBE_RGBA = (0.85, 0.10, 0.10, 1.0)

BOWL_FLOOR_RADIUS_M = 0.040
BOWL_RIM_RADIUS_M = 0.055
BOWL_HEIGHT_M = 0.040
BOWL_RGBA = (0.45, 0.46, 0.48, 1.0)
_BOWL_WALLS = 16
_BOWL_THICKNESS_M = 0.003

MARKER_RGBA = (0.10, 0.65, 0.25, 1.0)


def add_cube(spec: mujoco.MjSpec) -> None:
    """A red cube with a free joint."""
    body = spec.worldbody.add_body(name=CUBE, pos=(0.25, 0.0, CUBE_HALF_SIZE_M))
    body.add_freejoint(name=CUBE)
    body.add_geom(
        name=CUBE,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=(CUBE_HALF_SIZE_M,) * 3,
        mass=CUBE_MASS_KG,
        rgba=CUBE_RGBA,
        friction=(0.8, 0.005, 0.0001),
        condim=4,
    )


def add_bowl(spec: mujoco.MjSpec) -> None:
    """A grey bowl: a round floor in a ring of leaning boards, so that things can fall into it.

    A mocap body: it stands where the task puts it and is too heavy for the arm to push. Its floor
    is paint on the table: a cube lies still on a plane, but never quite still on a cylinder, which
    touches a box in one point at a time.
    """
    bowl = spec.worldbody.add_body(name=BOWL, mocap=True, pos=(0.25, 0.1, 0.0))
    bowl.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=(BOWL_FLOOR_RADIUS_M, 0.0005, 0.0),
        pos=(0.0, 0.0, 0.0005),
        rgba=BOWL_RGBA,
        contype=0,
        conaffinity=0,
    )
    lean = np.arctan2(BOWL_RIM_RADIUS_M - BOWL_FLOOR_RADIUS_M, BOWL_HEIGHT_M)
    radius = 0.5 * (BOWL_RIM_RADIUS_M + BOWL_FLOOR_RADIUS_M)
    half_width = BOWL_RIM_RADIUS_M * np.tan(np.pi / _BOWL_WALLS)
    for angle in 2.0 * np.pi * np.arange(_BOWL_WALLS) / _BOWL_WALLS:
        bowl.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=(0.5 * _BOWL_THICKNESS_M, half_width, 0.5 * BOWL_HEIGHT_M / np.cos(lean)),
            pos=(radius * np.cos(angle), radius * np.sin(angle), 0.5 * BOWL_HEIGHT_M),
            quat=_turn_about_z_then_lean(angle, lean),
            rgba=BOWL_RGBA,
            condim=3,
        )


def add_marker(spec: mujoco.MjSpec) -> None:
    """A green ball that touches nothing: where the gripper has to go in ``reach``."""
    body = spec.worldbody.add_body(name=MARKER, mocap=True, pos=(0.25, 0.0, 0.1))
    body.add_geom(
        name=MARKER,
        type=mujoco.mjtGeom.mjGEOM_SPHERE,
        size=(0.012, 0.0, 0.0),
        rgba=MARKER_RGBA,
        contype=0,
        conaffinity=0,
    )


def yaw_quat(yaw_rad: float) -> NDArray[np.float64]:
    """The quaternion (wxyz) of a turn about z."""
    return np.array([np.cos(0.5 * yaw_rad), 0.0, 0.0, np.sin(0.5 * yaw_rad)])


def _turn_about_z_then_lean(angle: float, lean: float) -> NDArray[np.float64]:
    quat, lean_quat = np.zeros(4), np.array([np.cos(0.5 * lean), 0.0, np.sin(0.5 * lean), 0.0])
    mujoco.mju_mulQuat(quat, yaw_quat(angle), lean_quat)
    return quat
