"""Pick up the red cube and hold it above the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np

from act_sim.objects import CUBE, CubeAndBowlTask, add_cube, yaw_quat
from act_sim.task import Expert, Progress, draw_position, outside_reach
from act_sim.task_registry import register_task

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

LIFT_HEIGHT_M = 0.06  # of the cube's underside above the table


@register_task("lift_cube")
class LiftCube(CubeAndBowlTask):
    """Success: both fingers hold the cube at least `LIFT_HEIGHT_M` above the table."""

    time_limit_s = 10.0
    hold_s = 0.5
    grasped = CUBE

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        add_cube(spec)

    def draw_start(self, rng: np.random.Generator) -> dict[str, Any]:
        return {"cube": draw_position(rng), "cube_yaw": float(rng.uniform(-np.pi, np.pi))}

    def apply_start(self, sim: Simulation, start: dict[str, Any]) -> None:
        sim.put(CUBE, (*start["cube"], sim.half_size(CUBE)), yaw_quat(start["cube_yaw"]))

    def progress(self, sim: Simulation) -> Progress:
        cube = sim.position(CUBE)
        underside = float(cube[2]) - sim.half_size(CUBE)
        missing = max(0.0, LIFT_HEIGHT_M - underside)
        lost = underside < LIFT_HEIGHT_M and outside_reach(cube[0], cube[1])
        failure = "the cube is out of reach" if lost and not any(sim.touching) else None
        return Progress(missing == 0.0 and all(sim.touching), missing, failure)

    def make_expert(self, sim: Simulation) -> Expert:
        from act_sim.tasks.lift_cube.expert import LiftCubeExpert  # inverse kinematics: heavy

        return LiftCubeExpert(sim, LIFT_HEIGHT_M)
