"""The mirror image of an arm: the second arm of a two-armed table.

An SO-101 is not symmetric (its moving jaw and most brackets are on one side), so two equal arms
can never give mirrored images. The second arm is therefore a true mirror image, built from mirrored
meshes, inertias and collision shapes, and everything that happens on one side of the table can
happen on the other.

All frames are reflected at their own x-z plane, M = diag(1, -1, 1): a child at pose (p, R) goes
to (M p, M R M), a mesh vertex v to M v, an inertia I to M I M. A turn by q about the axis a becomes
one by -q about M a. Joints keep the sense of a real second arm: those that turn about the mirror
plane's normal (lift, elbow, wrist flex, gripper) keep their angle, because their axis is turned
round here, and those that turn within the plane (pan, roll) change its sign:

    mirrored angles = MIRROR_SIGNS * angles
"""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from act_sim.arm_model import ARM

_IN_PLANE = ("shoulder_pan", "wrist_roll")
MIRROR_SIGNS = np.array([-1.0 if name in _IN_PLANE else 1.0 for name in ARM.joint_names])
MIRROR_SIGNS.setflags(write=False)

_M = np.array([1.0, -1.0, 1.0])
_SAME = 1e-9  # of positions [m] and of quaternions' products


def mirror_quat(quat: ArrayLike) -> NDArray[np.float64]:
    """The quaternion (wxyz) of M R M: turns about x and z reverse."""
    return np.asarray(quat, dtype=np.float64) * (1.0, -1.0, 1.0, -1.0)


def symmetric_cameras(model: mujoco.MjModel) -> tuple[str, ...]:
    """The cameras that show a mirrored state of a single arm as the picture with its columns
    swapped: those on the arm, which is mirrored with them, and those that stand in the mirror plane
    of the table, y = 0, and look along it."""
    names = []
    for index in range(model.ncam):
        quat = model.cam_quat[index]
        in_plane = abs(model.cam_pos[index, 1]) < _SAME
        along_it = 1 - abs(quat @ _upright(mirror_quat(quat))) < _SAME
        if model.cam_bodyid[index] != 0 or (in_plane and along_it):
            names.append(model.camera(index).name)
    return tuple(names)


def _upright(mirrored_quat: NDArray[np.float64]) -> NDArray[np.float64]:
    """How a camera has to look whose orientation was mirrored.

    It looks along -z with y up. M R M turns y, and so the picture, upside down: a half turn about z
    gives the picture whose columns are swapped, left for right.
    """
    w, x, y, z = mirrored_quat
    return np.array([-z, y, -x, w])


def mirror_arm(spec: mujoco.MjSpec) -> mujoco.MjSpec:
    """Turns the arm of ``spec`` into its mirror image, in place, and returns it."""
    for body in spec.bodies[1:]:
        _mirror_pose(body)
        body.ipos = body.ipos * _M
        # xx yy zz xy xz yz: the products of inertia with y change sign.
        body.fullinertia = body.fullinertia * (1, 1, 1, -1, 1, -1)
    for element in (*spec.geoms, *spec.sites):
        _mirror_pose(element)
    for camera in spec.cameras:
        _mirror_pose(camera)
        camera.quat = _upright(camera.quat)
    for mesh in spec.meshes:
        mesh.uservert = (np.array(mesh.uservert).reshape(-1, 3) * _M).ravel()
        mesh.userface = np.array(mesh.userface).reshape(-1, 3)[:, ::-1].ravel()
    for joint in spec.joints:
        if joint.name in _IN_PLANE:
            _reverse_range(joint, spec.actuator(joint.name))
        else:
            joint.axis = -joint.axis
    return spec


def _mirror_pose(element: mujoco.MjsBody | mujoco.MjsGeom | mujoco.MjsSite) -> None:
    element.pos = element.pos * _M
    element.quat = mirror_quat(element.quat)


def _reverse_range(joint: mujoco.MjsJoint, actuator: mujoco.MjsActuator) -> None:
    joint.range = -joint.range[::-1]
    actuator.ctrlrange = -actuator.ctrlrange[::-1]
