"""Pick up the red cube and put it into the grey bowl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from act_sim.objects import (
    BOWL,
    BOWL_HEIGHT_M,
    BOWL_RIM_RADIUS_M,
    CUBE,
    CubeAndBowlTask,
    add_bowl,
    add_cube,
    bowl_scale,
    yaw_quat,
)
from act_sim.task import Expert, Progress, draw_position, outside_reach
from act_sim.task_registry import register_task

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

# Rim, half a cube's diagonal and an open finger fit between the two.
MIN_DISTANCE_M = 0.12
REST_SPEED_M_S = 0.02


@register_task("pick_place")
class PickPlace(CubeAndBowlTask):
    """Success: the cube rests inside the bowl and no finger touches it."""

    time_limit_s = 12.0
    hold_s = 0.2
    grasped = CUBE

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        add_cube(spec)
        add_bowl(spec)

    def draw_start(self, rng: np.random.Generator) -> dict[str, Any]:
        bowl = draw_position(rng)
        cube = draw_position(rng)
        while np.hypot(cube[0] - bowl[0], cube[1] - bowl[1]) < MIN_DISTANCE_M:
            cube = draw_position(rng)
        return {"cube": cube, "cube_yaw": float(rng.uniform(-np.pi, np.pi)), "bowl": bowl}

    def apply_start(self, sim: Simulation, start: dict[str, Any]) -> None:
        height = sim.half_size(CUBE)
        sim.put(CUBE, (*start["cube"], height), yaw_quat(start["cube_yaw"]))
        sim.put(BOWL, (*start["bowl"], 0.0))

    def progress(self, sim: Simulation) -> Progress:
        cube, bowl = sim.position(CUBE), sim.position(BOWL)
        distance = float(np.linalg.norm(cube[:2] - bowl[:2]))
        scale = bowl_scale(sim)
        inside = distance < scale * BOWL_RIM_RADIUS_M and cube[2] < scale * BOWL_HEIGHT_M
        resting = sim.speed(CUBE) < REST_SPEED_M_S
        released = not any(sim.touching)
        lost = cube[2] < scale * BOWL_HEIGHT_M and outside_reach(cube[0], cube[1])
        failure = "the cube is out of reach" if lost and released else None
        return Progress(inside and resting and released, distance, failure)

    def make_expert(self, sim: Simulation) -> Expert:
        from act_sim.tasks.pick_place.expert import PickPlaceExpert  # inverse kinematics: heavy

        return PickPlaceExpert(sim)
