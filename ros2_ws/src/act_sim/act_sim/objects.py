"""What the tasks put on the table: a loose cube, a bowl that stands where it is put, a marker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from act_sim.colours import hsv_to_rgb, other_colour
from act_sim.randomization import Ranges, around, tinted
from act_sim.task import Progress, Task, outside_reach
from act_sim.textures import draw_worn_faces

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

CUBE, BOWL, MARKER = "cube", "bowl", "marker"  # bodies; the cube's geom has the body's name

CUBE_HALF_SIZE_M = 0.015
CUBE_HUE_DEG = 0.0
CUBE_TEXTURE_SIZE = 64
CUBE_MASS_KG = 0.030  # a 3 cm cube of beech
CUBE_RGBA = (0.85, 0.10, 0.10, 1.0)

BOWL_FLOOR_RADIUS_M = 0.040
BOWL_RIM_RADIUS_M = 0.055
BOWL_HEIGHT_M = 0.040
BOWL_RGBA = (0.45, 0.46, 0.48, 1.0)
_BOWL_WALLS = 16
_BOWL_THICKNESS_M = 0.003
REST_SPEED_M_S = 0.02

MARKER_RGBA = (0.10, 0.65, 0.25, 1.0)


class CubeAndBowlTask(Task):
    """What differs in cube and bowl from one episode to the next.

    ``reach`` has neither and draws for them all the same: all tasks of the first release did, and
    so the same seed goes on giving the same light and the same camera.
    """

    hues_deg = (CUBE_HUE_DEG,)

    def dress(self, spec: mujoco.MjSpec) -> None:
        cube = next((geom for geom in spec.geoms if geom.name == CUBE), None)
        if cube is None:
            return
        spec.add_texture(
            name=CUBE, type=mujoco.mjtTexture.mjTEXTURE_CUBE,
            builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT, rgb1=(1, 1, 1), rgb2=(1, 1, 1),
            width=CUBE_TEXTURE_SIZE, height=6 * CUBE_TEXTURE_SIZE,
        )  # fmt: skip
        material = spec.add_material(name=CUBE, specular=0.2, shininess=0.3)
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = CUBE
        cube.material = CUBE

    def textures(self, drawn: dict[str, Any]) -> dict[str, NDArray[np.uint8]]:
        if "cube_wear" not in drawn:
            return {CUBE: np.full((6 * CUBE_TEXTURE_SIZE, CUBE_TEXTURE_SIZE, 3), 255, np.uint8)}
        rgb, wear, seed = drawn["cube_rgb"], drawn["cube_wear"], drawn["cube_seed"]
        return {CUBE: draw_worn_faces(np.array(rgb), wear, seed, CUBE_TEXTURE_SIZE)}

    def draw_looks(self, rng: np.random.Generator, ranges: Ranges) -> dict[str, Any]:
        if ranges.room is not None:
            return {
                "cube_rgb": hsv_to_rgb(
                    CUBE_HUE_DEG + around(rng, 0.0, ranges.room.cube_hue_deg),
                    rng.uniform(*ranges.room.cube_saturation),
                    rng.uniform(*ranges.room.cube_value),
                ),
                "cube_wear": float(rng.uniform(0.0, 1.0)),
                "cube_seed": int(rng.integers(2**31)),
                "bowl_rgb": other_colour(rng, self.hues_deg),
            }
        return {
            "cube_colour": around(rng, 0.0, ranges.colour, 3),
            "bowl_colour": around(rng, 0.0, 0.5 * ranges.colour),
        }

    def draw_bodies(self, rng: np.random.Generator, ranges: Ranges) -> dict[str, Any]:
        bowl = {}
        if ranges.room is not None:
            bowl = {"bowl_size": float(rng.uniform(*ranges.room.bowl_size))}
        return bowl | {
            "cube_size": around(rng, 1.0, ranges.cube_size),
            "cube_mass": around(rng, 1.0, ranges.cube_mass),
            "cube_friction": around(rng, 1.0, ranges.friction),
        }

    def randomize(self, model: mujoco.MjModel, drawn: dict[str, Any]) -> None:
        for i in geoms_of(model, CUBE):
            if "cube_rgb" in drawn:
                model.geom_rgba[i] = 1.0  # the colour is in the texture
            else:
                model.geom_rgba[i] = tinted(model.geom_rgba[i], drawn["cube_colour"])
        for i in geoms_of(model, BOWL):
            if "bowl_rgb" in drawn:
                model.geom_rgba[i, :3] = drawn["bowl_rgb"]
                model.geom_size[i] *= drawn["bowl_size"]
                model.geom_pos[i] *= drawn["bowl_size"]
                model.geom_rbound[i] *= drawn["bowl_size"]
                model.geom_aabb[i] *= drawn["bowl_size"]
            else:
                model.geom_rgba[i] = tinted(model.geom_rgba[i], drawn["bowl_colour"])
        for body in geoms_of(model, BOWL)[:1]:
            scale = drawn.get("bowl_size", 1.0)
            first = model.body_bvhadr[model.geom_bodyid[body]]
            count = model.body_bvhnum[model.geom_bodyid[body]]
            model.bvh_aabb[first : first + count] *= scale
        for cube in geoms_of(model, CUBE):
            half = model.geom_size[cube] * drawn["cube_size"]
            body_id = model.geom_bodyid[cube]
            model.geom_size[cube] = half
            model.geom_rbound[cube] = np.linalg.norm(half)
            model.geom_aabb[cube, 3:] = half
            first = model.body_bvhadr[body_id]  # the tree that collisions with the bowl go through
            model.bvh_aabb[first : first + model.body_bvhnum[body_id], 3:] = half
            model.geom_friction[cube, 0] *= drawn["cube_friction"]
            mass = model.body_mass[body_id] * drawn["cube_mass"]
            model.body_mass[body_id] = mass
            model.body_inertia[body_id] = mass * (2.0 * half[0]) ** 2 / 6.0  # of a solid cube


class CubeIntoBowlTask(CubeAndBowlTask):
    """Success: the cube rests inside the bowl and no finger of the arms that the task takes touches
    it. A subclass says where the two are at the start."""

    hold_s = 0.2
    grasped = CUBE
    out_of_reach = "the cube is out of reach"

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        add_cube(spec)
        add_bowl(spec)

    def apply_start(self, sim: Simulation, start: dict[str, Any]) -> None:
        sim.put(CUBE, (*start["cube"], sim.half_size(CUBE)), yaw_quat(start["cube_yaw"]))
        sim.put(BOWL, (*start["bowl"], 0.0))

    def progress(self, sim: Simulation) -> Progress:
        inside = is_in_bowl(sim)
        resting = sim.speed(CUBE) < REST_SPEED_M_S
        released = not any(map(any, sim.touching_of_arms[: self.arms]))
        lost = is_below_rim(sim) and self.is_lost(sim, inside)
        failure = self.out_of_reach if lost and released else None
        return Progress(inside and resting and released, distance_from_bowl(sim), failure)

    def is_lost(self, sim: Simulation, inside: bool) -> bool:
        """Whether no arm can take the cube from where it lies, ``inside`` the bowl or not."""
        x, y, _ = sim.position(CUBE)
        return outside_reach(x, y)


def distance_from_bowl(sim: Simulation) -> float:
    """Of the cube from the bowl's middle, seen from above [m]."""
    return float(np.linalg.norm(sim.position(CUBE)[:2] - sim.position(BOWL)[:2]))


def is_below_rim(sim: Simulation) -> bool:
    """Whether the cube is lower than the bowl's rim, wherever it is."""
    return bool(sim.position(CUBE)[2] < bowl_scale(sim) * BOWL_HEIGHT_M)


def is_over_bowl(sim: Simulation) -> bool:
    """Whether the cube is over the bowl or in it."""
    return distance_from_bowl(sim) < bowl_scale(sim) * BOWL_RIM_RADIUS_M


def is_in_bowl(sim: Simulation) -> bool:
    """Whether the cube is in the bowl."""
    return is_over_bowl(sim) and is_below_rim(sim)


def bowl_scale(sim: Simulation) -> float:
    """How many times as large as the nominal bowl that of this episode is."""
    return float(sim.record["randomization"].get("bowl_size", 1.0))


def geoms_of(model: mujoco.MjModel, body_name: str) -> list[int]:
    """The geoms of a body, by number; none where there is no such body."""
    bodies = [model.body(i).name for i in range(model.nbody)]
    if body_name not in bodies:
        return []
    body = bodies.index(body_name)
    return [i for i in range(model.ngeom) if model.geom_bodyid[i] == body]


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
