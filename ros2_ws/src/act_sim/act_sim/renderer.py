"""Off-screen rendering of named cameras at any resolution with one graphics context."""

from __future__ import annotations

import atexit
import weakref

import mujoco
import numpy as np
from act_core.errors import ConfigurationError
from numpy.typing import NDArray

# What a camera image does not need: each costs a second pass over the scene.
_OFF = (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION)
_MAX_GEOMS = 1000


class Renderer:
    """Draws a model's cameras. Colours, sizes and camera poses are read from the model every time.

    The context belongs to the thread that made it. Close it when done, or use it in a ``with``.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._max_width = int(model.vis.global_.offwidth)
        self._max_height = int(model.vis.global_.offheight)
        self._gl = mujoco.GLContext(self._max_width, self._max_height)
        self._gl.make_current()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(model, _MAX_GEOMS)
        for flag in _OFF:
            self._scene.flags[flag] = 0
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        # At exit of the interpreter the context must go before mujoco ends EGL, which is what it
        # registered last for that time; a finalizer's own turn may come later than that.
        self._release = weakref.finalize(self, _free, self._context, self._gl)
        self._release.atexit = False
        atexit.register(self._release)

    def render(
        self, data: mujoco.MjData, camera_id: int, height: int, width: int
    ) -> NDArray[np.uint8]:
        """The picture (height, width, 3) uint8 rgb that the camera sees in the state ``data``."""
        if not (0 < height <= self._max_height and 0 < width <= self._max_width):
            raise ConfigurationError(
                f"cannot draw {width}x{height} pixels: at most {self._max_width}x{self._max_height}"
            )
        self._gl.make_current()
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
        mujoco.mjr_render(viewport, self._scene, self._context)
        pixels = np.empty((height, width, 3), dtype=np.uint8)
        mujoco.mjr_readPixels(pixels, None, viewport, self._context)
        return np.ascontiguousarray(pixels[::-1])  # OpenGL counts rows from the bottom

    def close(self) -> None:
        """Frees the graphics context. Closing twice does nothing."""
        self._release()
        atexit.unregister(self._release)

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _free(context: mujoco.MjrContext, gl: mujoco.GLContext) -> None:
    context.free()
    gl.free()
