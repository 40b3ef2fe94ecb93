"""A ChArUco board lies on the table, for the cameras to be aligned by (`act-align-camera`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from act_sim.calibration_board import Board
from act_sim.objects import yaw_quat
from act_sim.task import Expert, Progress, Task
from act_sim.task_registry import register_task

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

BOARD = "board"
MARGIN_M = 0.012  # of white paper around the squares
THICKNESS_M = 0.002
LOOKING_S = 65.0  # the expert's motion
_PIXELS_PER_SQUARE = 64
_REGION_X_M, _REGION_Y_M, _REGION_YAW_RAD = (0.24, 0.27), (-0.03, 0.03), (-0.3, 0.3)


@register_task("look_around")
class LookAround(Task):
    """Nothing has to be done to the board: the episode succeeds when there was time to look."""

    time_limit_s = LOOKING_S + 10.0
    hold_s = LOOKING_S

    def add_objects(self, spec: mujoco.MjSpec) -> None:
        board = Board()
        picture = board.draw(_PIXELS_PER_SQUARE)
        texture = spec.add_texture(
            name=BOARD, type=mujoco.mjtTexture.mjTEXTURE_2D, nchannel=3,
            height=picture.shape[0], width=picture.shape[1],
        )  # fmt: skip
        texture.data = np.repeat(picture[..., None], 3, axis=2).tobytes()
        material = spec.add_material(name=BOARD, specular=0.0, shininess=0.0)
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = BOARD
        body = spec.worldbody.add_body(name=BOARD, mocap=True, pos=(0.25, 0.0, 0.0))
        half = 0.5 * np.array(board.size_m)
        for size, bottom, material_name in (
            (half + MARGIN_M, 0.0, ""),
            (half, 0.5 * THICKNESS_M, BOARD),
        ):
            body.add_geom(
                type=mujoco.mjtGeom.mjGEOM_BOX, size=(*size, 0.25 * THICKNESS_M),
                pos=(0.0, 0.0, bottom + 0.25 * THICKNESS_M), rgba=(1.0, 1.0, 1.0, 1.0),
                material=material_name, contype=0, conaffinity=0,
            )  # fmt: skip

    def draw_start(self, rng: np.random.Generator) -> dict[str, Any]:
        where = [float(rng.uniform(*side)) for side in (_REGION_X_M, _REGION_Y_M)]
        return {BOARD: where, "board_yaw": float(rng.uniform(*_REGION_YAW_RAD))}

    def apply_start(self, sim: Simulation, start: dict[str, Any]) -> None:
        sim.put(BOARD, (*start[BOARD], 0.0), yaw_quat(start["board_yaw"] - 0.5 * np.pi))

    def textures(self, drawn: dict[str, Any]) -> dict[str, NDArray[np.uint8]]:
        return {}

    def progress(self, sim: Simulation) -> Progress:
        return Progress(achieved=True, distance_m=0.0)

    def make_expert(self, sim: Simulation) -> Expert:
        from act_sim.tasks.look_around.expert import LookAroundExpert

        return LookAroundExpert(sim)
