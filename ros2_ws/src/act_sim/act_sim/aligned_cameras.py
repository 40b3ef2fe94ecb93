"""The simulation's cameras where a person's stand: what `act-align-camera` has found of them.

MuJoCo's cameras look along -z with y up and have neither distortion nor a principal point beside
the middle: the axis goes through the middle of the picture here, and a camera whose pictures are
to be alike rectifies them (parameter ``rectify`` of the camera node).
"""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np
from act_core.camera_alignment import GRIPPER, AlignedCamera
from act_core.errors import ConfigurationError, suggest
from numpy.typing import NDArray

Vector = NDArray[np.float64]

_TO_OPTICAL = np.array([0.0, 1.0, 0.0, 0.0])  # half a turn about x; its own inverse


def place_cameras(model: mujoco.MjModel, cameras: Mapping[str, AlignedCamera]) -> None:
    """Puts the cameras of a model with one arm where these are, and gives them their field of view.

    Raises ConfigurationError for a camera that the model does not have, or has somewhere else.
    """
    known = [model.camera(i).name for i in range(model.ncam)]
    for name, camera in cameras.items():
        if name not in known:
            raise ConfigurationError(suggest("camera of the alignment", name, known))
        number = model.camera(name).id
        body = model.body(model.cam_bodyid[number]).name
        mount = GRIPPER if body == GRIPPER else "base"
        if mount != camera.mounted_on:
            raise ConfigurationError(
                f"camera {name} of the alignment is mounted on the {camera.mounted_on}, that of "
                f"the simulation on the {mount}"
            )
        base = np.zeros(3) if mount == GRIPPER else model.body("base").pos
        model.cam_pos[number] = np.array(camera.position_m) + base
        model.cam_quat[number] = camera_quat(camera)
        model.cam_fovy[number] = camera.fovy_deg


def camera_quat(camera: AlignedCamera) -> Vector:
    """(4,) wxyz, of the camera as MuJoCo has it, through the middle of the picture."""
    middle = np.array([
        (0.5 * (camera.width - 1) - camera.principal_px[0]) / camera.focal_px[0],
        (0.5 * (camera.height - 1) - camera.principal_px[1]) / camera.focal_px[1],
    ])  # fmt: skip
    # The shortest turn from the optical axis to that ray.
    axis = np.array([-middle[1], middle[0], 0.0])
    angle = float(np.arctan(np.linalg.norm(middle)))
    turn, turned, quat = np.zeros(4), np.zeros(4), np.zeros(4)
    length = float(np.linalg.norm(axis))
    mujoco.mju_axisAngle2Quat(turn, axis / length if length else np.array([1.0, 0, 0]), angle)
    unit = np.array(camera.quaternion_wxyz) / np.linalg.norm(camera.quaternion_wxyz)
    mujoco.mju_mulQuat(turned, unit, turn)
    mujoco.mju_mulQuat(quat, turned, _TO_OPTICAL)
    return quat
