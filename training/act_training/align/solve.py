"""From sightings of a board to cameras: where they stand, how they see, and how sure that is.

For each sighting, with the arm's hand at ``H(q)`` (forward kinematics of the reported angles plus
zero offsets d), a corner p of the board is seen at

    K project( C^-1 W p )        C = X or H(q + d) X,   W = Y or H(q + d) Y

where X is the camera's pose on the base or in the hand, and Y the board's on the table or in the
hand. X of each camera, Y, three zero offsets and each camera's lens are found at once, by least
squares over all corners (Levenberg-Marquardt, with a loss that forgives outliers), so that what one
camera tells of the arm helps the other. The board gives the first guesses: lenses after Zhang (A
Flexible New Technique for Camera Calibration, 2000; OpenCV), the hand's X after Park and Martin
(Robot Sensor Calibration: Solving AX = XB on the Euclidean Group, 1994).

What no picture tells: everything turned about the pan axis, or the hand's things about the roll
axis, looks the same. So the zeros of shoulder_pan and wrist_roll are taken as the arm reports them,
and poses are those relative to that, which is what a policy sees and commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from act_core.camera_alignment import BASE, GRIPPER, AlignedCamera
from act_core.errors import ConfigurationError
from act_sim.arm_model import ARM
from act_sim.calibration_board import Board
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from act_training.align.poses import (
    Hand,
    from_vector,
    inverse,
    to_vector,
)

Array = NDArray[np.float64]

OFFSET_JOINTS = ("shoulder_lift", "elbow_flex", "wrist_flex")
OFFSET_SIGMA_RAD = np.radians(1.5)  # of a calibration by hand
LEAST_LENS_VIEWS, LEAST_HAND_VIEWS = 5, 6
_OFFSETS = len(OFFSET_JOINTS)
_OFFSET_INDICES = [ARM.index(name) for name in OFFSET_JOINTS]
_OUTLIER_PX = 1.0  # beyond it a corner pulls less and less
_WRONG_VIEW = 4.0  # times the median error: the arm or the board moved, or a corner was mistaken
_LEAST_PX = 0.15  # what a picture's corners are taken to be off by, at least
# Corners of one picture err alike (focus, the hand's own deflection): they count as so many.
_INDEPENDENT = 4.0
_LENS = 9  # fx, fy, cx, cy, k1, k2, p1, p2, k3
_FREE_LENS = (0, 1, 2, 3, 4, 5)  # k1 and k2; what else a webcam's lens does is below the noise
_LENS_SIGMA = np.array([0.02, 0.02, 0.02, 0.02, 0.05, 0.2])  # of the width; of k1 and k2


class View(NamedTuple):
    """One picture of the board: pixels (N, 2) of the corners ``ids`` (N,), and the joint angles
    (6,) [rad] then; whether the board lay (or was held) where it stayed."""

    camera: str
    ids: NDArray[np.int64]
    pixels: Array
    joints_rad: Array
    at_rest: bool
    stamp_ns: int = 0


class Camera(NamedTuple):
    """What is known of a camera beforehand."""

    name: str
    mounted_on: str
    width: int
    height: int


@dataclass(frozen=True)
class Aligned:
    """A camera as it was found. sigma_m, sigma_rad: (3,) standard deviations of its position and
    rotation; error_px: root mean square of its corners."""

    camera: AlignedCamera
    sigma_m: Array
    sigma_rad: Array
    error_px: float
    views: int


@dataclass(frozen=True)
class Solution:
    """offsets_rad: (3,) how far `OFFSET_JOINTS` really are beyond what they report, and standard
    deviations; board: (4, 4) its pose on the table or in the hand; left_out: cameras and stamps of
    views that fitted nothing."""

    cameras: dict[str, Aligned]
    offsets_rad: Array
    offsets_sigma_rad: Array
    board: Array
    left_out: tuple[tuple[str, int], ...]


def solve(
    cameras: Sequence[Camera], views: Sequence[View], board: Board, board_on: str = BASE
) -> Solution:
    """Finds the cameras. Raises ConfigurationError with the views that are missing.

    board_on: "base" for a board that lies on the table, "gripper" for one that the gripper holds.
    """
    problem = _Problem(cameras, _merged(cameras, views, board_on), board, board_on)
    start = problem.guess()
    found = problem.refine(start)
    wrong = problem.wrong_views(found)
    if wrong:
        problem = problem.without(wrong)
        found = problem.refine(found)
    return problem.solution(found, tuple((view.camera, view.stamp_ns) for view in wrong))


def calibrate_lens(
    camera: Camera, views: Sequence[View], board: Board
) -> tuple[Array, Array, list[Array]]:
    """(9,) lens, the standard deviations (6,) of what is free in it, and the poses (4, 4) of the
    board in the camera's frame, view by view.

    Raises ConfigurationError where the views are too few or too alike for a focal length.
    """
    if len(views) < LEAST_LENS_VIEWS:
        raise ConfigurationError(
            f"camera {camera.name}: the board was seen in {len(views)} different pictures, "
            f"expected {LEAST_LENS_VIEWS} or more: {HOW_TO_SHOW[camera.mounted_on]}"
        )
    corners = board.corners_m
    objects = [corners[view.ids].astype(np.float32) for view in views]
    pixels = [view.pixels.astype(np.float32).reshape(-1, 1, 2) for view in views]
    guess = np.array(
        [[camera.width, 0, 0.5 * (camera.width - 1)], [0, camera.width, 0.5 * (camera.height - 1)],
         [0, 0, 1.0]]
    )  # fmt: skip
    flags = (
        cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_ASPECT_RATIO | cv2.CALIB_ZERO_TANGENT_DIST
        | cv2.CALIB_FIX_K3
    )  # fmt: skip
    try:
        results = cv2.calibrateCameraExtended(
            objects, pixels, (camera.width, camera.height), guess, np.zeros(5), flags=flags
        )
    except cv2.error as error:
        raise ConfigurationError(f"camera {camera.name}: {error}") from error
    _, matrix, distortion, turns, places, sigmas, *_ = results
    focal, focal_sigma = float(matrix[0, 0]), float(np.ravel(sigmas)[0])
    if not 0.2 * camera.width < focal < 10.0 * camera.width or focal_sigma > 0.02 * focal:
        raise ConfigurationError(
            f"camera {camera.name}: the board was seen from too much the same side: its focal "
            f"length of {focal:.0f} px is known to {focal_sigma:.0f} px only, expected "
            f"{0.02 * focal:.0f}: {HOW_TO_SHOW[camera.mounted_on]}"
        )
    lens = np.zeros(_LENS)
    lens[:4] = matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2]
    lens[4:] = np.ravel(distortion)[:5]
    poses = [
        from_vector(np.concatenate([np.ravel(place), np.ravel(turn)]))
        for turn, place in zip(turns, places, strict=True)
    ]
    spread = np.ravel(sigmas)[[0, 0, 2, 3, 4, 5]] * np.sqrt(_INDEPENDENT)
    return lens, np.maximum(spread, 1e-4), poses


def _scale(camera: Camera) -> Array:
    """(6,) what `_LENS_SIGMA` is in."""
    return np.append(np.full(4, float(camera.width)), np.ones(2))


HOW_TO_SHOW = {
    BASE: "hold the board before it, tilted to the left, right, front and back by 30 degrees, "
    "near and far, and still for a second each",
    GRIPPER: "move the arm so that it sees the board from several sides, near and far, and rest "
    "for a second at each",
}


def hand_eye(hands: Sequence[Array], boards: Sequence[Array], camera_in_hand: bool) -> Array:
    """(4, 4): the camera in the hand, or the board in the hand where the camera stands still.

    hands: (4, 4) of the hand in the base; boards: (4, 4) of the board in the camera, view by view.
    """
    turns_a, turns_b, pairs = [], [], []
    for i in range(len(hands)):
        for j in range(i):
            a = inverse(hands[j]) @ hands[i]
            b = boards[j] @ inverse(boards[i]) if camera_in_hand else inverse(boards[j]) @ boards[i]
            turns_a.append(Rotation.from_matrix(a[:3, :3]).as_rotvec())
            turns_b.append(Rotation.from_matrix(b[:3, :3]).as_rotvec())
            pairs.append((a, b))
    turn, _ = Rotation.align_vectors(turns_a, turns_b)
    rotation = turn.as_matrix()
    rows = np.concatenate([a[:3, :3] - np.eye(3) for a, _ in pairs])
    right = np.concatenate([rotation @ b[:3, 3] - a[:3, 3] for a, b in pairs])
    result = np.eye(4)
    result[:3, :3] = rotation
    result[:3, 3] = np.linalg.lstsq(rows, right, rcond=None)[0]
    return result


def _merged(cameras: Sequence[Camera], views: Sequence[View], board_on: str) -> list[View]:
    """The views, with one in place of all that a camera has of a board that stands still before it:
    they tell the same, and err alike."""
    still = {camera.name for camera in cameras if camera.mounted_on == board_on}
    kept = [view for view in views if not (view.camera in still and view.at_rest)]
    for name in sorted(still):
        same = [view for view in views if view.camera == name and view.at_rest]
        if not same:
            continue
        by_corner: dict[int, list[Array]] = {}
        for view in same:
            for number, pixel in zip(view.ids, view.pixels, strict=True):
                by_corner.setdefault(int(number), []).append(pixel)
        # One that was seen in a few of many pictures only was half behind the arm.
        seen = {k: v for k, v in sorted(by_corner.items()) if len(v) > 0.2 * len(same)}
        middle = [np.median(pixels, axis=0) for pixels in seen.values()]
        kept.append(same[0]._replace(ids=np.array(list(seen)), pixels=np.array(middle)))
    return kept


class _Problem:
    """The unknowns: three offsets, the board (6), and for each camera its pose (6) and lens (6)."""

    def __init__(
        self, cameras: Sequence[Camera], views: Sequence[View], board: Board, board_on: str
    ) -> None:
        self._cameras, self._board, self._board_on = tuple(cameras), board, board_on
        self._views = tuple(views)
        self._hand = Hand()
        self._corners = board.corners_m
        self._lenses: dict[str, Array] = {}
        self._lens_sigmas: dict[str, Array] = {}
        self._resting = [view for view in views if view.at_rest]

    def without(self, wrong: Sequence[View]) -> _Problem:
        stamps = {(view.camera, view.stamp_ns) for view in wrong}
        kept = [view for view in self._views if (view.camera, view.stamp_ns) not in stamps]
        other = _Problem(self._cameras, kept, self._board, self._board_on)
        other._lenses, other._lens_sigmas = self._lenses, self._lens_sigmas
        return other

    # -- first guesses -------------------------------------------------------------------------

    def guess(self) -> Array:
        """The vector of unknowns as the board alone tells it."""
        seen: dict[str, list[tuple[View, Array]]] = {}
        for camera in self._cameras:
            views = [view for view in self._views if view.camera == camera.name]
            lens, sigma, poses = calibrate_lens(camera, views, self._board)
            self._lenses[camera.name] = lens
            moving = camera.mounted_on != self._board_on
            # What moves by the arm is told again by the same pictures, and better.
            self._lens_sigmas[camera.name] = _LENS_SIGMA * _scale(camera) if moving else sigma
            seen[camera.name] = [
                (view, where) for view, where in zip(views, poses, strict=True) if view.at_rest
            ]
        board = self._guess_board(seen)
        values = [np.zeros(_OFFSETS), to_vector(board)]
        for camera in self._cameras:
            values += [
                to_vector(self._guess_camera(camera, seen[camera.name], board)),
                self._lenses[camera.name][list(_FREE_LENS)],
            ]
        return np.concatenate(values)

    def _guess_board(self, seen: dict[str, list[tuple[View, Array]]]) -> Array:
        """Of the camera that moves against the board with the arm: the one of the most views."""
        telling = [camera for camera in self._cameras if camera.mounted_on != self._board_on]
        if not telling:
            raise ConfigurationError(
                "no camera moves against the board: with the board on the table one has to be on "
                "the gripper (--on-gripper), with --board-on gripper one has to stand still"
            )
        camera = max(telling, key=lambda each: len(seen[each.name]))
        views = seen[camera.name]
        if len(views) < LEAST_HAND_VIEWS:
            raise ConfigurationError(
                f"camera {camera.name}: it saw the board where it stayed from {len(views)} poses "
                "of the arm at rest, expected "
                f"{LEAST_HAND_VIEWS} or more: {HOW_TO_SHOW[GRIPPER]}"
            )
        hands = [self._hand.pose(view.joints_rad) for view, _ in views]
        boards = [where for _, where in views]
        self._check_turns(camera, hands)
        in_hand = hand_eye(hands, boards, camera.mounted_on == GRIPPER)
        if camera.mounted_on == BASE:
            return in_hand  # the board in the hand
        return _middle([hand @ in_hand @ seen for hand, seen in zip(hands, boards, strict=True)])

    def _check_turns(self, camera: Camera, hands: Sequence[Array]) -> None:
        """About one axis alone, where the camera is along that axis stays unknown."""
        turns = np.array(
            [Rotation.from_matrix(hands[0][:3, :3].T @ h[:3, :3]).as_rotvec() for h in hands]
        )
        second = float(np.linalg.svd(turns - turns.mean(axis=0), compute_uv=False)[1])
        spread_deg = float(np.degrees(second / np.sqrt(len(hands))))
        if spread_deg < 6.0:
            raise ConfigurationError(
                f"camera {camera.name}: the arm turned the gripper about one axis only (about the "
                f"second by {spread_deg:.1f} degrees, expected 6 or more): turn its wrist as well, "
                "and look from the left and the right"
            )

    def _guess_camera(
        self, camera: Camera, views: Sequence[tuple[View, Array]], board: Array
    ) -> Array:
        if not views:
            raise ConfigurationError(
                f"camera {camera.name}: it never saw the board where it stayed: "
                + (
                    HOW_TO_SHOW[GRIPPER]
                    if camera.mounted_on == GRIPPER
                    else "lay it where this camera sees it, and let it lie to the end"
                )
            )
        found = []
        for view, seen in views:
            hand = self._hand.pose(view.joints_rad)
            in_base = (hand if self._board_on == GRIPPER else np.eye(4)) @ board @ inverse(seen)
            found.append((inverse(hand) if camera.mounted_on == GRIPPER else np.eye(4)) @ in_base)
        return _middle(found)

    # -- all at once ---------------------------------------------------------------------------

    def refine(self, start: Array) -> Array:
        """The vector of unknowns that fits all corners best."""
        result = least_squares(
            self._residuals, start, x_scale="jac", loss="soft_l1", f_scale=_OUTLIER_PX,
            ftol=1e-6, max_nfev=60,
        )  # fmt: skip
        return np.asarray(result.x)

    def _residuals(self, values: Array) -> Array:
        """Corners' errors [px], then what departs from the priors, as many sigmas as pixels."""
        priors = [values[:_OFFSETS] / OFFSET_SIGMA_RAD * _LEAST_PX]
        for index, camera in enumerate(self._cameras):
            lens = self._slice(values, index)[6:]
            guess = self._lenses[camera.name][list(_FREE_LENS)]
            priors.append((lens - guess) / self._lens_sigmas[camera.name] * _LEAST_PX)
        errors = [self._errors(values, view).ravel() for view in self._resting]
        return np.concatenate(errors + priors)

    def _errors(self, values: Array, view: View) -> Array:
        """(N, 2) pixels from where the corners were seen to where they should be."""
        index = next(i for i, each in enumerate(self._cameras) if each.name == view.camera)
        camera = self._cameras[index]
        chosen = self._slice(values, index)
        hand = self._hand_pose(values, view)
        where = from_vector(chosen[:6])
        board = from_vector(values[_OFFSETS : _OFFSETS + 6])
        in_base = hand @ where if camera.mounted_on == GRIPPER else where
        board_in_base = hand @ board if self._board_on == GRIPPER else board
        seen = inverse(in_base) @ board_in_base
        return _project(self._corners[view.ids], seen, self._lens(values, index)) - view.pixels

    def _hand_pose(self, values: Array, view: View) -> Array:
        joints = view.joints_rad.copy()
        joints[_OFFSET_INDICES] += values[:_OFFSETS]
        return self._hand.pose(joints)

    def _slice(self, values: Array, index: int) -> Array:
        """(12,) the pose and the free part of the lens of one camera."""
        begin = _OFFSETS + 6 + index * (6 + len(_FREE_LENS))
        return values[begin : begin + 6 + len(_FREE_LENS)]

    def _lens(self, values: Array, index: int) -> Array:
        lens = self._lenses[self._cameras[index].name].copy()
        lens[list(_FREE_LENS)] = self._slice(values, index)[6:]
        return lens

    def wrong_views(self, values: Array) -> list[View]:
        """Views that fit nothing: the arm or the board moved, or corners were mistaken."""
        errors = [_rms(self._errors(values, view)) for view in self._resting]
        limit = max(_WRONG_VIEW * float(np.median(errors)), 2.0 * _OUTLIER_PX)
        return [v for v, error in zip(self._resting, errors, strict=True) if error > limit]

    def solution(self, values: Array, left_out: tuple[tuple[str, int], ...]) -> Solution:
        sigma = self._sigmas(values)
        cameras = {}
        for index, camera in enumerate(self._cameras):
            chosen, spread = self._slice(values, index), self._slice(sigma, index)
            lens = self._lens(values, index)
            where = from_vector(chosen[:6])
            x, y, z, w = Rotation.from_matrix(where[:3, :3]).as_quat()
            views = [view for view in self._resting if view.camera == camera.name]
            errors = np.concatenate([self._errors(values, view) for view in views])
            cameras[camera.name] = Aligned(
                AlignedCamera(
                    camera.mounted_on,
                    tuple(map(float, chosen[:3])),
                    (float(w), float(x), float(y), float(z)),
                    camera.width,
                    camera.height,
                    (float(lens[0]), float(lens[1])),
                    (float(lens[2]), float(lens[3])),
                    tuple(map(float, lens[4:])),
                ),
                spread[:3],
                spread[3:6],
                _rms(errors),
                len(views),
            )
        joints = slice(0, _OFFSETS)
        board = from_vector(values[_OFFSETS : _OFFSETS + 6])
        return Solution(cameras, values[joints], sigma[joints], board, left_out)

    def _sigmas(self, values: Array) -> Array:
        """Standard deviations of all unknowns, by the curvature at the solution."""
        residuals = self._residuals(values)
        step = 1e-6
        columns = []
        for index in range(len(values)):
            moved = values.copy()
            moved[index] += step
            columns.append((self._residuals(moved) - residuals) / step)
        jacobian = np.column_stack(columns)
        corners = sum(view.pixels.size for view in self._resting)
        noise_px = max(_rms(residuals[:corners].reshape(-1, 2)), _LEAST_PX)
        weights = np.full(len(residuals), 1.0 / _LEAST_PX)
        weights[:corners] = 1.0 / (noise_px * np.sqrt(_INDEPENDENT))
        information = (jacobian * weights[:, None]).T @ (jacobian * weights[:, None])
        return np.sqrt(np.diag(np.linalg.pinv(information)))


def _project(points: Array, where: Array, lens: Array) -> Array:
    """(N, 2) pixels of points (N, 3) of a frame at ``where`` (4, 4) before the camera."""
    x, y, z = where[:3, :3] @ points.T + where[:3, 3:]
    z = np.where(z > 1e-3, z, 1e-3)
    x, y = x / z, y / z
    fx, fy, cx, cy, k1, k2, p1, p2, k3 = lens
    r2 = x * x + y * y
    radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3))
    u = x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x)
    v = y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y
    return np.column_stack([fx * u + cx, fy * v + cy])


def _rms(errors: Array) -> float:
    """Root mean square of the lengths of (N, 2)."""
    return float(np.sqrt((errors**2).sum(axis=1).mean()))


def _middle(poses: Sequence[Array]) -> Array:
    """The pose whose position is the median, and rotation the mean, of some."""
    matrix = np.eye(4)
    matrix[:3, 3] = np.median([each[:3, 3] for each in poses], axis=0)
    matrix[:3, :3] = Rotation.from_matrix([each[:3, :3] for each in poses]).mean().as_matrix()
    return matrix
