"""The simulated arm drawn over a camera's picture: where the two differ, the alignment is off."""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np
from act_core.camera_alignment import AlignedCamera
from numpy.typing import ArrayLike, NDArray

from act_sim.aligned_cameras import place_cameras
from act_sim.arm_model import ARM
from act_sim.looks import PLAIN
from act_sim.renderer import Renderer
from act_sim.scene import FLOOR_GEOM, TABLE_GEOM, build_scene

COLOUR = (0, 255, 90)


class ArmOverlay:
    """Draws outlines of the arm as cameras see it. Close it when done, or use it in a ``with``."""

    def __init__(self, cameras: Mapping[str, AlignedCamera]) -> None:
        spec = build_scene(look=PLAIN)
        self._model = spec.compile()
        self._cameras = dict(cameras)
        place_cameras(self._model, self._cameras)
        # Nothing but the arm, and that evenly lit.
        for name in (TABLE_GEOM, FLOOR_GEOM):
            self._model.geom_rgba[self._model.geom(name).id] = 0.0
            self._model.geom_matid[self._model.geom(name).id] = -1
        self._data = mujoco.MjData(self._model)
        self._qpos = [self._model.joint(name).qposadr[0] for name in ARM.joint_names]
        self._renderer = Renderer(self._model)

    def draw(
        self, camera: str, image: NDArray[np.uint8], joints_rad: ArrayLike
    ) -> NDArray[np.uint8]:
        """A copy of the picture (H, W, 3) rgb with the outlines of the arm at joint angles (6,)."""
        import cv2

        self._data.qpos[self._qpos] = joints_rad
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        height, width = image.shape[:2]
        drawn = self._renderer.render(self._data, self._model.camera(camera).id, height, width)
        edges = cv2.Canny(cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY), 40, 120) > 0
        thick = cv2.dilate(edges.astype(np.uint8), np.ones((2, 2), np.uint8)) > 0
        result = image.copy()
        result[thick] = COLOUR
        return result

    def close(self) -> None:
        """Frees the graphics context."""
        self._renderer.close()

    def __enter__(self) -> ArmOverlay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
