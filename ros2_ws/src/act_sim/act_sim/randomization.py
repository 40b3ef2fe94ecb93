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

from act_sim.arm_model import FIXED_PAD, MOVING_PAD, WRIST_CAMERA
from act_sim.camera_effects import ImageEffects, Processing
from act_sim.identified_arm import JOINT_NAMES, IdentifiedArm, apply_servos
from act_sim.room import MOUNT, TEXTURE_SIZES
from act_sim.room_draws import (
    RoomRanges,
    apply_room,
    draw_room,
    placed_things,
    room_textures,
)
from act_sim.scene import ARM_PREFIXES, FLOOR_GEOM, PHYSICS_HZ, TABLE_GEOM, TABLE_MATERIALS
from act_sim.task import Task


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
    room: RoomRanges | None = None  # level 3: a stranger's room, with ranges of its own


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
    Ranges(
        light=0.0,
        light_direction=0.0,
        colour=0.0,
        table_colour=0.0,
        textures=True,
        camera_shift_m=0.015,  # of cameras that are neither in front nor at the wrist
        camera_turn_rad=0.04,
        fovy_deg=5.0,
        cube_size=0.12,
        cube_mass=0.5,
        friction=0.3,
        servo_gain=0.3,
        servo_friction=0.3,
        command_delay_s=0.060,
        camera_delay_s=0.100,
        noise=9.0,
        blur=0.004,
        room=RoomRanges(),
    ),
)

# Every model array that `apply` writes, so that it can start from the nominal model each time.
FIELDS = (
    "light_diffuse", "light_dir", "mat_rgba", "geom_rgba", "geom_matid", "cam_pos", "cam_quat",
    "cam_fovy", "geom_size", "geom_rbound", "geom_aabb", "bvh_aabb", "geom_friction", "body_mass",
    "body_inertia", "actuator_gainprm", "actuator_biasprm", "dof_damping", "dof_frictionloss",
    "actuator_forcerange", "body_pos", "geom_pos", "light_active", "light_pos", "mat_texrepeat",
)  # fmt: skip

_DERIVED = (
    "actuator_acc0", "actuator_length0", "body_invweight0", "body_subtreemass", "cam_mat0",
    "cam_pos0", "cam_poscom0", "dof_M0", "dof_invweight0", "light_dir0", "light_pos0",
    "light_poscom0",
)  # fmt: skip


def around(rng: np.random.Generator, middle: float, spread: float, size: int | None = None) -> Any:
    """A number, or a list of ``size``, evenly distributed over ``middle`` +- ``spread``."""
    value = middle + spread * rng.uniform(-1.0, 1.0, size)
    return value.tolist() if size else float(value)


def tinted(rgba: NDArray[np.float32], change: float | list[float]) -> NDArray[np.float32]:
    """The colour (4,) with ``change`` added to its red, green and blue."""
    changed = rgba.copy()
    changed[:3] = np.clip(changed[:3] + np.asarray(change, dtype=np.float32), 0.0, 1.0)
    return changed


def check_level(level: object) -> None:
    """Raises ConfigurationError for a level that does not exist."""
    if isinstance(level, bool) or level not in range(len(LEVELS)):
        raise ConfigurationError(
            f"randomization level is {level!r}, expected one of "
            + ", ".join(str(known) for known in range(len(LEVELS)))
        )


def needs_room(level: int) -> bool:
    """Whether a level can be drawn in the look "room" only."""
    ranges = LEVELS[level]
    return ranges is not None and ranges.room is not None


class Randomization:
    """Draws and applies what differs in one model: of room and arm here, of objects by the task."""

    def __init__(self, model: mujoco.MjModel, task: Task, arm: IdentifiedArm | None = None) -> None:
        """arm: the servos that all differences are around, in place of the nominal ones."""
        self._model, self._task = model, task
        self._arm = arm
        self._scratch = mujoco.MjData(model)
        self._extent, self._center = model.stat.extent, model.stat.center.copy()
        if arm is not None:
            apply_servos(model, arm)
            mujoco.mj_setConst(model, self._scratch)
            model.stat.extent, model.stat.center[:] = self._extent, self._center
        self._nominal = {name: getattr(model, name).copy() for name in FIELDS}
        # What MuJoCo derives from them; its compiler rounds otherwise than mj_setConst.
        self._derived = {name: getattr(model, name).copy() for name in _DERIVED}
        self._mean_inertia = model.stat.meaninertia
        self._headlight = (
            model.vis.headlight.ambient.copy(),
            model.vis.headlight.diffuse.copy(),
        )
        self._bases = [i for i in range(model.nbody) if _is_base(model.body(i).name)]
        textures = {model.texture(i).name for i in range(model.ntex)}
        self._bare_surfaces = {
            name: model.texture(name).data.copy() for name in TEXTURE_SIZES if name in textures
        }
        arm_bodies = _tree_of(model, self._bases)
        painted = [i for i in range(model.ngeom) if model.geom_bodyid[i] in arm_bodies]
        self._arm_materials = sorted({int(model.geom_matid[i]) for i in painted} - {-1})
        self._applied: dict[str, Any] = {}
        self.command_delay_steps = 0  # physics steps; drawn, for all servos
        self.servo_delay_steps = np.zeros(model.nu, dtype=int)  # besides, by actuator: the arm's
        self.camera_delay_steps = 0  # physics steps
        self.image_effects: ImageEffects | None = None
        self.joint_offset_rad = np.zeros(model.nu)  # in the order of the actuators
        self.half_backlash_rad = np.zeros(model.nu)
        self.placed: dict[str, tuple[list[float], list[float]]] = {}  # mocap bodies of the room
        self.is_repainted = False  # there are textures that the graphics do not have yet
        self._begin_with_arm()

    def draw(
        self, rng: np.random.Generator, level: int, start: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Everything that differs in one episode, JSON-serialisable; empty at level 0.

        start: where the task's objects are, which a room's things keep clear of.
        """
        check_level(level)
        ranges, model = LEVELS[level], self._model
        if ranges is None:
            return {}
        if ranges.room is not None:
            return self._draw_room(rng, ranges, ranges.room, start or {})

        joints = model.nu
        return {
            "light": around(rng, 1.0, ranges.light),
            "light_direction": around(rng, 0.0, ranges.light_direction, 2),
            **self._task.draw_looks(rng, ranges),
            "arm_colour": around(rng, 0.0, ranges.colour, 3),
            "table_colour": around(rng, 0.0, ranges.table_colour, 3),
            "floor_colour": around(rng, 0.0, ranges.table_colour, 3),
            "table_material": int(rng.integers(len(TABLE_MATERIALS))) if ranges.textures else 0,
            "cameras": {
                model.camera(i).name: {
                    "shift_m": around(rng, 0.0, ranges.camera_shift_m, 3),
                    "turn_rad": around(rng, 0.0, ranges.camera_turn_rad, 3),
                    "fovy_deg": around(rng, 0.0, ranges.fovy_deg),
                }
                for i in range(model.ncam)
            },
            **self._task.draw_bodies(rng, ranges),
            "table_friction": around(rng, 1.0, ranges.friction),
            "finger_friction": around(rng, 1.0, ranges.friction),
            "servo_gain": around(rng, 1.0, ranges.servo_gain, joints),
            "servo_damping": around(rng, 1.0, ranges.servo_friction, joints),
            "servo_friction": around(rng, 1.0, ranges.servo_friction, joints),
            "command_delay_steps": _delay_steps(rng, ranges.command_delay_s),
            "camera_delay_steps": _delay_steps(rng, ranges.camera_delay_s),
            "noise": float(rng.uniform(0.0, ranges.noise)),
            "blur": float(rng.uniform(0.0, ranges.blur)),
        }

    def _draw_room(
        self,
        rng: np.random.Generator,
        ranges: Ranges,
        more: RoomRanges,
        start: dict[str, Any],
    ) -> dict[str, Any]:
        joints = self._model.nu
        return {
            "room": draw_room(rng, more, self._task, _places(start)),
            **self._task.draw_looks(rng, ranges),
            "cameras": {
                name: _draw_camera(rng, name, ranges, more)
                for name in (self._model.camera(i).name for i in range(self._model.ncam))
            },
            **self._task.draw_bodies(rng, ranges),
            "table_friction": around(rng, 1.0, ranges.friction),
            "finger_friction": around(rng, 1.0, ranges.friction),
            "servo_gain": around(rng, 1.0, ranges.servo_gain, joints),
            "servo_damping": around(rng, 1.0, ranges.servo_friction, joints),
            "servo_friction": around(rng, 1.0, ranges.servo_friction, joints),
            "supply": float(rng.uniform(*more.supply)),
            "joint_offset_rad": around(rng, 0.0, math.radians(more.joint_offset_deg), joints),
            "backlash_rad": np.radians(rng.uniform(*more.backlash_deg, joints)).tolist(),
            "base_height_m": around(rng, 0.0, more.base_height_m),
            "command_delay_steps": _delay_steps(rng, ranges.command_delay_s),
            "camera_delay_steps": _delay_steps(rng, ranges.camera_delay_s),
            "noise": float(rng.uniform(0.0, ranges.noise)),
            "blur": float(rng.uniform(0.0, ranges.blur)),
            "processing": _draw_processing(rng, more)._asdict(),
        }

    def apply(self, drawn: dict[str, Any]) -> None:
        """Makes the model what ``drawn`` says, starting from the nominal one."""
        if drawn == self._applied:
            return
        for name, value in self._nominal.items():
            getattr(self._model, name)[:] = value
        headlight = self._model.vis.headlight
        headlight.ambient[:], headlight.diffuse[:] = self._headlight
        self._begin_with_arm()
        self.command_delay_steps = self.camera_delay_steps = 0
        self.image_effects = None
        self.placed = {}
        if "room" in drawn:
            self._apply_room(drawn)
        elif drawn:
            self._apply_looks(drawn)
        if drawn:
            self._apply_cameras(drawn["cameras"])
            self._apply_contact(drawn)
            self._task.randomize(self._model, drawn)
            self._apply_servos(drawn)
            self.command_delay_steps = drawn["command_delay_steps"]
            self.camera_delay_steps = drawn["camera_delay_steps"]
            processing = Processing(**drawn["processing"]) if "processing" in drawn else None
            self.image_effects = ImageEffects(drawn["noise"], drawn["blur"], processing)
        self._paint(drawn)
        mujoco.mj_setConst(self._model, self._scratch)
        if not drawn:
            for name, value in self._derived.items():
                getattr(self._model, name)[:] = value
            self._model.stat.meaninertia = self._mean_inertia
        if not drawn or self._bare_surfaces:
            # How large the scene is, which near and far and the sun's shadows go by. The plain look
            # of levels 1 and 2 keeps what mj_setConst makes of it: policies were trained on that.
            self._model.stat.extent, self._model.stat.center[:] = self._extent, self._center
        self._applied = drawn

    def _begin_with_arm(self) -> None:
        """What no model array holds, as the arm has it before anything is drawn."""
        model, arm = self._model, self._arm
        self.joint_offset_rad, self.half_backlash_rad = np.zeros(model.nu), np.zeros(model.nu)
        if arm is None:
            return
        servos = [model.actuator(name).id for name in JOINT_NAMES]
        delay = np.maximum(0.0, arm.vector("delay_s"))
        self.servo_delay_steps[servos] = np.round(delay * PHYSICS_HZ).astype(int)
        self.joint_offset_rad[servos] = arm.vector("zero_offset_rad")
        self.half_backlash_rad[servos] = 0.5 * arm.vector("backlash_rad")

    def _apply_room(self, drawn: dict[str, Any]) -> None:
        model = self._model
        apply_room(model, drawn["room"], self._arm_materials)
        self.placed = placed_things(drawn["room"])
        self.joint_offset_rad += drawn["joint_offset_rad"]
        self.half_backlash_rad += 0.5 * np.array(drawn["backlash_rad"])
        model.actuator_gainprm[:, 0] *= drawn["supply"]
        model.actuator_biasprm[:, 1] *= drawn["supply"]
        model.actuator_forcerange[:] *= drawn["supply"]
        height = drawn["base_height_m"]
        for body in self._bases:
            model.body_pos[body, 2] += height
        if height > 0.0:
            mount = model.geom(MOUNT).id
            model.geom_pos[mount, 2], model.geom_size[mount, 2] = 0.5 * height, 0.5 * height
            model.geom_rgba[mount, 3] = 1.0

    def _paint(self, drawn: dict[str, Any]) -> None:
        """Draws the textures of a room, if the model has any."""
        if not self._bare_surfaces:
            return
        pictures = room_textures(drawn["room"]) if "room" in drawn else self._bare_surfaces
        for name, picture in (pictures | self._task.textures(drawn)).items():
            texture = self._model.texture(name)
            painted = picture.reshape(texture.data.shape)
            self.is_repainted |= not np.array_equal(texture.data, painted)
            texture.data[:] = painted

    def _apply_looks(self, drawn: dict[str, Any]) -> None:
        model = self._model
        model.light_diffuse[:] *= drawn["light"]
        model.light_dir[:, :2] += drawn["light_direction"]
        model.light_dir[:] /= np.linalg.norm(model.light_dir, axis=1, keepdims=True)
        model.vis.headlight.ambient[:] *= drawn["light"]
        model.vis.headlight.diffuse[:] *= drawn["light"]
        for i in self._arm_materials:
            model.mat_rgba[i] = tinted(model.mat_rgba[i], drawn["arm_colour"])
        table, floor = model.geom(TABLE_GEOM).id, model.geom(FLOOR_GEOM).id
        model.geom_rgba[table] = tinted(model.geom_rgba[table], drawn["table_colour"])
        model.geom_rgba[floor] = tinted(model.geom_rgba[floor], drawn["floor_colour"])
        model.geom_matid[table] = model.mat(TABLE_MATERIALS[drawn["table_material"]]).id

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

    def _apply_servos(self, drawn: dict[str, Any]) -> None:
        model = self._model
        gain = np.array(drawn["servo_gain"])
        model.actuator_gainprm[:, 0] *= gain
        model.actuator_biasprm[:, 1] *= gain
        dofs = model.jnt_dofadr[model.actuator_trnid[:, 0]]
        model.dof_damping[dofs] *= drawn["servo_damping"]
        model.dof_frictionloss[dofs] *= drawn["servo_friction"]


def _is_base(body_name: str) -> bool:
    return body_name in {
        prefix + "base" for prefixes in ARM_PREFIXES.values() for prefix in prefixes
    }


def _tree_of(model: mujoco.MjModel, roots: list[int]) -> set[int]:
    """The bodies of ``roots`` and all that hang on them; parents come before their children."""
    tree = set(roots)
    for body in range(model.nbody):
        if model.body_parentid[body] in tree:
            tree.add(body)
    return tree


def _delay_steps(rng: np.random.Generator, limit_s: float) -> int:
    return int(rng.integers(0, math.floor(limit_s * PHYSICS_HZ + 1e-9) + 1))


def _places(start: dict[str, Any]) -> list[tuple[float, float]]:
    """(x, y) of everything in a task's start that is a position."""
    shapes = ((value, np.shape(value)) for value in start.values())
    return [(value[0], value[1]) for value, shape in shapes if shape in ((2,), (3,))]


def _within(rng: np.random.Generator, radius: float) -> list[float]:
    """A vector (3,) in any direction, of a length up to ``radius``."""
    direction = rng.standard_normal(3)
    return (direction / np.linalg.norm(direction) * radius * rng.random()).tolist()


def _draw_camera(
    rng: np.random.Generator, name: str, ranges: Ranges, more: RoomRanges
) -> dict[str, Any]:
    shift_m, turn_rad = ranges.camera_shift_m, ranges.camera_turn_rad
    if name == "front":
        shift_m, turn_rad = more.front_shift_m, math.radians(more.front_turn_deg)
    elif name.endswith(WRIST_CAMERA):
        shift_m, turn_rad = more.wrist_shift_m, math.radians(more.wrist_turn_deg)
    return {
        "shift_m": _within(rng, shift_m),
        "turn_rad": _within(rng, turn_rad),
        "fovy_deg": around(rng, 0.0, more.fovy_deg),
    }


def _draw_processing(rng: np.random.Generator, more: RoomRanges) -> Processing:
    exposure, tint = rng.uniform(*more.exposure), more.white_balance
    red, blue = around(rng, 1.0, tint), around(rng, 1.0, tint)
    return Processing(
        gain=[float(exposure * balance) for balance in (red, 1.0, blue)],
        gamma=float(rng.uniform(*more.gamma)),
        vignette=float(rng.uniform(*more.vignette)),
        jpeg_quality=int(rng.integers(more.jpeg_quality[0], more.jpeg_quality[1] + 1)),
        shutter_s=float(rng.uniform(*more.shutter_s)),
    )
