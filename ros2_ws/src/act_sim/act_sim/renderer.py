"""Off-screen rendering of named cameras at any resolution with one graphics context."""

from __future__ import annotations

import weakref

import mujoco
import numpy as np
from act_core.errors import ConfigurationError
from numpy.typing import NDArray

from act_sim.graphics import GraphicsContext

_MAX_GEOMS = 1000


class Renderer:
    """Draws a model's cameras. Colours, sizes and camera poses are read from the model every time.

    Any thread may draw, one at a time; a forked process makes a context of its own (`graphics`).
    Close it when done, or use it in a ``with``.
    """

    def __init__(self, model: mujoco.MjModel, shadows: bool = False) -> None:
        self._model = model
        self._scene = mujoco.MjvScene(model, _MAX_GEOMS)
        # Each costs a second pass over the scene, shadows one for each light.
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = shadows
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._open_context()

    def render(
        self, data: mujoco.MjData, camera_id: int, height: int, width: int
    ) -> NDArray[np.uint8]:
        """The picture (height, width, 3) uint8 rgb that the camera sees in the state ``data``."""
        check_size(self._model, height, width)
        if not self._context.usable:
            self._open_context()
        self._camera.fixedcamid = camera_id
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._option,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        viewport = mujoco.MjrRect(0, 0, width, height)
        pixels = np.empty((height, width, 3), dtype=np.uint8)
        with self._context as mjr:
            mujoco.mjr_render(viewport, self._scene, mjr)
            mujoco.mjr_readPixels(pixels, None, viewport, mjr)
        return np.ascontiguousarray(pixels[::-1])  # OpenGL counts rows from the bottom

    def repaint(self) -> None:
        """Takes over the textures that the model has now.

        With a context of its own (0.1 s): after ``mjr_uploadTexture`` (MuJoCo 3.3.0, Mesa) some
        pictures still showed what the context had begun with, so that an episode's looks depended
        on the one before.
        """
        self._release()
        self._open_context()

    def close(self) -> None:
        """Frees the graphics context. Closing twice does nothing."""
        self._release()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_context(self) -> None:
        size = self._model.vis.global_
        self._context = GraphicsContext(self._model, int(size.offwidth), int(size.offheight))
        self._release = weakref.finalize(self, self._context.free)
        self._release.atexit = False  # `graphics` has its own time for that


def check_size(model: mujoco.MjModel, height: int, width: int) -> None:
    """Raises ConfigurationError for a picture of no pixels or more than the model allows."""
    most = model.vis.global_
    if not (0 < height <= most.offheight and 0 < width <= most.offwidth):
        raise ConfigurationError(
            f"cannot draw {width}x{height} pixels: at most {most.offwidth}x{most.offheight}"
        )
