"""Pick up the red cube and put it into the grey bowl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from act_sim.objects import CubeIntoBowlTask
from act_sim.task import Expert, draw_position
from act_sim.task_registry import register_task

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

# Rim, half a cube's diagonal and an open finger fit between the two.
MIN_DISTANCE_M = 0.12


@register_task("pick_place")
class PickPlace(CubeIntoBowlTask):
    """Success: the cube rests inside the bowl and no finger touches it."""

    time_limit_s = 12.0

    def draw_start(self, rng: np.random.Generator) -> dict[str, Any]:
        bowl = draw_position(rng)
        cube = draw_position(rng)
        while np.hypot(cube[0] - bowl[0], cube[1] - bowl[1]) < MIN_DISTANCE_M:
            cube = draw_position(rng)
        return {"cube": cube, "cube_yaw": float(rng.uniform(-np.pi, np.pi)), "bowl": bowl}

    def make_expert(self, sim: Simulation) -> Expert:
        from act_sim.tasks.pick_place.expert import PickPlaceExpert  # inverse kinematics: heavy

        return PickPlaceExpert(sim)
