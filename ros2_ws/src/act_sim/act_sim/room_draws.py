"""A stranger's room: draws what level 3 shows and puts it into a model of the look "room"."""

from __future__ import annotations

from typing import Any, NamedTuple

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_sim import room
from act_sim.colours import filament, light_colour, other_colour, surface_colours
from act_sim.task import Task
from act_sim.textures import KINDS, draw_texture

Span = tuple[float, float]  # lowest and highest

_TABLE_GEOM, _FLOOR_GEOM = "table", "floor"
_TALL_M = 0.045  # a thing above this is not put where the arm works
_WORKS_RADIUS_M, _WORKS_HALF_WIDTH_M = 0.45, 0.24
_BASE_RADIUS_M = 0.12
_CLEAR_M = 0.075  # around the task's objects, besides the thing's own radius
_ON_TABLE_X, _ON_TABLE_Y = (-0.10, 0.58), (-0.48, 0.48)


class RoomRanges(NamedTuple):
    """How far level 3 goes where levels 1 and 2 do not: one table, units in the names."""

    distractors: tuple[int, int] = (0, 4)
    lights: tuple[int, int] = (1, 3)
    light_k: Span = (2600.0, 8000.0)  # colour temperature
    sun: Span = (0.5, 0.9)  # diffuse part of the first light
    lamp: Span = (0.15, 0.45)  # of the others
    ambient: Span = (0.26, 0.45)
    cube_hue_deg: float = 9.0  # to either side
    cube_saturation: Span = (0.72, 1.0)
    cube_value: Span = (0.55, 0.95)
    bowl_size: Span = (0.9, 1.2)
    front_shift_m: float = 0.03
    front_turn_deg: float = 6.0
    wrist_shift_m: float = 0.005
    wrist_turn_deg: float = 4.0
    fovy_deg: float = 5.0  # to either side
    joint_offset_deg: float = 2.0  # to either side
    backlash_deg: Span = (0.0, 1.3)
    supply: Span = (0.8, 1.0)  # voltage, of the nominal one
    base_height_m: float = 0.01  # to either side
    exposure: Span = (0.75, 1.35)
    white_balance: float = 0.12  # of red and blue, to either side of 1
    gamma: Span = (0.8, 1.25)
    vignette: Span = (0.0, 0.35)
    jpeg_quality: tuple[int, int] = (35, 98)
    shutter_s: Span = (0.002, 0.025)


def draw_room(
    rng: np.random.Generator, ranges: RoomRanges, task: Task, taken: list[tuple[float, float]]
) -> dict[str, Any]:
    """What the room looks like, JSON-ready. ``taken``: (x, y) of the task's objects [m]."""
    hues = task.hues_deg
    return {
        "table": _recipe(rng, hues, (0.25, 1.2)),
        "wall": _recipe(rng, hues, (0.6, 3.0), plain=0.5),
        "floor": _recipe(rng, hues, (0.6, 1.6)),
        "poster": _recipe(rng, hues, (0.3, 0.7)),
        "wall_x_m": float(rng.uniform(-2.2, -0.75)),
        "furniture": [_draw_furniture(rng, hues) for _ in range(rng.integers(0, 6))],
        "window": _draw_on_wall(rng, 0.5),
        "poster_at": _draw_on_wall(rng, 0.6),
        "lights": _draw_lights(rng, ranges),
        "ambient": float(rng.uniform(*ranges.ambient)),
        "arm_rgb": filament(rng),
        "servo_grey": float(rng.uniform(0.04, 0.16)),
        "things": _draw_things(rng, ranges, hues, taken),
    }


def _recipe(
    rng: np.random.Generator, hues: tuple[float, ...], size_m: Span, plain: float = 0.15
) -> dict[str, Any]:
    kind = "plain" if rng.random() < plain else str(rng.choice(KINDS))
    return {
        "kind": kind,
        "seed": int(rng.integers(2**31)),
        "colours": surface_colours(rng, hues),
        "size_m": float(rng.uniform(*size_m)),
    }


def _draw_furniture(rng: np.random.Generator, hues: tuple[float, ...]) -> dict[str, Any]:
    half = [rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.9)]
    return {
        "half_m": [float(value) for value in half],
        "y_m": float(rng.uniform(-1.5, 1.5)),
        "from_wall_m": float(half[0] + rng.uniform(0.0, 0.25)),
        "rgb": other_colour(rng, hues),
    }


def _draw_on_wall(rng: np.random.Generator, chance: float) -> dict[str, Any] | None:
    if rng.random() > chance:
        return None
    return {
        "y_m": float(rng.uniform(-1.1, 1.1)),
        "z_m": float(rng.uniform(0.1, 0.9)),
        "half_m": [float(rng.uniform(0.15, 0.5)), float(rng.uniform(0.2, 0.6))],
    }


def _draw_lights(rng: np.random.Generator, ranges: RoomRanges) -> list[dict[str, Any]]:
    lights = []
    for i in range(rng.integers(ranges.lights[0], ranges.lights[1] + 1)):
        turn, lean = rng.uniform(-np.pi, np.pi), rng.uniform(0.1, 0.9)
        towards = [np.cos(turn) * np.sin(lean), np.sin(turn) * np.sin(lean), -np.cos(lean)]
        away_m = rng.uniform(0.9, 1.6)
        strength = rng.uniform(*(ranges.sun if i == 0 else ranges.lamp))
        colour = light_colour(rng.uniform(*ranges.light_k))
        lights.append(
            {
                "at_m": [
                    float(0.2 - away_m * towards[0]),
                    *(float(-away_m * t) for t in towards[1:]),
                ],
                "towards": [float(value) for value in towards],
                "rgb": [float(strength * channel) for channel in colour],
            }
        )
    return lights


def _draw_things(
    rng: np.random.Generator,
    ranges: RoomRanges,
    hues: tuple[float, ...],
    taken: list[tuple[float, float]],
) -> list[dict[str, Any]]:
    count = int(rng.integers(ranges.distractors[0], ranges.distractors[1] + 1))
    placed: list[tuple[float, float, float]] = [(x, y, 0.0) for x, y in taken]
    things = []
    for kind in rng.permutation(list(room.THINGS))[:count]:
        thing = room.THINGS[kind]
        for _ in range(60):
            x, y = float(rng.uniform(*_ON_TABLE_X)), float(rng.uniform(*_ON_TABLE_Y))
            if _is_free(x, y, thing, placed):
                placed.append((x, y, thing.radius_m))
                things.append(
                    {
                        "kind": str(kind),
                        "at_m": [x, y],
                        "yaw_rad": float(rng.uniform(-np.pi, np.pi)),
                        "rgbs": [other_colour(rng, hues) for _ in range(2)],
                    }
                )
                break
    return things


def _is_free(
    x: float, y: float, thing: room.Thing, placed: list[tuple[float, float, float]]
) -> bool:
    from_base = np.hypot(x, y)
    if from_base < _BASE_RADIUS_M + thing.radius_m:
        return False
    in_the_way = x > -0.05 and from_base < _WORKS_RADIUS_M and abs(y) < _WORKS_HALF_WIDTH_M
    if thing.height_m > _TALL_M and in_the_way:
        return False
    return all(
        np.hypot(x - other_x, y - other_y) > thing.radius_m + max(radius, _CLEAR_M)
        for other_x, other_y, radius in placed
    )


def room_textures(drawn: dict[str, Any]) -> dict[str, NDArray[np.uint8]]:
    """The pictures of the room's surfaces, by the name of their texture."""
    keys = {room.TABLE: "table", room.WALL: "wall", room.FLOOR: "floor", room.POSTER: "poster"}
    return {name: draw_texture(drawn[key], room.TEXTURE_SIZES[name]) for name, key in keys.items()}


def apply_room(model: mujoco.MjModel, drawn: dict[str, Any], arm_materials: list[int]) -> None:
    """Puts all but the textures' pictures into the model, which is the nominal one before."""
    for geom, material, key in (
        (_TABLE_GEOM, room.TABLE, "table"),
        (_FLOOR_GEOM, room.FLOOR, "floor"),
        ("wall_back", room.WALL, "wall"),
        (room.POSTER, room.POSTER, "poster"),
    ):
        model.geom_matid[model.geom(geom).id] = model.mat(material).id
        if geom != room.POSTER:
            model.geom_rgba[model.geom(geom).id] = 1.0
        model.mat_texrepeat[model.mat(material).id] = 1.0 / drawn[key]["size_m"]
    for i in arm_materials:
        is_servo = model.mat(i).name.startswith("sts3215")
        model.mat_rgba[i, :3] = drawn["servo_grey"] if is_servo else drawn["arm_rgb"]
    _apply_walls(model, drawn)
    _apply_lights(model, drawn)
    _apply_things(model, drawn["things"])


def _apply_walls(model: mujoco.MjModel, drawn: dict[str, Any]) -> None:
    wall_x = drawn["wall_x_m"]
    model.geom_pos[model.geom("wall_back").id, 0] = wall_x
    for name, piece in zip(room.FURNITURE, drawn["furniture"], strict=False):
        geom, half = model.geom(name).id, piece["half_m"]
        where = (wall_x + piece["from_wall_m"], piece["y_m"], room.FLOOR_Z_M + half[2])
        _place_box(model, geom, where, half)
        model.geom_rgba[geom] = (*piece["rgb"], 1.0)
    for name, key in ((room.WINDOW, "window"), (room.POSTER, "poster_at")):
        if drawn[key] is not None:
            at = drawn[key]
            model.geom_rgba[model.geom(name).id] = (0.9, 0.95, 1.0, 1.0)
            where = (wall_x + 0.012, at["y_m"], at["z_m"])
            _place_box(model, model.geom(name).id, where, (0.01, *at["half_m"]))


def _place_box(model: mujoco.MjModel, geom: int, where: ArrayLike, half: ArrayLike) -> None:
    model.geom_pos[geom], model.geom_size[geom] = where, half
    model.geom_rbound[geom] = np.linalg.norm(half)
    model.geom_aabb[geom, 3:] = half


def _apply_lights(model: mujoco.MjModel, drawn: dict[str, Any]) -> None:
    model.vis.headlight.ambient[:] = drawn["ambient"]
    model.light_active[:] = 0
    for name, light in zip(room.LIGHTS, drawn["lights"], strict=False):
        i = model.light(name).id
        model.light_active[i] = 1
        model.light_pos[i], model.light_dir[i] = light["at_m"], light["towards"]
        model.light_diffuse[i] = light["rgb"]


def _apply_things(model: mujoco.MjModel, things: list[dict[str, Any]]) -> None:
    for thing in things:
        body = model.body(room.thing_name(thing["kind"])).id
        first = model.body_geomadr[body]
        for k in range(model.body_geomnum[body]):
            model.geom_rgba[first + k] = (*thing["rgbs"][min(k, 1)], 1.0)


def placed_things(drawn: dict[str, Any]) -> dict[str, tuple[list[float], list[float]]]:
    """Position (3,) and quaternion (wxyz) of the things that are there, by body."""
    placed = {}
    for thing in drawn["things"]:
        half = 0.5 * thing["yaw_rad"]
        turn = [float(np.cos(half)), 0.0, 0.0, float(np.sin(half))]
        placed[room.thing_name(thing["kind"])] = ([*thing["at_m"], 0.0], turn)
    return placed
