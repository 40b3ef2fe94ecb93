"""Off-screen rendering of named cameras at any resolution.

With shadows a frame costs a software renderer two more passes over the scene for each light, and
what makes them dear is the number of vertices and the size of the shadow map. So small pictures are
drawn from coarser meshes, where the model has them, and with a smaller shadow map: what they leave
out is smaller than a pixel.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator

import mujoco
import numpy as np
from act_core.errors import ConfigurationError
from numpy.typing import NDArray

from act_sim.arm_model import COARSE_GROUP, FINE_GROUP
from act_sim.graphics import GraphicsContext

SMALL_ROWS = 240  # pictures of so many rows or fewer are small
_SMALL_SHADOW_MAP = 512  # pixels of its edge
_MAX_GEOMS = 1000


class Renderer:
    """Draws a model's cameras. Colours, sizes and camera poses are read from the model every time.

    Any thread may draw, one at a time; a forked process makes a context of its own (`graphics`).
    Close it when done, or use it in a ``with``.
    """

    def __init__(self, model: mujoco.MjModel, shadows: bool = False) -> None:
        self._model, self._shadows = model, shadows
        self._scene = mujoco.MjvScene(model, _MAX_GEOMS)
        # Each costs a second pass over the scene, shadows one for each light.
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = shadows
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        self._has_coarse = bool((model.geom_group == COARSE_GROUP).any())
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._contexts: dict[bool, GraphicsContext] = {}  # by whether pictures are small
        self._release: dict[bool, weakref.finalize] = {}

    def render(
        self, data: mujoco.MjData, camera_id: int, height: int, width: int
    ) -> NDArray[np.uint8]:
        """The picture (height, width, 3) uint8 rgb that the camera sees in the state ``data``."""
        check_size(self._model, height, width)
        small = self._shadows and height <= SMALL_ROWS
        if small not in self._contexts or not self._contexts[small].usable:
            self._open_context(small)
        self._camera.fixedcamid = camera_id
        if self._has_coarse:
            self._option.geomgroup[FINE_GROUP] = not small
            self._option.geomgroup[COARSE_GROUP] = small
        mujoco.mjv_updateScene(
            self._model,
            data,
            self._option,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )
        if self._shadows:
            self._let_planes_cast_none()
        viewport = mujoco.MjrRect(0, 0, width, height)
        pixels = np.empty((height, width, 3), dtype=np.uint8)
        with self._contexts[small] as mjr:
            mujoco.mjr_render(viewport, self._scene, mjr)
            mujoco.mjr_readPixels(pixels, None, viewport, mjr)
        return np.ascontiguousarray(pixels[::-1])  # OpenGL counts rows from the bottom

    def repaint(self) -> None:
        """Takes over the textures that the model has now."""
        for small, context in self._contexts.items():
            if context.usable:
                with self._shadow_map(small):
                    context.upload(self._model)

    def close(self) -> None:
        """Frees the graphics contexts. Closing twice does nothing."""
        for release in self._release.values():
            release()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_context(self, small: bool) -> None:
        size = self._model.vis.global_
        with self._shadow_map(small):
            context = GraphicsContext(self._model, int(size.offwidth), int(size.offheight))
        self._contexts[small] = context
        self._release[small] = weakref.finalize(self, context.free)
        self._release[small].atexit = False  # `graphics` has its own time for that

    @contextlib.contextmanager
    def _shadow_map(self, small: bool) -> Iterator[None]:
        """A context takes its shadow map's size from the model when it is made."""
        quality = self._model.vis.quality
        nominal = quality.shadowsize
        if small:
            quality.shadowsize = min(nominal, _SMALL_SHADOW_MAP)
        yield
        quality.shadowsize = nominal

    def _let_planes_cast_none(self) -> None:
        """Table, floor and walls have nothing behind them, and would fill the whole shadow map."""
        for i in range(self._scene.ngeom):
            geom = self._scene.geoms[i]
            if geom.type == mujoco.mjtGeom.mjGEOM_PLANE:
                geom.category = mujoco.mjtCatBit.mjCAT_DECOR


def check_size(model: mujoco.MjModel, height: int, width: int) -> None:
    """Raises ConfigurationError for a picture of no pixels or more than the model allows."""
    most = model.vis.global_
    if not (0 < height <= most.offheight and 0 < width <= most.offwidth):
        raise ConfigurationError(
            f"cannot draw {width}x{height} pixels: at most {most.offwidth}x{most.offheight}"
        )
