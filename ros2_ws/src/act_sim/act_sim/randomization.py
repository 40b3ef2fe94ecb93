"""Domain randomization: what differs from one episode to the next besides the start.

`Randomization.draw` turns a generator into a plain dict of numbers (kept in the episode's record),
and `Randomization.apply` puts such a dict into the model. Nothing is random in `apply`, so an
episode can be repeated from its record.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from act_core.errors import ConfigurationError
from numpy.typing import NDArray

from act_sim.arm_model import FIXED_PAD, MOVING_PAD
from act_sim.camera_effects import ImageEffects
from act_sim.objects import BOWL, CUBE
from act_sim.scene import FLOOR_GEOM, PHYSICS_HZ, TABLE_GEOM, TABLE_MATERIALS


@dataclass(frozen=True)
class Ranges:
    """How far one level goes. Spreads are +- of the nominal value; factors are 1 +- spread."""

    light: float  # brightness
    light_direction: float  # sideways part of the direction
    colour: float  # of the cube, the bowl and the arm, per channel
    table_colour: float
    textures: bool
    camera_shift_m: float
    camera_turn_rad: float
    fovy_deg: float
    cube_size: float
    cube_mass: float
    friction: float  # of cube, table and fingers
    servo_gain: float
    servo_friction: float  # damping and Coulomb friction
    command_delay_s: float  # at most
    camera_delay_s: float  # at most
    noise: float  # at most, grey levels
    blur: float  # at most, part of the image height


LEVELS: tuple[Ranges | None, ...] = (
    None,
    Ranges(
        light=0.2,
        light_direction=0.2,
        colour=0.05,
        table_colour=0.08,
        textures=False,
        camera_shift_m=0.005,
        camera_turn_rad=0.015,
        fovy_deg=1.0,
        cube_size=0.05,
        cube_mass=0.2,
        friction=0.1,
        servo_gain=0.05,
        servo_friction=0.1,
        command_delay_s=0.010,
        camera_delay_s=0.020,
        noise=3.0,
        blur=0.001,
    ),
    Ranges(
        light=0.4,
        light_direction=0.5,
        colour=0.10,
        table_colour=0.25,
        textures=True,
        camera_shift_m=0.015,
        camera_turn_rad=0.04,
        fovy_deg=3.0,
        cube_size=0.12,
        cube_mass=0.5,
        friction=0.3,
        servo_gain=0.15,
        servo_friction=0.3,
        command_delay_s=0.040,
        camera_delay_s=0.060,
        noise=8.0,
        blur=0.004,
    ),
)

# Every model array that `apply` writes, so that it can start from the nominal model each time.
_FIELDS = (
    "light_diffuse", "light_dir", "mat_rgba", "geom_rgba", "geom_matid", "cam_pos", "cam_quat",
    "cam_fovy", "geom_size", "geom_rbound", "geom_aabb", "bvh_aabb", "geom_friction", "body_mass",
    "body_inertia", "actuator_gainprm", "actuator_biasprm", "dof_damping", "dof_frictionloss",
)  # fmt: skip


class Randomization:
    """Draws and applies the differences of one level on one model."""

    def __init__(self, model: mujoco.MjModel, level: int) -> None:
        if isinstance(level, bool) or level not in range(len(LEVELS)):
            raise ConfigurationError(
                f"randomization level is {level!r}, expected one of "
                + ", ".join(str(known) for known in range(len(LEVELS)))
            )
        self._model = model
        self._scratch = mujoco.MjData(model)
        self._ranges = LEVELS[level]
        self._nominal = {name: getattr(model, name).copy() for name in _FIELDS}
        self._headlight = (
            model.vis.headlight.ambient.copy(),
            model.vis.headlight.diffuse.copy(),
        )
        self._applied: dict[str, Any] = {}
        self.command_delay_steps = 0  # physics steps
        self.camera_delay_steps = 0  # physics steps
        self.image_effects: ImageEffects | None = None

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Everything that differs in one episode, JSON-serialisable; empty at level 0."""
        ranges, model = self._ranges, self._model
        if ranges is None:
            return {}

        def around(center: float, spread: float, size: int | None = None) -> Any:
            value = center + spread * rng.uniform(-1.0, 1.0, size)
            return value.tolist() if size else float(value)

        def delay_steps(limit_s: float) -> int:
            return int(rng.integers(0, math.floor(limit_s * PHYSICS_HZ + 1e-9) + 1))

        joints = model.nu
        return {
            "light": around(1.0, ranges.light),
            "light_direction": around(0.0, ranges.light_direction, 2),
            "cube_colour": around(0.0, ranges.colour, 3),
            "bowl_colour": around(0.0, 0.5 * ranges.colour),
            "arm_colour": around(0.0, ranges.colour, 3),
            "table_colour": around(0.0, ranges.table_colour, 3),
            "floor_colour": around(0.0, ranges.table_colour, 3),
            "table_material": int(rng.integers(len(TABLE_MATERIALS))) if ranges.textures else 0,
            "cameras": {
                model.camera(i).name: {
                    "shift_m": around(0.0, ranges.camera_shift_m, 3),
                    "turn_rad": around(0.0, ranges.camera_turn_rad, 3),
                    "fovy_deg": around(0.0, ranges.fovy_deg),
                }
                for i in range(model.ncam)
            },
            "cube_size": around(1.0, ranges.cube_size),
            "cube_mass": around(1.0, ranges.cube_mass),
            "cube_friction": around(1.0, ranges.friction),
            "table_friction": around(1.0, ranges.friction),
            "finger_friction": around(1.0, ranges.friction),
            "servo_gain": around(1.0, ranges.servo_gain, joints),
            "servo_damping": around(1.0, ranges.servo_friction, joints),
            "servo_friction": around(1.0, ranges.servo_friction, joints),
            "command_delay_steps": delay_steps(ranges.command_delay_s),
            "camera_delay_steps": delay_steps(ranges.camera_delay_s),
            "noise": float(rng.uniform(0.0, ranges.noise)),
            "blur": float(rng.uniform(0.0, ranges.blur)),
        }

    def apply(self, drawn: dict[str, Any]) -> None:
        """Makes the model what ``drawn`` says, starting from the nominal one."""
        if drawn == self._applied:
            return
        for name, value in self._nominal.items():
            getattr(self._model, name)[:] = value
        headlight = self._model.vis.headlight
        headlight.ambient[:], headlight.diffuse[:] = self._headlight
        self.command_delay_steps = self.camera_delay_steps = 0
        self.image_effects = None
        if drawn:
            self._apply_looks(drawn)
            self._apply_cameras(drawn["cameras"])
            self._apply_contact(drawn)
            self._apply_servos(drawn)
            self.command_delay_steps = drawn["command_delay_steps"]
            self.camera_delay_steps = drawn["camera_delay_steps"]
            self.image_effects = ImageEffects(drawn["noise"], drawn["blur"])
        mujoco.mj_setConst(self._model, self._scratch)
        self._applied = drawn

    def _apply_looks(self, drawn: dict[str, Any]) -> None:
        model = self._model
        model.light_diffuse[:] *= drawn["light"]
        model.light_dir[:, :2] += drawn["light_direction"]
        model.light_dir[:] /= np.linalg.norm(model.light_dir, axis=1, keepdims=True)
        model.vis.headlight.ambient[:] *= drawn["light"]
        model.vis.headlight.diffuse[:] *= drawn["light"]
        for i in range(model.nmat):
            if model.mat(i).name not in TABLE_MATERIALS:
                model.mat_rgba[i] = _tinted(model.mat_rgba[i], drawn["arm_colour"])
        table, floor = model.geom(TABLE_GEOM).id, model.geom(FLOOR_GEOM).id
        model.geom_rgba[table] = _tinted(model.geom_rgba[table], drawn["table_colour"])
        model.geom_rgba[floor] = _tinted(model.geom_rgba[floor], drawn["floor_colour"])
        model.geom_matid[table] = model.mat(TABLE_MATERIALS[drawn["table_material"]]).id
        for body, key in ((CUBE, "cube_colour"), (BOWL, "bowl_colour")):
            for i in self._geoms_of(body):
                model.geom_rgba[i] = _tinted(model.geom_rgba[i], drawn[key])

    def _apply_cameras(self, drawn: dict[str, Any]) -> None:
        model = self._model
        for name, change in drawn.items():
            camera = model.camera(name).id
            model.cam_pos[camera] += change["shift_m"]
            mujoco.mju_quatIntegrate(model.cam_quat[camera], np.array(change["turn_rad"]), 1.0)
            model.cam_fovy[camera] += change["fovy_deg"]

    def _apply_contact(self, drawn: dict[str, Any]) -> None:
        model = self._model
        model.geom_friction[model.geom(TABLE_GEOM).id, 0] *= drawn["table_friction"]
        for i in range(model.ngeom):
            if model.geom(i).name.endswith((FIXED_PAD, MOVING_PAD)):
                model.geom_friction[i, 0] *= drawn["finger_friction"]
        for cube in self._geoms_of(CUBE):
            half = model.geom_size[cube] * drawn["cube_size"]
            body = model.geom_bodyid[cube]
            model.geom_size[cube] = half
            model.geom_rbound[cube] = np.linalg.norm(half)
            model.geom_aabb[cube, 3:] = half
            first = model.body_bvhadr[body]  # the tree that collisions with the bowl go through
            model.bvh_aabb[first : first + model.body_bvhnum[body], 3:] = half
            model.geom_friction[cube, 0] *= drawn["cube_friction"]
            mass = model.body_mass[body] * drawn["cube_mass"]
            model.body_mass[body] = mass
            model.body_inertia[body] = mass * (2.0 * half[0]) ** 2 / 6.0  # of a solid cube

    def _apply_servos(self, drawn: dict[str, Any]) -> None:
        model = self._model
        gain = np.array(drawn["servo_gain"])
        model.actuator_gainprm[:, 0] *= gain
        model.actuator_biasprm[:, 1] *= gain
        dofs = model.jnt_dofadr[model.actuator_trnid[:, 0]]
        model.dof_damping[dofs] *= drawn["servo_damping"]
        model.dof_frictionloss[dofs] *= drawn["servo_friction"]

    def _geoms_of(self, body_name: str) -> list[int]:
        model = self._model
        bodies = [model.body(i).name for i in range(model.nbody)]
        if body_name not in bodies:
            return []
        body = bodies.index(body_name)
        return [i for i in range(model.ngeom) if model.geom_bodyid[i] == body]


def _tinted(rgba: NDArray[np.float32], change: float | list[float]) -> NDArray[np.float32]:
    """The colour (4,) with ``change`` added to its red, green and blue."""
    tinted = rgba.copy()
    tinted[:3] = np.clip(tinted[:3] + np.asarray(change, dtype=np.float32), 0.0, 1.0)
    return tinted
