"""Shows ``look_around``, as a person does it who aligns cameras.

First a hand holds the board before the front camera, tilted one way and another; then it lies where
the episode has put it, and the wrist camera looks at it from many sides and rests at each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np
from act_core.limits import CommandLimiter, JointLimits
from numpy.typing import NDArray

from act_sim.arm_model import ARM, WRIST_CAMERA, load_arm
from act_sim.tasks.look_around import BOARD, LOOKING_S

if TYPE_CHECKING:
    from act_sim.simulation import Simulation

Vector = NDArray[np.float64]

FRONT = "front"
VIEWS = 18
SHOWN = 14  # poses before the front camera
SHOWING_S = 21.0
_SHOWN_AT_M, _SHOWN_TILT_RAD = (0.28, 0.45), 0.65
_TRIED = 1500  # poses, of which the most unlike `VIEWS` are taken
_PAN_RAD = 0.9  # to either side of the board
_FLEXES = 30  # of the wrist, of which the one that looks at the board is taken
_DISTANCE_M = (0.13, 0.32)  # of the camera from the board's middle
_OFF_AXIS_RAD = 0.30
_LEAST_HEIGHT_M = 0.05  # of the finger tips and the camera above the table, and on the way
_GRIPPER_RAD, _FINGERS_RAD, _FINGERS_S = 0.3, 0.1, 4.0
_SHARE = 0.5  # of the arm's limits
_WAY_POINTS = 8
_AT_ITS_FOOT = ("world", "base", "shoulder")  # always low, and in each other
# What a radian of another line of sight, of another turn about it and a metre of another distance
# are worth to each other when views are chosen.
_TURN_WEIGHT, _DISTANCE_WEIGHT = 0.5, 3.0


class LookAroundExpert:
    """Goes from view to view, each for an equal part of the time; see `act_sim.experts`."""

    def __init__(self, sim: Simulation) -> None:
        self._sim = sim
        limits = sim.limits
        slower = JointLimits(
            limits.names, limits.lower_rad, limits.upper_rad,
            _SHARE * limits.max_velocity_rad_s, _SHARE * limits.max_acceleration_rad_s2,
        )  # fmt: skip
        self._limiter = CommandLimiter(slower, 1.0 / sim.control_hz)
        self._limiter.reset(sim.command)
        start = sim.joint_position[: len(ARM.joints)]
        self._views = choose_views(start, sim.position(BOARD), sim.limits)
        self._lies_at = sim.position(BOARD), sim.data.body(BOARD).xquat.copy()
        self._start = sim.command
        self._shown = _poses_before(sim, FRONT)
        self._period = 0

    @property
    def done(self) -> bool:
        return self._sim.report.finished

    def act(self) -> Vector:
        time_s = self._period / self._sim.control_hz
        self._period += 1
        if time_s < SHOWING_S:
            self._sim.put(BOARD, *self._shown[int(time_s / SHOWING_S * SHOWN)])
            return self._limiter.limit(self._with_fingers(self._start, time_s)).position_rad
        self._sim.put(BOARD, *self._lies_at)
        share = (time_s - SHOWING_S) / (LOOKING_S - SHOWING_S)
        view = self._views[min(int(share * len(self._views)), len(self._views) - 1)]
        others = self._sim.command[len(ARM.joints) :]
        target = self._with_fingers(np.concatenate([view, others]), time_s)
        return self._limiter.limit(target).position_rad

    def _with_fingers(self, target: Vector, time_s: float) -> Vector:
        """Fingers that open and close: an arm that only rests would look stuck."""
        moved = target.copy()
        swing = np.sin(2.0 * np.pi * time_s / _FINGERS_S)
        moved[ARM.index(ARM.grippers[0])] = _GRIPPER_RAD + _FINGERS_RAD * swing
        return moved


def _poses_before(sim: Simulation, camera: str) -> list[tuple[Vector, Vector]]:
    """Positions in the arm's base frame and quaternions (wxyz) of a board that a camera sees."""
    rng = np.random.default_rng(1)
    number = sim.model.camera(camera).id
    eye = sim.data.cam_xpos[number] - sim.arm_base
    rotation = sim.data.cam_xmat[number].reshape(3, 3)
    poses = []
    for k in range(SHOWN):
        distance = rng.uniform(*_SHOWN_AT_M)
        aside = rng.uniform(-0.12, 0.12, 2) * distance
        position = eye + rotation @ (*aside, -distance)
        turn, quat = np.zeros(4), np.zeros(4)
        direction = 2.0 * np.pi * k / SHOWN
        axis = rotation @ (np.cos(direction), np.sin(direction), 0.0)
        mujoco.mju_axisAngle2Quat(turn, axis, _SHOWN_TILT_RAD)
        mujoco.mju_mat2Quat(quat, rotation.ravel())
        tilted = np.zeros(4)
        mujoco.mju_mulQuat(tilted, turn, quat)
        poses.append((position, tilted))
    return poses


def choose_views(start_rad: Vector, board_m: Vector, limits: JointLimits) -> Vector:
    """(V, 6) poses from which the wrist camera sees the board, as unlike each other as there are,
    in an order of short ways on which nothing comes near the table.

    Raises RuntimeError where there are none.
    """
    eyes = _Eyes()
    rng = np.random.default_rng(0)
    count = len(ARM.joints)
    low, high = limits.lower_rad[:count].copy(), limits.upper_rad[:count].copy()
    low[-1] = high[-1] = _GRIPPER_RAD
    pan, flex = ARM.index("shoulder_pan"), ARM.index("wrist_flex")
    towards = -np.arctan2(board_m[1], board_m[0])  # the joint turns the other way round
    low[pan], high[pan] = np.clip([towards - _PAN_RAD, towards + _PAN_RAD], low[pan], high[pan])
    poses = rng.uniform(low, high, (_TRIED, count))
    flexes = np.linspace(low[flex], high[flex], _FLEXES)
    for pose in poses:
        tried = np.tile(pose, (_FLEXES, 1))
        tried[:, flex] = flexes
        pose[flex] = flexes[int(np.argmin([eyes.off_axis(each, board_m) for each in tried]))]
    seen = [eyes.look(pose, board_m) for pose in poses]
    good = np.array([features is not None for features in seen])
    poses = poses[good]
    features = np.array([each for each in seen if each is not None])
    if len(poses) < VIEWS:
        raise RuntimeError(f"only {len(poses)} views of a board at {board_m} were found")
    chosen = [0]
    nearest = np.full(len(poses), np.inf)
    while len(chosen) < VIEWS:
        nearest = np.minimum(nearest, np.linalg.norm(features - features[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(nearest)))
    return _ordered(eyes, start_rad, poses[chosen])


def _ordered(eyes: _Eyes, start_rad: Vector, poses: Vector) -> Vector:
    """The nearest pose next; those that there is no free way to are left out."""
    left, here, order = list(poses), start_rad, []
    while left:
        left.sort(key=lambda pose: float(np.abs(pose - here).max()))
        following = next((i for i, pose in enumerate(left) if eyes.is_free(here, pose)), None)
        if following is None:
            break
        here = left.pop(following)
        order.append(here)
    return np.array(order)


class _Eyes:
    """Where camera and fingers are in a pose."""

    def __init__(self) -> None:
        self._model = load_arm().compile()
        self._data = mujoco.MjData(self._model)
        self._qpos = [self._model.joint(name).qposadr[0] for name in ARM.joint_names]
        self._camera = self._model.camera(WRIST_CAMERA).id
        fixed = [self._model.body(name).id for name in _AT_ITS_FOOT]
        hand = ~np.isin(self._model.geom_bodyid, fixed)
        self._boxes = np.flatnonzero(hand & (self._model.geom_contype != 0))

    def off_axis(self, pose: Vector, board_m: Vector) -> float:
        """How far beside the line of sight the board's middle is [rad]."""
        self._set(pose)
        way = board_m - self._data.cam_xpos[self._camera]
        forwards = -self._data.cam_xmat[self._camera].reshape(3, 3)[:, 2]
        return float(np.arccos(np.clip(forwards @ way / np.linalg.norm(way), -1.0, 1.0)))

    def look(self, pose: Vector, board_m: Vector) -> Vector | None:
        """(7,) the line of sight, the turn about it and the distance, weighted; None where the
        board is not in the middle of the picture, or the arm too low or in itself."""
        off_axis = self.off_axis(pose, board_m)
        data = self._data
        rotation = data.cam_xmat[self._camera].reshape(3, 3)
        way = board_m - data.cam_xpos[self._camera]
        distance = float(np.linalg.norm(way))
        if not _DISTANCE_M[0] < distance < _DISTANCE_M[1] or off_axis > _OFF_AXIS_RAD:
            return None
        if self._lowest() < _LEAST_HEIGHT_M or rotation[2, 2] < 0.5:  # flatter than 60 degrees
            return None
        mujoco.mj_collision(self._model, data)
        bodies = self._model.geom_bodyid[data.contact.geom]
        if (bodies > self._model.body(_AT_ITS_FOOT[-1]).id).any():
            return None
        return np.concatenate(
            [way / distance, _TURN_WEIGHT * rotation[:, 0], [_DISTANCE_WEIGHT * distance]]
        )

    def is_free(self, begin: Vector, end: Vector) -> bool:
        for share in np.linspace(0.0, 1.0, _WAY_POINTS):
            self._set(begin + share * (end - begin))
            if self._lowest() < 0.5 * _LEAST_HEIGHT_M:
                return False
        return True

    def _set(self, pose: Vector) -> None:
        self._data.qpos[self._qpos] = pose
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)

    def _lowest(self) -> float:
        data, half = self._data, self._model.geom_size[self._boxes]
        down = np.abs(data.geom_xmat[self._boxes, 6:]) * half
        return float((data.geom_xpos[self._boxes, 2] - down.sum(axis=1)).min())
