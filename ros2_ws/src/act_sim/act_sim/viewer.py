"""MuJoCo's window, on demand."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Any

from act_core.errors import ConfigurationError

from act_sim.simulation import Simulation


def open_viewer(sim: Simulation) -> AbstractContextManager[Any]:
    """A window that shows ``sim`` after each ``sync()`` and in which objects can be pushed.

    Raises ConfigurationError where there is no display.
    """
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ConfigurationError(
            "viewer is true but there is no display (DISPLAY and WAYLAND_DISPLAY are not set); "
            "start with viewer:=false and watch the camera topics instead"
        )
    import mujoco.viewer  # needs a display already when it is imported

    return mujoco.viewer.launch_passive(sim.model, sim.data, show_left_ui=False)
