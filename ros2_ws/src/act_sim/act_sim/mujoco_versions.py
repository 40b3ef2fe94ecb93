"""What differs between MuJoCo 3.3.0, which MetaWorld 3.1.1 names, and 3.10.0, which is installed.

Both serve: whoever needs MetaWorld's own version in the same environment can keep it.
"""

from __future__ import annotations

import mujoco
import numpy as np


def set_directional(light: mujoco.MjsLight, directional: bool = True) -> None:
    """Makes a light one of parallel rays, like the sun, or a spot."""
    if hasattr(light, "directional"):  # until 3.3.2
        light.directional = directional
    else:
        kinds = mujoco.mjtLightType
        light.type = kinds.mjLIGHT_DIRECTIONAL if directional else kinds.mjLIGHT_SPOT


def delete(spec: mujoco.MjSpec, element: mujoco.MjsGeom) -> None:
    """Takes an element out of a model."""
    if hasattr(element, "delete"):  # until 3.3.2
        element.delete()
    else:
        spec.delete(element)


def set_damping(joint: mujoco.MjsJoint, damping: float) -> None:
    """Damping in proportion to speed [N m s/rad]; newer versions have coefficients of powers."""
    joint.damping = damping if np.ndim(joint.damping) == 0 else (damping, 0.0, 0.0)
