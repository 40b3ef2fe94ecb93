"""Rigid motions as 4 x 4 matrices, and where the arm's gripper is."""

from __future__ import annotations

import mujoco
import numpy as np
from act_core.camera_alignment import GRIPPER
from act_sim.arm_model import ARM, load_arm
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]


def pose(position: ArrayLike, rotation: Rotation) -> Array:
    """(4, 4) of a position (3,) and a rotation."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation.as_matrix()
    matrix[:3, 3] = position
    return matrix


def from_vector(vector: ArrayLike) -> Array:
    """(4, 4) of (6,): position [m] and rotation vector [rad]."""
    values = np.asarray(vector, dtype=np.float64)
    return pose(values[:3], Rotation.from_rotvec(values[3:]))


def to_vector(matrix: Array) -> Array:
    """(6,) of (4, 4), see `from_vector`."""
    return np.concatenate([matrix[:3, 3], Rotation.from_matrix(matrix[:3, :3]).as_rotvec()])


def inverse(matrix: Array) -> Array:
    """(4, 4)."""
    turned = matrix[:3, :3].T
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = turned, -turned @ matrix[:3, 3]
    return result


class Hand:
    """Forward kinematics of the nominal arm."""

    def __init__(self) -> None:
        self._model = load_arm().compile()
        self._data = mujoco.MjData(self._model)
        self._qpos = [self._model.joint(name).qposadr[0] for name in ARM.joint_names]
        self._body = self._model.body(GRIPPER).id

    def pose(self, joints_rad: ArrayLike) -> Array:
        """(4, 4) of the gripper in the base's frame at joint angles (6,)."""
        self._data.qpos[self._qpos] = joints_rad
        mujoco.mj_kinematics(self._model, self._data)
        matrix = np.eye(4)
        matrix[:3, :3] = self._data.xmat[self._body].reshape(3, 3)
        matrix[:3, 3] = self._data.xpos[self._body]
        return matrix
