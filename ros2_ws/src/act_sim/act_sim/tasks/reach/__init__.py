"""Bring the point between the fingers to the green ball and stay there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from act_sim.objects import MARKER, CubeAndBowlTask, add_marker
from act_sim.task import Expert, Progress, draw_position
from act_sim.task_registry import register_task

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

HEIGHT_M = (0.05, 0.12)
TOLERANCE_M = 0.015


@register_task("reach")
class Reach(CubeAndBowlTask):  # for its draws alone, see there
    """Success: the grasp point stays within `TOLERANCE_M` of the ball's centre."""

    hues_deg = (136.0,)
    time_limit_s = 5.0
    hold_s = 0.5

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        add_marker(spec)

    def draw_start(self, rng: np.random.Generator) -> dict[str, Any]:
        return {"marker": [*draw_position(rng), float(rng.uniform(*HEIGHT_M))]}

    def textures(self, drawn: dict[str, Any]) -> dict[str, NDArray[np.uint8]]:
        return {}

    def apply_start(self, sim: Simulation, start: dict[str, Any]) -> None:
        sim.put(MARKER, start["marker"])

    def progress(self, sim: Simulation) -> Progress:
        distance = float(np.linalg.norm(sim.grasp_position() - sim.position(MARKER)))
        return Progress(distance < TOLERANCE_M, distance)

    def make_expert(self, sim: Simulation) -> Expert:
        from act_sim.tasks.reach.expert import ReachExpert  # inverse kinematics: heavy

        return ReachExpert(sim)
