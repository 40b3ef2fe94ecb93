"""Hand the red cube from the left arm to the right one, who puts it into the grey bowl.

After the task of the same name of ALOHA (Zhao et al., arXiv 2304.13705, section V): one arm picks a
cube up and hands it to the other in the air. What differs: arms of five joints and not six, which
meet at a right angle and not face to face; the left arm begins; and the right one has to put the
cube down where it belongs, where ALOHA's episode ends as soon as it holds it.

The cube starts where only the left arm reaches, the bowl stands where only the right one does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from act_sim.objects import CubeIntoBowlTask
from act_sim.scene import TWO_ARMS_HALF_DISTANCE_M
from act_sim.task import Expert
from act_sim.task_registry import register_task

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

# Where the cube starts, in the frame of the left arm's base [m].
CUBE_X_M, CUBE_Y_M = (0.18, 0.34), (-0.08, 0.12)
# Where the bowl stands, in the right arm's frame with y away from the other arm: the left hand does
# not get above it, however far it stretches (0.44 m from the pan axis).
BOWL_X_M, BOWL_Y_M = (0.18, 0.32), (0.08, 0.15)


@register_task("transfer_cube")
class TransferCube(CubeIntoBowlTask):
    """Success: the cube rests inside the bowl and no finger of either arm touches it."""

    time_limit_s = 20.0
    arms = 2
    expert_level = 2  # of level 3 it masters about half: docs/simulation.md
    out_of_reach = "the cube lies where the left arm cannot take it"

    def draw_start(self, rng: np.random.Generator) -> dict[str, Any]:
        cube = [float(rng.uniform(*CUBE_X_M)), float(rng.uniform(*CUBE_Y_M))]
        yaw = float(rng.uniform(-np.pi, np.pi))
        right_y = float(rng.uniform(*BOWL_Y_M))
        bowl = [float(rng.uniform(*BOWL_X_M)), -2.0 * TWO_ARMS_HALF_DISTANCE_M - right_y]
        return {"cube": cube, "cube_yaw": yaw, "bowl": bowl}

    def is_lost(self, sim: Simulation, inside: bool) -> bool:
        return not inside and super().is_lost(sim, inside)  # the left arm never reaches the bowl

    def make_expert(self, sim: Simulation) -> Expert:
        from act_sim.tasks.transfer_cube.expert import TransferCubeExpert  # heavy: kinematics

        return TransferCubeExpert(sim)
