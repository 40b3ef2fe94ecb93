"""OpenGL contexts that any thread may use, and that a forked process makes anew.

MuJoCo's own `GLContext` stays current in the thread that drew last: no other thread can use it, and
closing one while another is current deletes the textures of the other. Here a context is current
for as long as a `with` block runs, and no longer.

After a fork nothing of the parent's graphics can be used: the software renderer would wait for ever
for threads that were not copied. What was inherited is never touched again, and the child opens a
display of another kind, which shares nothing with the parent's. Only Mesa has one.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
from types import TracebackType
from typing import Any

import mujoco

_SURFACELESS_MESA = 0x31DD  # EGL_PLATFORM_SURFACELESS_MESA in the EGL registry

_opening = threading.Lock()  # the first context opens the display that all others use
_open: set[GraphicsContext] = set()
_display_is_inherited = False  # by a fork, and so not to be used
_surfaceless_is_used = False  # in this process or by those that it was forked from


class GraphicsUnavailableError(RuntimeError):
    """This process cannot draw pictures."""


class GraphicsContext:
    """The textures and meshes of one model in an off-screen OpenGL context.

    ``with context as mjr:`` makes it current in this thread; one thread at a time. Raises
    GraphicsUnavailableError in a process that was forked from one that has drawn, where the driver
    is not Mesa's or for the second time.
    """

    def __init__(self, model: mujoco.MjModel, max_width: int, max_height: int) -> None:
        with _opening:
            _renew_inherited_display()
            self._gl = mujoco.GLContext(max_width, max_height)
            _open.add(self)
            # mujoco ends EGL at exit of the interpreter, from its first context on. Contexts must
            # go before that, so in the order of `atexit` this is registered after it.
            atexit.unregister(_free_all)
            atexit.register(_free_all)
        self._gl.make_current()
        self._mjr = _uploaded(model)
        _release_current(self._gl)

    @property
    def usable(self) -> bool:
        """Whether it was made by this process and not freed."""
        return self in _open

    def __enter__(self) -> mujoco.MjrContext:
        self._gl.make_current()
        return self._mjr

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _release_current(self._gl)

    def upload(self, model: mujoco.MjModel) -> None:
        """Takes over the textures and meshes that the model has now.

        All of them anew (16 ms): after ``mjr_uploadTexture`` (MuJoCo 3.3.0, Mesa) some pictures
        still showed what was there before. The OpenGL context stays, because a new one compiles its
        shaders again (0.2 s with llvmpipe).
        """
        with self as old:
            old.free()
            self._mjr = _uploaded(model)

    def free(self) -> None:
        """Frees what the graphics driver holds for it. The second time does nothing."""
        if not self.usable:
            return
        with self as mjr:
            mjr.free()
        self._gl.free()
        _open.discard(self)


def _uploaded(model: mujoco.MjModel) -> mujoco.MjrContext:
    mjr = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
    mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, mjr)
    return mjr


def _free_all() -> None:
    for context in list(_open):
        context.free()


def _egl() -> Any:
    """mujoco's EGL module, when that is how it draws here."""
    return sys.modules.get("mujoco.egl")


def _release_current(gl: Any) -> None:
    backend = type(gl).__module__
    if backend == "mujoco.egl":
        from OpenGL import EGL

        nothing = EGL.EGL_NO_SURFACE
        EGL.eglMakeCurrent(_egl().EGL_DISPLAY, nothing, nothing, EGL.EGL_NO_CONTEXT)
    elif backend == "mujoco.glfw":
        import glfw

        glfw.make_context_current(None)  # type: ignore[arg-type]


def _disown_inherited() -> None:
    """In a forked child: nothing of the parent's is ever freed here, not even at exit."""
    global _display_is_inherited, _opening
    _opening = threading.Lock()  # another thread of the parent may have held it
    if not _open and getattr(_egl(), "EGL_DISPLAY", None) is None:
        return
    _display_is_inherited = True
    for context in _open:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(context))
    _open.clear()
    if _egl() is not None:
        from OpenGL import EGL

        atexit.unregister(EGL.eglTerminate)


def _renew_inherited_display() -> None:
    global _display_is_inherited, _surfaceless_is_used
    if not _display_is_inherited:
        return
    if _surfaceless_is_used or not _is_mesa():
        raise GraphicsUnavailableError(
            "this process was forked from one that has drawn pictures, which its graphics driver "
            "does not survive; start it by multiprocessing's 'spawn', in Gymnasium with "
            'make_vec(..., vectorization_mode="async", vector_kwargs={"context": "spawn"})'
        )
    from OpenGL import EGL

    display = EGL.eglGetPlatformDisplayEXT(_SURFACELESS_MESA, None, None)
    EGL.eglInitialize(display, None, None)
    atexit.register(EGL.eglTerminate, display)
    _egl().EGL_DISPLAY = display
    _display_is_inherited, _surfaceless_is_used = False, True


def _is_mesa() -> bool:
    if _egl() is None:
        return False
    from OpenGL import EGL

    return b"Mesa" in (EGL.eglQueryString(_egl().EGL_DISPLAY, EGL.EGL_VENDOR) or b"")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown_inherited)
